"""What may be replayed, what is held back, and how a payload is corrected."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.interaction import ReasonCode, rejected_id
from c360_core.replay import (
    HELD_BACK,
    JudgedRow,
    RejectedRow,
    ReplayInstructions,
    ReplayVerdict,
    correction_line,
    judge,
    read_correction,
)
from tests.factories.events import event

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GOOD = event("web_events", "page_viewed", event_id="e-1")


def row(body: Any = GOOD, **values: Any) -> RejectedRow:
    row = RejectedRow(
        rejected_id=rejected_id("0:1"),
        source="web_events",
        reason_code="MISSING_FIELD",
        reason="`payload.url` is missing; send it",
        received_at=NOW,
        body=body if isinstance(body, str) or body is None else json.dumps(body),
        fixed_by=None,
    )
    return replace(row, **values)


def judged(subject: RejectedRow, **wishes: Any) -> JudgedRow:
    return judge(subject, ReplayInstructions(**wishes), now=NOW)


def test_an_event_that_its_contract_accepts_now_is_sent_unchanged_with_its_id() -> None:
    body = json.dumps(GOOD, indent=3)

    found = judged(row(body))

    assert found.verdict is ReplayVerdict.SEND
    assert found.event is not None
    assert found.event.data == body.encode()
    assert (found.event.event_id, found.fixed_by) == ("e-1", "e-1")
    assert found.event.identifiers == GOOD["identifiers"]


def test_an_event_that_would_be_rejected_again_is_held_back_with_its_current_reason() -> None:
    found = judged(row({**GOOD, "payload": {}}))

    assert found.verdict is ReplayVerdict.STILL_BROKEN
    assert found.reason == "MISSING_FIELD: `payload.url` is missing; send it"
    assert found.event is None
    assert found.fixed_by is None


def test_an_event_without_an_id_is_held_back_because_a_repetition_would_be_undetected() -> None:
    without = {name: value for name, value in GOOD.items() if name != "event_id"}

    assert "`event_id` is missing" in judged(row(without)).reason
    assert judged(row(without)).verdict is ReplayVerdict.STILL_BROKEN


@pytest.mark.parametrize("code", [ReasonCode.OVERSIZE, ReasonCode.WRONG_ENCODING])
def test_a_record_that_was_not_kept_whole_is_replayed_only_if_corrected(code: ReasonCode) -> None:
    held = row(reason_code=str(code))

    assert judged(held).verdict is ReplayVerdict.NOT_WHOLE
    assert judged(held, corrected={held.rejected_id: json.dumps(GOOD)}).verdict is ReplayVerdict.SEND


def test_a_row_without_a_body_is_replayed_only_if_corrected() -> None:
    assert judged(row(None)).verdict is ReplayVerdict.NOT_WHOLE


@pytest.mark.parametrize("body", ['{"loyalty_id": "L1", "points": "many"}', "s3://quarantine/files/x.csv", None])
def test_a_row_of_a_file_is_no_event_even_if_corrected_into_one(body: str | None) -> None:
    held = row(body, rejected_id="0" * 32, source="loyalty_members")

    assert judged(held).verdict is ReplayVerdict.FROM_FILE
    assert judged(held, corrected={held.rejected_id: json.dumps(GOOD)}).verdict is ReplayVerdict.FROM_FILE


@pytest.mark.parametrize("source", ["interactions", "identity_changes"])
def test_a_rejection_of_unify_is_a_stream_record_and_never_replayed_as_an_event(source: str) -> None:
    """Its body may well look like an event: `clean` has taken that one already, and would drop it as a repetition."""
    held = row(GOOD, rejected_id=f"u_{'0' * 32}", source=source)

    assert judged(held).verdict is ReplayVerdict.FROM_UNIFY
    assert judged(held, corrected={held.rejected_id: json.dumps(GOOD)}).verdict is ReplayVerdict.FROM_UNIFY
    assert judged(held, fixed_by="put again").verdict is ReplayVerdict.NOTE
    assert judged(replace(held, fixed_by="put again")).verdict is ReplayVerdict.REPLAYED_BEFORE


def test_an_event_that_a_file_published_is_an_event() -> None:
    published = event("loyalty_members", "loyalty_points_changed", event_id="f_1")

    assert judged(row(published, source="loyalty_members")).verdict is ReplayVerdict.SEND


def test_a_corrected_payload_replaces_the_received_one() -> None:
    held = row({**GOOD, "payload": {}})

    found = judged(held, corrected={held.rejected_id: json.dumps(GOOD)})

    assert found.event is not None
    assert json.loads(found.event.data) == GOOD


@pytest.mark.parametrize("corrected", ["", "{}", '"\\ud800"', '{"event_id": "\ud800"}'])
def test_a_corrected_payload_that_is_still_wrong_is_held_back(corrected: str) -> None:
    held = row()

    assert judged(held, corrected={held.rejected_id: corrected}).verdict is ReplayVerdict.STILL_BROKEN


def test_a_replayed_row_is_skipped_unless_requested_again() -> None:
    held = row(fixed_by="e-1")

    assert judged(held).verdict is ReplayVerdict.REPLAYED_BEFORE
    assert judged(held, again=True).verdict is ReplayVerdict.SEND


def test_a_replay_id_makes_history_of_an_event_and_changes_nothing_else() -> None:
    found = judged(row(), replay_id="outage-7")

    assert found.event is not None
    assert json.loads(found.event.data) == {**GOOD, "replay_id": "outage-7"}
    assert judged(row(), replay_id="x" * 65).verdict is ReplayVerdict.STILL_BROKEN
    assert judged(row("no json"), replay_id="outage-7").verdict is ReplayVerdict.STILL_BROKEN


def test_a_replacement_can_be_noted_for_rows_of_files_too() -> None:
    for held in (row(rejected_id="0" * 32), row("no json")):
        found = judged(held, fixed_by="loyalty_members/corrected.csv")
        assert (found.verdict, found.event, found.fixed_by) == (
            ReplayVerdict.NOTE,
            None,
            "loyalty_members/corrected.csv",
        )
    assert judged(row(fixed_by="e-1"), fixed_by="another").verdict is ReplayVerdict.REPLAYED_BEFORE


@given(
    body=st.none() | st.text() | st.just(json.dumps(GOOD)),
    code=st.sampled_from([str(code) for code in ReasonCode]),
    corrected=st.none() | st.text() | st.just(json.dumps(GOOD)),
    replay_id=st.none() | st.text(max_size=70),
    prefix=st.sampled_from(["r_", "u_", ""]),
)
def test_every_row_is_either_sent_and_marked_by_its_event_or_held_back_and_unmarked(
    body: str | None, code: str, corrected: str | None, replay_id: str | None, prefix: str
) -> None:
    held = row(body, rejected_id=f"{prefix}abc", reason_code=code)

    found = judged(held, corrected={} if corrected is None else {held.rejected_id: corrected}, replay_id=replay_id)

    if found.verdict is ReplayVerdict.SEND:
        assert found.event is not None
        assert found.fixed_by == found.event.event_id == json.loads(found.event.data)["event_id"]
    else:
        assert found.verdict in HELD_BACK
        assert (found.event, found.fixed_by) == (None, None)


@pytest.mark.parametrize("body", [GOOD, {"event_id": "ü"}, "no json {", "", '{"a": "\\ud800"}'])
def test_a_line_to_correct_survives_a_round_trip(body: Any) -> None:
    held = row(body)

    line = correction_line(judged(held))

    named, corrected = read_correction(line, 1)
    assert named == held.rejected_id
    assert corrected == (body if isinstance(body, str) else json.dumps(body, separators=(",", ":"), ensure_ascii=False))


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        "{}",
        '{"rejected_id": "", "body": {}}',
        '{"rejected_id": 7, "body": {}}',
        '{"rejected_id": "r"}',
        '{"rejected_id": "r", "body": [1]}',
    ],
)
def test_a_line_that_corrects_nothing_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(ValueError, match="line 7"):
        read_correction(line, 7)
