"""Print what `clean` accepts of a campaign, for tests in environments that have no `clean`: seed, documents, type."""

import json
import sys
from datetime import UTC, datetime

from tests.factories.hostile import accepted_events

NOW = datetime(2026, 4, 1, tzinfo=UTC)


def main(seed: str, documents: str, event_type: str) -> None:
    for event in accepted_events(int(seed), int(documents), now=NOW).values():
        if event.event_type == event_type:
            row = {
                "event_id": event.event_id,
                "customer_key": event.customer_key,
                "identifier_keys": event.identifier_keys,
                "occurred_at": event.occurred_at.isoformat(),
                "identifiers": event.identifiers,
                "payload": event.payload,
            }
            sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
