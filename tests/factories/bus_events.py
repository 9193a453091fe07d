"""Events of the bus, as EventBridge delivers them."""

from typing import Any

from c360_core.bus_events import CONTRACTS, BusEvent
from tests.factories.profiles import PERSON

DETAILS: dict[BusEvent, dict[str, Any]] = {
    BusEvent.DECISION_MADE: {
        "decision_id": "d_1",
        "trigger": "welcome",
        "action": "send",
        "channel": "email",
        "template": "welcome",
        "purpose": "marketing",
        "reasons": ["WELCOME"],
        "decided_at": "2026-03-01T12:00:00.000Z",
        "not_before": "2026-03-01T12:00:00.000Z",
        "trace_id": "1-2-3",
    },
    BusEvent.SEGMENTS_CHANGED: {
        "event_id": "w_1",
        "version": "7",
        "entered": ["high_spenders"],
        "left": [],
        "segments": ["high_spenders"],
        "changed": ["high_spenders"],
        "is_gone": False,
        "changed_at": "2026-03-01T12:00:00.000Z",
    },
    BusEvent.CONSENT_CHANGED: {
        "event_id": "w_2",
        "purpose": "marketing",
        "channel": "email",
        "status": "granted",
        "changed_at": "2026-03-01T12:00:00.000Z",
    },
    BusEvent.MESSAGE_OUTCOME: {
        "event_id": "w_3",
        "message_id": "m_1",
        "decision_id": "d_1",
        "channel": "email",
        "template": "welcome",
        "outcome": "delivered",
        "changed_at": "2026-03-01T12:00:00.000Z",
    },
    BusEvent.ORDER_PLACED: {
        "event_id": "w_4",
        "version": "7",
        "ordered_at": "2026-03-01T12:00:00.000Z",
        "changed_at": "2026-03-01T12:00:01.000Z",
    },
}


def bus_event(kind: BusEvent = BusEvent.DECISION_MADE, **changed: Any) -> dict[str, Any]:
    """Return an event of a kind; None leaves a field of the detail out."""
    detail = {"person_id": PERSON, **DETAILS[kind], **changed}
    return {
        "id": "another-one-with-each-delivery",
        "source": CONTRACTS[kind].source,
        "detail-type": CONTRACTS[kind].detail_type,
        "detail": {name: value for name, value in detail.items() if value is not None},
    }
