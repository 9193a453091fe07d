"""What changes in the single view and is announced on the bus: each change once, and nothing of a person but the id."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_core import single_view_keys as keys
from c360_core.bus_events import BusEvent, told_event
from c360_core.consent import Answers, Channel, Consent, Purpose, answers_to_item
from c360_core.profile_item import profile_to_item
from lambdas.announcer import handler
from lambdas.shared import aws
from tests.factories.profiles import PERSON, profile
from tests.fakes.wire import LambdaContext, stream_record

Item = dict[str, Any]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class MemoryBus:
    """The bus; refuses the entries whose indexes are in `refuse`, once."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.refuse: set[int] = set()

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # the service's name
        """Take entries."""
        answers = [{"ErrorCode": "ThrottlingException"} if n in self.refuse else {} for n in range(len(Entries))]
        self.entries += [one for one, answer in zip(Entries, answers, strict=True) if not answer]
        self.refuse = set()
        return {"FailedEntryCount": len([one for one in answers if one]), "Entries": answers}

    def details(self) -> list[dict[str, Any]]:
        """Return what was said, by the names that receivers read."""
        return [{"kind": one["DetailType"], **json.loads(one["Detail"])} for one in self.entries]


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> MemoryBus:
    made = MemoryBus()
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("EVENT_BUS_NAME", "bus")
    monkeypatch.setenv("ANNOUNCED", json.dumps(["segments.changed", "consent.changed", "message.outcome"]))
    monkeypatch.setattr(aws, "event_bridge", lambda: made)
    handler._settings.cache_clear()
    return made


def announced(bus: MemoryBus, *records: dict[str, Any]) -> list[dict[str, Any]]:
    """Let the function read records; return what is on the bus since."""
    before = len(bus.entries)
    assert handler.handle({"Records": list(records)}, LambdaContext()) == {"batchItemFailures": []}
    return bus.details()[before:]


def person(sequence: int, *segments: str, **changed: Any) -> Item:
    stored = profile_to_item(profile(sequence=sequence, segments=list(segments), **changed))
    return {**keys.person_key(PERSON, keys.PROFILE), **stored}


def answer(answers: Answers) -> Item:
    purpose, channel = Purpose.MARKETING, Channel.EMAIL
    return {
        **keys.person_key(PERSON, keys.consent_sort(purpose, channel)),
        **answers_to_item(answers, purpose, channel),
    }


def said(granted: bool, *, day: int = 0) -> Consent:  # yes or no
    at = NOON + timedelta(days=day)
    return Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=granted, decided_at=at)


def message(outcome: str) -> Item:
    facts = {"message_id": "m_1", "decision_id": "d_1", "channel": "email", "template": "welcome"}
    return {**keys.person_key(PERSON, keys.message_sort(NOON, "m_1")), **facts, "outcome": outcome, "standing": 1}


def test_who_enters_and_leaves_segments_is_said_with_the_version_of_the_profile(bus: MemoryBus) -> None:
    [told] = announced(bus, stream_record(person(2, "families", "midwest"), person(1, "midwest", "seniors")))
    assert told["kind"] == "SegmentsChanged"
    assert (told["entered"], told["left"], told["segments"]) == (["families"], ["seniors"], ["families", "midwest"])
    assert (told["changed"], told["is_gone"]) == (["families", "seniors"], False)
    assert told["version"] == profile(sequence=2).version.text


def test_a_profile_whose_segments_stay_is_nothing_to_tell(bus: MemoryBus) -> None:
    assert announced(bus, stream_record(person(2, "midwest", orders=7), person(1, "midwest"))) == []


def test_who_is_gone_leaves_all_segments(bus: MemoryBus) -> None:
    [told] = announced(bus, stream_record(None, person(1, "midwest")))
    assert (told["left"], told["segments"], told["is_gone"]) == (["midwest"], [], True)


def test_an_answer_is_said_as_it_counts_now_and_one_that_was_never_theirs_is_none(bus: MemoryBus) -> None:
    yes = Answers().add(said(True), sequence=1)
    no = yes.add(said(False, day=1), sequence=2)
    gone = yes.retract(said(True), sequence=3)
    records = (
        stream_record(answer(yes)),
        stream_record(answer(no), answer(yes), number="2"),
        stream_record(answer(gone), answer(yes), number="3"),
        stream_record(answer(no), answer(no), number="4"),
    )
    told = announced(bus, *records)
    assert [(one["purpose"], one["channel"], one["status"]) for one in told] == [
        ("marketing", "email", "granted"),
        ("marketing", "email", "withdrawn"),
        ("marketing", "email", "none"),
    ]


def test_what_becomes_of_a_message_is_said_once_per_outcome(bus: MemoryBus) -> None:
    records = (
        stream_record(message("sent")),
        stream_record(message("delivered"), message("sent"), number="2"),
        stream_record({**message("delivered"), "standing": 2}, message("delivered"), number="3"),
    )
    assert [one["outcome"] for one in announced(bus, *records)] == ["sent", "delivered"]


def everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let somebody wait for every kind of event."""
    monkeypatch.setenv("ANNOUNCED", json.dumps(sorted({*BusEvent} - {BusEvent.DECISION_MADE})))
    handler._settings.cache_clear()


def test_an_order_is_said_once_where_somebody_waits_for_it_and_an_older_one_is_none(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(monkeypatch)
    march, april = "2026-03-01T12:00:00.000Z", "2026-04-01T12:00:00.000Z"
    first, second = person(1, last_order_at=march), person(2, "midwest", last_order_at=april)
    told = announced(
        bus,
        stream_record(first, {**first, "aggregates": {}}),
        stream_record(second, first, number="2"),
        stream_record(person(3, "midwest", last_order_at=march), second, number="3"),
        stream_record({**second, "rebuilt": True}, first, number="4"),
        stream_record(None, second, number="5"),
    )
    assert [(one["ordered_at"], one["person_id"]) for one in told if one["kind"] == "OrderPlaced"] == [
        (march, PERSON),
        (april, PERSON),
    ]
    assert [one["kind"] for one in told[1:3]] == ["SegmentsChanged", "OrderPlaced"]


def test_an_address_and_an_event_are_nobodys_news(bus: MemoryBus) -> None:
    of_address = {**answer(Answers().add(said(True))), "PK": "ID#email#hash"}
    event = {**keys.person_key(PERSON, "EVENT#2026"), "event_id": "e"}
    assert announced(bus, stream_record(of_address), stream_record(event, number="2")) == []


def test_a_kind_that_nobody_waits_for_is_not_announced(bus: MemoryBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNOUNCED", '["consent.changed"]')
    handler._settings.cache_clear()
    assert announced(bus, stream_record(message("sent")), stream_record(person(1, "midwest"), number="2")) == []


def test_a_change_that_is_read_again_is_the_same_event_and_another_change_is_another(bus: MemoryBus) -> None:
    records = [
        stream_record(person(1, "midwest")),
        stream_record(None, person(1, "midwest"), number="2"),
        stream_record(person(2, "midwest"), person(1), number="3"),
        stream_record(answer(Answers().add(said(True))), number="4"),
        stream_record(message("sent"), number="5"),
        stream_record(message("opened"), message("sent"), number="6"),
    ]
    first, again = announced(bus, *records), announced(bus, *records)
    assert first == again
    assert len({one["event_id"] for one in first}) == len(records)


def test_every_announcement_is_as_its_contract_says_and_names_the_person_by_the_id_alone(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything(monkeypatch)
    announced(
        bus,
        stream_record(person(1, "midwest")),
        stream_record(answer(Answers().add(said(True))), number="2"),
        stream_record(message("sent"), number="3"),
    )
    told = [
        told_event({"source": one["Source"], "detail-type": one["DetailType"], "detail": json.loads(one["Detail"])})
        for one in bus.entries
    ]
    assert {one.kind for one in told} == set(BusEvent) - {BusEvent.DECISION_MADE}
    assert {one.data["person_id"] for one in told} == {PERSON}
    text = " ".join(one["Detail"] for one in bus.entries).lower()
    assert [word for word in ("ada", "lovelace", "mail.org", "+1415") if word in text] == []


def test_what_the_bus_refuses_comes_again_and_what_breaks_its_contract_holds_nobody_up(bus: MemoryBus) -> None:
    broken = {**person(1, "midwest"), "version": {"identity_version": "x"}}
    bus.refuse = {1}
    records = [
        stream_record(message("sent"), number="1"),
        stream_record(broken, number="2"),
        stream_record(message("opened"), message("sent"), number="3"),
    ]
    answered = handler.handle({"Records": records}, LambdaContext())
    assert [one["itemIdentifier"] for one in answered["batchItemFailures"]] == ["2", "3"]
    assert [one["outcome"] for one in bus.details()] == ["sent"]
