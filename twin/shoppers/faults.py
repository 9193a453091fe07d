"""Events that must be rejected, one builder per reason that a stream event can have.

Each is wrong in one way only, so that there is one right reason code.
"""

import json
import random
from collections.abc import Callable
from typing import Any, Final

from twin.shoppers.tape import Tape, envelope

Event = dict[str, Any]
OVERSIZE_BYTES: Final = 40_000


def example(source: str, number: int, at: int) -> Event:
    """Return a good event of the source, to be spoilt."""
    event_id = f"bad-{source[:3]}-{number}"
    if source == "pos_transactions":
        payload = {
            "order_id": f"bad-{number}",
            "store_id": "1",
            "currency": "USD",
            "total": "1.00",
            "lines": [{"product_id": "1", "quantity": 1, "amount": "1.00"}],
        }
        return envelope(source, "order_placed", event_id, at, {"loyalty_id": ["L0000000"]}, payload)
    identifiers = {"device_id": ["d-000000000000"], "cookie_id": ["k-000000000000"]}
    return envelope(source, "cart_updated", event_id, at, identifiers, {"product_id": "1", "quantity": 1})


def _malformed(event: Event, number: int) -> str:
    text = json.dumps(event)
    return text[: len(text) // 2] if number % 2 else f"<event>{event['event_id']}</event>"


def _unknown_source(event: Event, _: int) -> Event:
    return {**event, "source": "kiosk_events"}


def _unknown_event_type(event: Event, _: int) -> Event:
    """Return an event of another source's type: one that no contract names is kept of some sources."""
    return {**event, "event_type": "case_opened"}


def _missing_field(event: Event, number: int) -> Event:
    if number % 2:
        return {name: value for name, value in event.items() if name != "occurred_at"}
    payload = dict(event["payload"])
    del payload["order_id" if "order_id" in payload else "product_id"]
    return {**event, "payload": payload}


def _wrong_type(event: Event, number: int) -> Event:
    if number % 2:
        return {**event, "occurred_at": "yesterday"}
    wrong = {"total": "1 dollar"} if "total" in event["payload"] else {"quantity": "two"}
    return {**event, "payload": {**event["payload"], **wrong}}


def _out_of_range(event: Event, number: int) -> Event:
    if number % 2:
        return {**event, "schema_version": 9}
    if "lines" in event["payload"]:
        line = {**event["payload"]["lines"][0], "quantity": -1}
        return {**event, "payload": {**event["payload"], "lines": [line]}}
    return {**event, "payload": {**event["payload"], "quantity": 5000}}


def _future(event: Event, _: int) -> Event:
    return {**event, "occurred_at": "2099-01-01T00:00:00.000Z"}


def _oversize(event: Event, _: int) -> Event:
    return {**event, "payload": {**event["payload"], "debug": "x" * OVERSIZE_BYTES}}


def _no_identifier(event: Event, _: int) -> Event:
    return {**event, "identifiers": {}}


FAULTS: Final[dict[str, Callable[[Event, int], Event | str]]] = {
    "MALFORMED_JSON": _malformed,
    "UNKNOWN_SOURCE": _unknown_source,
    "UNKNOWN_EVENT_TYPE": _unknown_event_type,
    "MISSING_FIELD": _missing_field,
    "WRONG_TYPE": _wrong_type,
    "OUT_OF_RANGE": _out_of_range,
    "FUTURE_EVENT": _future,
    "OVERSIZE": _oversize,
    "NO_IDENTIFIER": _no_identifier,
}


def add_bad_events(tape: Tape, rng: random.Random, per_reason: int, first: int, last: int) -> None:
    """Put `per_reason` events of every fault between two instants onto the tape."""
    number = 0
    for reason_code, spoil in FAULTS.items():
        for _ in range(per_reason):
            number += 1
            at = rng.randint(first, last)
            spoilt = spoil(example(tape.source, number, at), number)
            line = spoilt if isinstance(spoilt, str) else json.dumps(spoilt, separators=(",", ":"))
            tape.add_bad(line, at, reason_code)
