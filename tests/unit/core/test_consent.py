"""Consent: the newest answer counts, in whatever order answers arrive."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.change_fields import InvalidChangeError
from c360_core.consent import (
    Answers,
    Channel,
    Consent,
    ConsentStatus,
    Purpose,
    answers_from_item,
    answers_to_item,
    consent_from_change,
    consent_status,
    supersedes,
)
from c360_core.contracts import load

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

moments = st.integers(0, 6).map(lambda hours: NOON + timedelta(hours=hours))
consents = st.builds(
    Consent,
    purpose=st.sampled_from(Purpose),
    channel=st.sampled_from(Channel),
    granted=st.booleans(),
    decided_at=moments,
)


def answer(
    *, granted: bool, hours: int = 0, channel: Channel = Channel.EMAIL, purpose: Purpose = Purpose.MARKETING
) -> Consent:
    return Consent(purpose=purpose, channel=channel, granted=granted, decided_at=NOON + timedelta(hours=hours))


def test_purposes_and_channels_are_those_of_the_contract() -> None:
    fields = {field.name: field.enum for field in load().event("consent_changed").fields}

    assert (fields["purpose"], fields["channel"]) == (tuple(Purpose), tuple(Channel))


def test_a_missing_answer_is_no_consent() -> None:
    assert consent_status([], Purpose.MARKETING, Channel.EMAIL) is ConsentStatus.NEVER_ASKED


def test_a_consent_to_another_purpose_or_channel_does_not_count() -> None:
    others = [answer(granted=True, channel=Channel.SMS), answer(granted=True, purpose=Purpose.ANALYTICS)]

    assert consent_status(others, Purpose.MARKETING, Channel.EMAIL) is ConsentStatus.NEVER_ASKED


def test_a_later_withdrawal_from_any_channel_ends_a_yes_to_email() -> None:
    answers = [answer(granted=True), answer(granted=False, hours=1, channel=Channel.ANY)]

    assert consent_status(answers, Purpose.MARKETING, Channel.EMAIL) is ConsentStatus.WITHDRAWN


def test_a_later_yes_to_email_counts_after_a_withdrawal_from_any_channel() -> None:
    answers = [answer(granted=False, channel=Channel.ANY), answer(granted=True, hours=1)]

    assert consent_status(answers, Purpose.MARKETING, Channel.EMAIL) is ConsentStatus.GRANTED


def test_a_withdrawal_wins_against_a_yes_of_the_same_moment() -> None:
    yes, no = answer(granted=True), answer(granted=False)

    assert consent_status([no, yes], Purpose.MARKETING, Channel.EMAIL) is ConsentStatus.WITHDRAWN
    assert supersedes(no, yes)
    assert not supersedes(yes, no)


@given(st.lists(consents), st.randoms())
def test_the_order_of_arrival_does_not_matter(answers: list[Consent], random: Random) -> None:
    shuffled = list(answers)
    random.shuffle(shuffled)

    for channel in Channel:
        assert consent_status(answers, Purpose.MARKETING, channel) is consent_status(
            shuffled, Purpose.MARKETING, channel
        )


@given(st.lists(consents), st.sampled_from(list(Channel)), st.integers(0, 10), st.integers(0, 100))
def test_a_newer_withdrawal_always_stops(answers: list[Consent], spoken: Channel, hours: int, place: int) -> None:
    newest = max((a.decided_at for a in answers), default=NOON)
    withdrawal = Consent(
        purpose=Purpose.MARKETING, channel=spoken, granted=False, decided_at=newest + timedelta(hours=hours)
    )
    stopped = list(Channel) if spoken is Channel.ANY else [spoken]
    answers.insert(place % (len(answers) + 1), withdrawal)

    assert all(consent_status(answers, Purpose.MARKETING, channel) is ConsentStatus.WITHDRAWN for channel in stopped)


@given(st.lists(consents, min_size=1))
def test_keeping_only_superseding_answers_changes_no_standing(answers: list[Consent]) -> None:
    kept: dict[tuple[Purpose, Channel], Consent] = {}
    for new in answers:
        old = kept.get((new.purpose, new.channel))
        if old is None or supersedes(new, old):
            kept[new.purpose, new.channel] = new

    for channel in Channel:
        assert consent_status(kept.values(), Purpose.MARKETING, channel) is consent_status(
            answers, Purpose.MARKETING, channel
        )


def test_a_change_of_the_stream_is_read_in_utc() -> None:
    change = {
        "purpose": "marketing",
        "channel": "sms",
        "granted": False,
        "decided_at": "2026-03-01T13:00:00+01:00",
    }

    assert consent_from_change(change) == answer(granted=False, channel=Channel.SMS)


@pytest.mark.parametrize(
    ("field", "value"),
    [("purpose", "spying"), ("channel", "pigeon"), ("granted", "yes"), ("decided_at", "yesterday"), ("channel", 7)],
)
def test_a_change_that_breaks_the_contract_names_the_field_and_not_the_value(field: str, value: object) -> None:
    change = {"purpose": "marketing", "channel": "sms", "granted": True, "decided_at": "2026-03-01T12:00:00Z"}

    with pytest.raises(InvalidChangeError, match=field) as fault:
        consent_from_change({**change, field: value})

    assert str(value) not in str(fault.value)


one_answer = st.builds(answer, granted=st.booleans(), hours=st.integers(0, 4))


def heard(changes: Iterable[tuple[str, Consent, int]]) -> Answers:
    """Return what is known after changes, in their order."""
    answers = Answers()
    for operation, consent, number in changes:
        take = answers.add if operation == "upsert" else answers.retract
        answers = take(consent, sequence=number)
    return answers


numbered = st.lists(st.tuples(st.sampled_from(["upsert", "delete"]), one_answer, st.booleans()), max_size=7).map(
    # Some have no number: the person gave them to us directly.
    lambda said: [
        (operation, consent, number if told or operation == "delete" else 0)
        for number, (operation, consent, told) in enumerate(said, 1)
    ]
)


@given(numbered, st.data())
def test_answers_give_the_same_result_in_any_order_and_number(
    said: list[tuple[str, Consent, int]], data: st.DataObject
) -> None:
    repeated = said + (data.draw(st.lists(st.sampled_from(said), max_size=3)) if said else [])

    assert heard(data.draw(st.permutations(repeated))) == heard(said)


@given(numbered)
def test_answers_come_back_from_the_table_as_they_were(said: list[tuple[str, Consent, int]]) -> None:
    answers = heard(said)
    item = answers_to_item(answers, Purpose.MARKETING, Channel.EMAIL)

    assert answers_from_item(item) == answers
