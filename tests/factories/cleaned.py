"""Print what `clean` makes of the events on standard input, one a line, for tests in environments that have no `clean`.

Each answer has the event's id, and its time and payload, or the reason of its rejection.
"""

import json
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from c360_core.interaction import RejectedEventError, read_interaction


def answer(line: str, now: datetime) -> dict[str, Any]:
    event_id = json.loads(line)["event_id"]
    try:
        found = read_interaction(line.encode(), secret=b"0123456789abcdef", now=now)
    except RejectedEventError as error:
        return {"event_id": event_id, "reason": str(error)}
    return {"event_id": event_id, "occurred_at": found.occurred_at.isoformat(), "payload": json.loads(found.payload)}


def main(lines: Iterable[str], now: str) -> None:
    for line in lines:
        sys.stdout.write(json.dumps(answer(line.strip(), datetime.fromisoformat(now))) + "\n")


if __name__ == "__main__":
    main(sys.stdin, sys.argv[1])
