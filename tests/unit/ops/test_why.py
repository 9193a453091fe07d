"""Why a person got something, or did not: the stored decisions in words, for people and for machines."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision import Reason
from c360_core.decision_rules import ContactRules, TriggerEvent, decide
from c360_core.delivery import Outcome
from c360_core.play import load_playbook
from ops.decisions import _WORDS, UnknownPersonError, explain, why_nothing
from tests.factories.messages import sent_message
from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryPeople
from tools.console import Steps
from tools.errors import WrongUsageError
from tools.operate import why as command

NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
RULES = ContactRules(quiet_from=21, quiet_until=8, default_time_zone="UTC", cap_messages=3, cap_days=7)
YES = Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=True, decided_at=NOON)


def decide_on(people: MemoryPeople, play: str, *, consents: tuple[Consent, ...] = (), hour: int = 0) -> str:
    found = load_playbook().play(play)
    assert found is not None
    at = NOON + timedelta(hours=hour)
    decision = decide(
        TriggerEvent(trigger=play, subject=f"{play}{hour}", at=at),
        profile(),
        play=found,
        consents=consents,
        contacts=(),
        rules=RULES,
        now=at,
    )
    people.put_decision(decision, keep_days=30)
    return decision.decision_id


@pytest.fixture
def people() -> MemoryPeople:
    there = MemoryPeople(profiles={PERSON: profile()}, aliases={"p_old": PERSON})
    sent = decide_on(there, "first_purchase", consents=(YES,))
    decide_on(there, "unhappy_case", hour=1)
    message = sent_message(at=NOON, decision_id=sent)
    there.put_message(message)
    there.put_outcome(message, Outcome.CLICKED, at=NOON)
    return there


def test_each_decision_is_told_with_its_reasons_and_when_it_went_out(people: MemoryPeople) -> None:
    current, (second, first) = explain(people, "p_old")

    assert current == PERSON
    assert (first.outcome, first.sent) == ("sent to the channel at once", ("2026-03-02T17:00:00.000Z",))
    assert first.became == ("clicked",)
    assert first.because == ("the signal of the play first_purchase came", "the person agreed")
    assert (second.outcome, second.sent) == ("nothing", ())
    assert second.because == ("the person never agreed to this purpose in this channel",)


def test_why_a_message_was_not_sent_is_told_with_its_decision(people: MemoryPeople) -> None:
    _, first = people.decided[PERSON][::-1]
    people.put_not_sent(first, template="welcome", reasons=["CONSENT_WITHDRAWN", "VALUE_MISSING:first_name"], at=NOON)

    _, told = explain(people, PERSON)[1]

    words = "the person withdrew the consent; the message needs a value that the person does not have: first_name"
    assert told.not_sent == (f"NOT_SENT welcome 2026-03-02T17:00:00.000Z: {words}",)
    assert told.as_dict()["not_sent"][0]["reasons"] == ["CONSENT_WITHDRAWN", "VALUE_MISSING:first_name"]


def test_of_a_message_that_waits_it_is_told_until_when_and_why() -> None:
    there = MemoryPeople(profiles={PERSON: profile()})
    decide_on(there, "first_purchase", consents=(YES,), hour=9)

    _, [told] = explain(there, PERSON)

    assert told.outcome == "deferred until 2026-03-03T13:00:00.000Z"
    assert told.because[-1] == "it was night where the person lives"


def test_what_was_decided_under_a_former_id_is_told_too(people: MemoryPeople) -> None:
    people.decided["p_old"], people.sent["p_old"] = people.decided.pop(PERSON), people.sent.pop(PERSON)

    current, (second, first) = explain(people, PERSON)

    assert (current, first.sent, second.sent) == (PERSON, ("2026-03-02T17:00:00.000Z",), ())


def test_decisions_of_one_play_and_so_many_are_told(people: MemoryPeople) -> None:
    assert [one.facts["trigger"] for one in explain(people, PERSON, play="first_purchase")[1]] == ["first_purchase"]
    assert [one.facts["trigger"] for one in explain(people, PERSON, limit=1)[1]] == ["unhappy_case"]


def test_every_reason_has_words() -> None:
    assert set(_WORDS) == set(Reason)


def test_nobody_has_an_unknown_id(people: MemoryPeople) -> None:
    with pytest.raises(UnknownPersonError, match="there is no person `p_none`"):
        explain(people, "p_none")


def test_where_nothing_was_decided_it_says_why() -> None:
    people = MemoryPeople(profiles={PERSON: profile(), "a_1": profile("a_1", identity_version=0)})

    assert explain(people, PERSON) == (PERSON, [])
    assert "no signal of this person called for it" in why_nothing(people, PERSON)
    assert "identity resolution does not know the person yet" in why_nothing(people, "a_1")


@pytest.fixture
def deployed(people: MemoryPeople, monkeypatch: pytest.MonkeyPatch) -> MemoryPeople:
    monkeypatch.setattr(command, "deployed_view", lambda _environment: people)
    monkeypatch.setattr("tools.build.prepare.contracts", lambda: None)
    return people


@pytest.mark.usefixtures("deployed")
def test_the_command_prints_one_document_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    command.run(Steps(machine=True), "dev", "p_old", play=None, limit=20)

    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["person_id"] == PERSON
    assert [one["reasons"] for one in told["decisions"]] == [
        ["CONSENT_NEVER_GIVEN"],
        ["FIRST_PURCHASE", "CONSENT_GRANTED"],
    ]


def test_the_command_says_what_it_found_in_words(deployed: MemoryPeople, capsys: pytest.CaptureFixture[str]) -> None:
    command.run(Steps(), "dev", PERSON, play=None, limit=20)
    assert "unhappy_case" in capsys.readouterr().out

    deployed.decided.clear()
    command.run(Steps(), "dev", PERSON, play=None, limit=20)
    assert "nothing was decided" in capsys.readouterr().out


@pytest.mark.usefixtures("deployed")
def test_the_command_refuses_an_unknown_person() -> None:
    with pytest.raises(WrongUsageError, match="the profile API finds a person"):
        command.run(Steps(machine=True), "dev", "p_none", play=None, limit=20)
