"""Rows of the table of rejected records."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from c360_core.interaction import rejected_id
from c360_core.replay import RejectedRow
from tests.factories.events import event

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def row(number: int, body: Any = None, **values: Any) -> RejectedRow:
    given_body = event("web_events", "page_viewed", event_id=f"e-{number}") if body is None else body
    made = RejectedRow(
        rejected_id=rejected_id(f"0:{number}"),
        source="web_events",
        reason_code="UNKNOWN_EVENT_TYPE",
        reason="`event_type` is not one that `web_events` may send",
        received_at=NOW + timedelta(seconds=number),
        body=given_body if isinstance(given_body, str) else json.dumps(given_body),
        fixed_by=None,
    )
    return replace(made, **values)
