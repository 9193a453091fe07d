"""What MiniStack decides is written down once: who, what, on what, and how."""

import logging
from pathlib import Path
from typing import Any

import pytest

from twin.emulator.decisions import Decision, DecisionRecord, Outcome, read, role_of
from twin.patches.decisions import noting_who, recorded

ROLE = "arn:aws:iam::123456789012:role/Reader"
SESSION = "arn:aws:sts::123456789012:assumed-role/Reader/function-1"
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/events"


class Somebody:
    """A principal as MiniStack finds it."""

    arn = SESSION


def test_a_decision_is_written_once_under_the_role_of_the_session(tmp_path: Path) -> None:
    record = DecisionRecord(path=tmp_path / "decisions.jsonl")

    for _ in range(2):
        record.add(SESSION, "kinesis:GetRecords", STREAM, allowed=True)
    record.add(ROLE, "kinesis:PutRecord", STREAM, allowed=False)

    assert read(tmp_path) == (
        Decision(principal=ROLE, action="kinesis:GetRecords", resource=STREAM, decision=Outcome.ALLOW),
        Decision(principal=ROLE, action="kinesis:PutRecord", resource=STREAM, decision=Outcome.DENY),
    )


def test_a_refusal_is_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        DecisionRecord(path=tmp_path / "decisions.jsonl").add(SESSION, "kinesis:PutRecord", STREAM, allowed=False)

    assert caplog.messages == [f"refused: {ROLE} may not kinesis:PutRecord on {STREAM}"]


@pytest.mark.parametrize(("refusal", "outcome"), [(None, Outcome.ALLOW), (object(), Outcome.DENY)])
def test_what_is_decided_about_a_request_is_recorded_with_who_asked(
    tmp_path: Path, refusal: Any, outcome: Outcome
) -> None:
    resolve = noting_who(lambda _key: Somebody())

    def enforce(access_key_id: str, *_: Any) -> Any:
        resolve(access_key_id)
        return refusal

    answer = recorded(enforce, DecisionRecord(path=tmp_path / "decisions.jsonl"))(
        "ASIA", "kinesis:GetRecords", "kinesis", "us-east-1", resource_arn=STREAM
    )

    assert answer is refusal
    assert [(made.principal, made.decision) for made in read(tmp_path)] == [(ROLE, outcome)]


@pytest.mark.parametrize("principal", ["arn:aws:iam::123456789012:root", ROLE, "events.amazonaws.com"])
def test_a_principal_that_is_no_session_stays_as_it_is(principal: str) -> None:
    assert role_of(principal) == principal
