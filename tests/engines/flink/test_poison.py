"""No single record stops `unify`: unreadable records go to quarantine with the reason, and all others count."""

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from c360_core.contracts import load
from c360_core.segment import load as load_segments
from c360_core.segment import profile_fields
from flink_apps.unify.pipeline import ARRIVALS, PERSON_STATES, SUMS
from tests.engines.flink.unify_job import Unify, defined, eventually, running, table_environment

LONG_NUMBER = "1" * 1_001
DEEP = '{"a":' * 1_100 + "1" + "}" * 1_100
PERSON = "p_0000000000000000000000good"


def interaction(number: int, **changes: Any) -> dict[str, Any]:
    """Return an order of the one person of these tests; `...` leaves a field out."""
    record = {
        "event_id": f"e-{number}",
        "event_type": "order_placed",
        "source": "web_events",
        "schema_version": 1,
        "occurred_at": "2026-03-01T09:00:00Z",
        "received_at": "2026-03-01T09:00:00Z",
        "replay_id": None,
        "customer_key": "email:" + "0" * 32,
        "identifier_keys": [],
        "session_start": False,
        "amount": "1.00",
        "currency": "USD",
        "payload": "{}",
        **changes,
    }
    return {name: value for name, value in record.items() if value is not ...}


def of_type(event_type: str, payload: str, **changes: Any) -> bytes:
    return json.dumps(interaction(99, event_type=event_type, payload=payload, **changes)).encode()


def raw(old: str, new: str) -> bytes:
    """Return a good interaction with a part of its text replaced."""
    text = json.dumps(interaction(99))
    assert old in text
    return text.replace(old, new).encode()


# The record, the code, and the beginning of the reason.
BAD_INTERACTIONS: dict[str, tuple[bytes, str, str]] = {
    "no JSON": (b"{broken", "MALFORMED_JSON", "the record is no valid JSON"),
    "cut off": (json.dumps(interaction(99)).encode()[:90], "MALFORMED_JSON", "the record is no valid JSON"),
    "no object": (b"[1, 2]", "MALFORMED_JSON", "the record is no JSON object"),
    "nothing": (b"null", "MALFORMED_JSON", "the record is no JSON object"),
    "no UTF-8": (b'{"event_id": "caf\xe9"}', "MALFORMED_JSON", "the record is no valid JSON"),
    "a number of 1,001 digits": (raw('"payload"', f'"x": {LONG_NUMBER}, "payload"'), "MALFORMED_JSON", "the record"),
    "too deep": (raw('"payload"', f'"x": {DEEP}, "payload"'), "MALFORMED_JSON", "the record is no valid JSON"),
    "a moment that is none": (raw("2026-03-01T09:00:00Z", "yesterday"), "WRONG_TYPE", "`occurred_at` cannot be read"),
    "a moment of no calendar": (raw("2026-03-01T", "+999999-03-01T"), "OUT_OF_RANGE", "`occurred_at` is outside"),
    "an amount in words": (raw('"1.00"', '"a lot"'), "WRONG_TYPE", "`amount` cannot be read as DECIMAL(14, 2)"),
    "an amount that does not fit": (raw('"1.00"', "1e20"), "WRONG_TYPE", "`amount` cannot be read as DECIMAL(14, 2)"),
    "an amount without end": (raw('"1.00"', "1e99999999"), "WRONG_TYPE", "`amount` cannot be read as DECIMAL(14, 2)"),
    "a truth that is none": (raw("false", '"maybe"'), "WRONG_TYPE", "`session_start` cannot be read as BOOLEAN"),
    "no customer": (
        json.dumps(interaction(99, customer_key=...)).encode(),
        "MISSING_FIELD",
        "`customer_key` is missing",
    ),
    "a payload that is no JSON": (of_type("case_closed", "{broken"), "WRONG_TYPE", "`payload` is no JSON object"),
    "a payload with 1,001 digits": (
        of_type("consent_changed", f'{{"purpose": "m", "channel": "e", "granted": true, "x": {LONG_NUMBER}}}'),
        "WRONG_TYPE",
        "`payload` is no JSON object that can be read",
    ),
    "a payload that is too deep": (of_type("contact_changed", DEEP, source="demographics"), "WRONG_TYPE", "`payload`"),
    "half a mark": (of_type("case_closed", '{"csat": 3.5}'), "WRONG_TYPE", "`payload.csat` is no whole number"),
    "a mark in words": (of_type("case_closed", '{"csat": "good"}'), "WRONG_TYPE", "`payload.csat` is no whole number"),
    "points beyond 64 bits": (
        of_type("loyalty_points_changed", '{"balance": 1e30}'),
        "WRONG_TYPE",
        "`payload.balance`",
    ),
    "points without end": (of_type("loyalty_points_changed", '{"balance": 1e99999999}'), "WRONG_TYPE", "`payload.bal"),
    "a consent that says nothing": (
        of_type("consent_changed", '{"purpose": "m", "channel": "e", "granted": "yes"}'),
        "WRONG_TYPE",
        "`payload.granted` is neither",
    ),
    "a consent to nothing": (of_type("consent_changed", '{"granted": true}'), "WRONG_TYPE", "`payload.purpose` or"),
}
BAD_CHANGES: dict[str, tuple[bytes, str, str]] = {
    "no JSON": (b"\x00\x01", "MALFORMED_JSON", "the record is no valid JSON"),
    "a version that is none": (b'{"kind": "person", "op": "upsert", "version": "x"}', "WRONG_TYPE", "`version` cannot"),
    "a kind that is none": (
        b'{"kind": "robot", "op": "upsert", "version": 1, "person_id": "p_1"}',
        "OUT_OF_RANGE",
        "`kind` is neither",
    ),
    "nobody": (b'{"kind": "person", "op": "upsert", "version": 1}', "OUT_OF_RANGE", "`person_id` is missing"),
    "an id without end": (
        json.dumps({"kind": "person", "op": "upsert", "version": 1, "person_id": "p" * 65}).encode(),
        "OUT_OF_RANGE",
        "`person_id` is empty or longer than 64 characters",
    ),
    "no id": (
        b'{"kind": "person", "op": "upsert", "version": 1, "person_id": ""}',
        "OUT_OF_RANGE",
        "`person_id` is empty or longer",
    ),
    # The writer of profiles could not read the profile that would come of it.
    "fewer records than none": (
        b'{"kind": "person", "op": "upsert", "version": 1, "person_id": "p_1", "record_count": -1}',
        "OUT_OF_RANGE",
        "`record_count` is below 0",
    ),
    "no key": (b'{"kind": "identifier", "op": "delete", "version": 1}', "OUT_OF_RANGE", "`key` of an identifier"),
}
GREAT = [interaction(1_000 + number, amount="999999999999.99") for number in range(2)]
ODD = [
    interaction(2_000, event_type="case_closed", amount=None, payload='{"case_id": "c-1", "csat": 3.0}'),
    interaction(2_001, event_type="loyalty_points_changed", amount=None, payload='{"balance": 3000000000}'),
]
OWNED = {"kind": "identifier", "op": "upsert", "key": "email:" + "0" * 32, "person_id": PERSON, "version": 1}
SAID = {"kind": "person", "op": "upsert", "person_id": PERSON, "version": 1, "record_count": 1}


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unify]:
    """A job that got good and bad records in turns, each bad one twice, and a good one last."""
    segments = load_segments(profile_fields(load().product("profiles").table))
    with running(tmp_path_factory.mktemp("poison"), segments) as started:
        for number, (record, _, _) in enumerate(BAD_INTERACTIONS.values()):
            good = json.dumps(interaction(number)).encode()
            started.feed_records("interaction_records", [good, record, record])
        for record, _, _ in BAD_CHANGES.values():
            started.feed_records("identity_change_records", [record, record])
        started.feed("identity_change_records", [OWNED, SAID])
        started.feed("interaction_records", [*GREAT, *ODD])
        yield started


def test_everything_good_is_counted(job: Unify) -> None:
    def check() -> None:
        told = [row for row in job.rows("profile_changes") if row["kind"] == "profile" and row["person_id"] == PERSON]
        last = told[-1] if told else {}
        assert last.get("event_count") == len(BAD_INTERACTIONS) + len(GREAT) + len(ODD)
        assert last["spend"] == len(BAD_INTERACTIONS) + Decimal("1999999999999.98")
        assert (last["csat_average"], last["last_case_csat"], last["loyalty_points"]) == (3, 3, 3_000_000_000)

    eventually(check)


@pytest.mark.parametrize(
    ("stream", "expected"),
    [("interactions", BAD_INTERACTIONS), ("identity_changes", BAD_CHANGES)],
)
def test_everything_bad_is_in_quarantine_once_with_its_reason(
    job: Unify, stream: str, expected: dict[str, tuple[bytes, str, str]]
) -> None:
    def check() -> None:
        rows = {row["body"]: row for row in job.rows("rejected") if row["source"] == stream}
        assert len([row for row in job.rows("rejected") if row["source"] == stream]) == len(expected)
        for name, (record, code, reason) in expected.items():
            row = rows[record.decode(errors="backslashreplace")]
            assert (name, row["reason_code"], row["reason"][: len(reason)]) == (name, code, reason)
            assert (row["run_id"], row["rejected_id"][:2]) == ("unify", "u_")

    eventually(check)


def test_reasons_hold_no_values(job: Unify) -> None:
    reasons = " ".join(row["reason"] for row in job.rows("rejected"))
    assert not any(value in reasons for value in ("yesterday", "a lot", "maybe", "broken", "robot"))


def test_each_stream_is_read_once_and_each_record_taken_apart_once(tmp_path: Path) -> None:
    environment = table_environment(tmp_path)
    defined(environment, tmp_path, load_segments(profile_fields(load().product("profiles").table)))
    plan = environment.from_path(PERSON_STATES).explain().partition("== Optimized Execution Plan ==")[2]
    assert "read_record" not in plan
    assert plan.count("TableSourceScan(") == len(ARRIVALS | SUMS)
