"""Decisions of plays: signals, audiences, caps, holdouts and offers, and that no message goes out that should not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision import Action, Decision, Reason, Task, Template, decision_facts
from c360_core.decision_rules import (
    ContactRules,
    Earlier,
    TriggerEvent,
    decide,
    in_holdout,
    suppression_reasons,
    trigger_events,
)
from c360_core.moments import moment_text
from c360_core.play import Play, Playbook, Unhappy, known_fields, parse_playbook
from c360_core.profile import Profile
from c360_core.written import Known
from tests.factories.profiles import profile

NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
FAR: Final = timedelta(days=400)
RULES = ContactRules(quiet_from=21, quiet_until=8, default_time_zone="UTC", cap_messages=2, cap_days=7)
LIMITS = {
    "quiet_hours": {"from": 21, "until": 8, "default_time_zone": "UTC"},
    "cap": {"messages": 2, "days": 7},
}
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago")


def playbook(*plays: dict[str, Any]) -> Playbook:
    whole = {
        "description": "Says hello.",
        "signal": {"score": {"score": "churn", "at_least": "0.8"}},
        "message": "welcome",
        "purpose": "marketing",
        "channels": ["email"],
    }
    document = {"limits": LIMITS, "plays": [{"name": "hello", **whole, **play} for play in plays]}
    return parse_playbook(document, Known(fields=known_fields()), file="plays.yaml")


def one(**fields: Any) -> Play:
    return playbook(fields).plays[0]


def answer(granted: bool = True, channel: Channel = Channel.EMAIL, at: datetime = NOON - FAR) -> Consent:
    return Consent(purpose=Purpose.MARKETING, channel=channel, granted=granted, decided_at=at)


def decided(
    play: Play,
    person: Profile | None = None,
    *,
    consents: Sequence[Consent] = (answer(),),
    earlier: Sequence[Earlier] = (),
    now: datetime = NOON,
    rules: ContactRules = RULES,
) -> Decision:
    event = TriggerEvent(trigger=play.name, subject="s", at=now)
    contacts = [entry.at for entry in earlier if entry.contacted]
    return decide(
        event,
        person or profile(),
        play=play,
        consents=consents,
        contacts=contacts,
        rules=rules,
        now=now,
        earlier=earlier,
    )


# ---- signals

LATER = {"live_events": 4}


@pytest.mark.parametrize(
    ("signal", "old", "new", "seen"),
    [
        ({"segment_entry": {"segment": "vip"}}, {}, {"segments": ["vip"], **LATER}, True),
        ({"segment_entry": {"segment": "vip"}}, {"segments": ["vip"]}, {"segments": ["vip"], **LATER}, False),
        ({"segment_entry": {"segment": "vip"}}, {}, {"segments": ["vip"]}, False),
        ({"segment_exit": {"segment": "vip"}}, {"segments": ["vip"]}, LATER, True),
        ({"segment_exit": {"segment": "vip"}}, {}, LATER, False),
        ({"score": {"score": "churn", "at_least": "0.8"}}, {}, {"scores": {"churn": 0.8}, **LATER}, True),
        ({"score": {"score": "churn", "at_least": "0.8"}}, {}, {"scores": {"churn": 0.79}, **LATER}, False),
        (
            {"score": {"score": "churn", "at_least": "0.8"}},
            {"scores": {"churn": 0.9}},
            {"scores": {"churn": 0.95}, **LATER},
            False,
        ),
        ({"score": {"score": "churn", "at_least": "0.8"}}, {}, {"scores": {"churn": 0.8}}, False),
        ({"sentiment": {"at_most": "-0.5"}}, {}, {"scores": {"sentiment": -0.9}, **LATER}, True),
        ({"sentiment": {"at_most": "-0.5"}}, {}, {"scores": {"sentiment": 0}, **LATER}, False),
        # A score of a text that the profile counts already is as old as the text.
        ({"sentiment": {"at_most": "-0.5"}}, {}, {"scores": {"sentiment": -0.9}, "live_events": 4}, True),
        ({"score": {"score": "churn", "at_least": "0.5"}}, {}, {"scores": {"churn": 0.9}}, False),
    ],
)
def test_a_signal_is_seen_when_it_comes_with_something_newer(
    signal: dict[str, Any], old: dict[str, Any], new: dict[str, Any], seen: bool
) -> None:
    found = trigger_events(profile(**old), profile(sequence=2, **new), playbook({"signal": signal}))

    assert [event.trigger for event in found] == (["hello"] if seen else [])


def test_a_condition_without_a_before_is_a_signal_when_it_becomes_true() -> None:
    now = {"combinator": "and", "rules": [{"field": "visits", "operator": ">=", "value": 3}]}
    book = playbook({"signal": {"profile_change": {"now": now, "once_per": "person_id"}}})

    assert len(trigger_events(profile(visits=2), profile(visits=3, **LATER), book)) == 1
    assert trigger_events(profile(visits=3), profile(visits=4, **LATER), book) == ()
    assert trigger_events(profile(), profile(**LATER), book) == ()


REPLAYED = {"event_count": 9, "last_event_at": "2026-03-01T13:00:00.000Z"}
VISITED = {"combinator": "and", "rules": [{"field": "visits", "operator": ">=", "value": 3}]}


@pytest.mark.parametrize(
    ("signal", "moved"),
    [
        ({"segment_entry": {"segment": "vip"}}, {"segments": ["vip"]}),
        ({"segment_exit": {"segment": "new_customers"}}, {"segments": []}),
        ({"score": {"score": "churn", "at_least": "0.8"}}, {"scores": {"churn": 0.8}}),
        ({"sentiment": {"at_most": "-0.5"}}, {"scores": {"sentiment": -0.9}}),
        ({"profile_change": {"now": VISITED}}, {"visits": 3}),
    ],
)
def test_only_a_live_event_makes_a_signal_and_no_history_however_new_it_is(
    signal: dict[str, Any], moved: dict[str, Any]
) -> None:
    book = playbook({"signal": signal})

    def seen(old: dict[str, Any] | None, **new: Any) -> bool:
        before = None if old is None else profile(**old)
        return trigger_events(before, profile(sequence=2, **moved, **new), book) != ()

    assert not seen({}, **REPLAYED)
    assert not seen({"live_events": 0}, **REPLAYED, live_events=0)
    assert seen({}, **REPLAYED, live_events=4)
    # Stored before there was the count: it counts from nothing.
    assert seen({"live_events": None}, **REPLAYED, live_events=1)
    assert not seen({"live_events": None}, **REPLAYED, live_events=0)
    # Computed before there was the count: what is newer than all before is news.
    assert seen({}, **REPLAYED, live_events=None)
    assert not seen({}, live_events=None)
    if "segment_exit" not in signal:
        assert seen(None)
        assert not seen(None, live_events=0)


@pytest.mark.parametrize(("column", "text"), [("last_order_at", ""), ("birth_date", ""), ("birth_date", "1990-13-45")])
def test_a_text_that_is_no_time_counts_as_missing(column: str, text: str) -> None:
    rule = {"combinator": "and", "rules": [{"field": column, "operator": "notNull"}]}
    book = playbook({"signal": {"profile_change": {"now": rule}}})

    assert trigger_events(None, profile(**{column: text}), book) == ()


def test_a_redelivered_change_is_the_same_event_and_a_later_one_is_another() -> None:
    book = playbook({"signal": {"segment_entry": {"segment": "vip"}}})
    first, again, later = (
        trigger_events(profile(), profile(sequence=number, segments=["vip"], **LATER), book)[0].decision_id
        for number in (2, 2, 3)
    )

    assert first == again != later


# ---- what speaks against a play


def test_the_first_channel_in_which_the_person_agreed_is_taken() -> None:
    play = one(channels=["sms", "email"])

    assert decided(play).channel is Channel.EMAIL
    assert decided(play, consents=(answer(channel=Channel.ANY),)).channel is Channel.SMS
    assert decided(play, profile(phone=None), consents=(answer(channel=Channel.ANY),)).channel is Channel.EMAIL
    silent = decided(play, profile(phone=None, email=None), consents=())
    assert silent.reasons == (Reason.CONSENT_NEVER_GIVEN, Reason.NO_PHONE, Reason.NO_EMAIL)


@pytest.mark.parametrize(
    ("audience", "inside"),
    [
        ({"in_segments": ["new_customers"]}, True),
        ({"in_segments": ["new_customers", "vip"]}, False),
        ({"not_in_segments": ["new_customers"]}, False),
        ({"query": {"combinator": "and", "rules": [{"field": "spend", "operator": ">", "value": "12.33"}]}}, True),
        ({"query": {"combinator": "and", "rules": [{"field": "spend", "operator": ">", "value": "12.34"}]}}, False),
    ],
)
def test_only_the_audience_gets_it(audience: dict[str, Any], inside: bool) -> None:
    decision = decided(one(audience=audience))

    assert (decision.action is Action.SEND) is inside
    assert (Reason.NOT_IN_AUDIENCE in decision.reasons) is not inside


def test_a_play_is_silent_after_another_whatever_came_of_that() -> None:
    book = playbook({"not_after": {"plays": ["sorry"], "days": 14}}, {"name": "sorry"})
    play = next(play for play in book.plays if play.name == "hello")
    sorry = Earlier(play="sorry", at=NOON - timedelta(days=13), contacted=False)

    assert decided(play, earlier=[sorry]).reasons == (Reason.AFTER_ANOTHER_PLAY,)
    assert decided(play, earlier=[replace(sorry, at=NOON - timedelta(days=14))]).action is Action.SEND


def test_a_plays_own_cap_counts_its_messages_alone() -> None:
    play = one(at_most={"messages": 1, "days": 30})
    own = Earlier(play="hello", at=NOON - timedelta(days=29), contacted=True)

    assert decided(play, earlier=[own]).reasons == (Reason.PLAY_CAP,)
    assert decided(play, earlier=[replace(own, contacted=False), replace(own, play="x")]).action is Action.SEND


def test_the_offer_that_is_expected_to_bring_most_is_made() -> None:
    offers = [
        {"name": "voucher", "value": "30.00", "cost": "10.00", "chance": "likes_vouchers"},
        {"name": "gift", "value": "12.00", "cost": "4.00"},
    ]
    play = one(offers=offers)

    assert decided(play, profile(scores={"likes_vouchers": 0.5})).offer == "voucher"  # 10 against 8
    assert decided(play, profile(scores={"likes_vouchers": 0.4})).offer == "voucher"  # 8 against 8: the first
    assert decided(play, profile(scores={"likes_vouchers": 0.39})).offer == "gift"
    assert decided(play).offer == "gift"
    worthless = one(offers=[{"name": "gift", "value": "4.00", "cost": "4.00"}])
    assert decided(worthless).reasons == (Reason.NO_WORTHWHILE_OFFER,)


def test_the_holdout_is_the_same_people_every_time_and_others_for_another_play() -> None:
    here, there = one(holdout_percent=20), one(name="other", holdout_percent=20)
    people = [f"p_{number}" for number in range(5000)]
    held = {person for person in people if in_holdout(here, person)}

    assert held == {person for person in people if in_holdout(here, person)}
    assert 0.18 < len(held) / len(people) < 0.22
    assert 0.14 < len(held & {person for person in people if in_holdout(there, person)}) / len(held) < 0.26
    assert not any(in_holdout(one(), person) for person in people)
    assert held < {person for person in people if in_holdout(one(holdout_percent=40), person)}


def test_who_is_held_out_would_have_got_it() -> None:
    play = replace(one(), holdout_percent=Decimal(100))

    assert decided(play).reasons == (Reason.HOLDOUT,)
    assert decided(play, consents=()).reasons == (Reason.CONSENT_NEVER_GIVEN,)


# ---- whatever happened before


def test_what_one_wrote_before_two_became_one_is_no_news() -> None:
    play = one(signal={"sentiment": {"at_most": "-0.5"}})
    old, new = profile(identity_version=1), profile(identity_version=2, scores={"sentiment": Decimal("-0.9")})
    assert trigger_events(old, new, Playbook(limits=playbook({}).limits, plays=(play,))) == ()


TASK: Final = {"message": None, "purpose": None, "channels": None, "task": "service"}


def test_a_task_needs_neither_consent_nor_address_nor_day() -> None:
    play = one(signal={"sentiment": {"at_most": "-0.5"}}, **TASK)
    night = NOON.replace(hour=3)
    found = decided(play, profile(attributes={}), consents=(), now=night)
    assert (found.action, found.task, found.reasons) == (Action.TASK, Task.SERVICE, ("HELLO",))
    assert (found.channel, found.template, found.purpose, found.not_before) == (None, None, None, night)
    assert decision_facts(found) == {
        "decision_id": found.decision_id,
        "person_id": found.person_id,
        "trigger": "hello",
        "action": "task",
        "reasons": ["HELLO"],
        "channel": "none",
        "occasion_at": moment_text(night),
        "decided_at": moment_text(night),
        "not_before": moment_text(night),
        "task": "service",
    }


def test_a_task_has_an_audience_and_a_cap_of_its_own() -> None:
    play = one(audience={"in_segments": ["high_spenders"]}, at_most={"messages": 1, "days": 7}, **TASK)
    rich = profile(segments=["high_spenders"])
    before = Earlier(play="hello", at=NOON - timedelta(days=6), contacted=True, is_task=True)
    assert decided(play, profile(segments=[])).reasons == (Reason.NOT_IN_AUDIENCE,)
    assert decided(play, rich).action is Action.TASK
    assert decided(play, rich, earlier=[before]).reasons == (Reason.PLAY_CAP,)
    assert not before.is_contact, "the person heard nothing"


@pytest.mark.parametrize(
    ("mood", "message", "purpose", "expected"),
    [
        ("-0.6", "welcome", "marketing", [Reason.UNHAPPY]),
        ("-0.599999", "welcome", "marketing", []),
        (None, "welcome", "marketing", []),
        ("-1", "service_recovery", "marketing", []),
        ("-1", "welcome", "personalisation", []),
    ],
)
def test_whoever_is_too_unhappy_gets_no_marketing_but_what_makes_up_for_it(
    mood: str | None, message: str, purpose: str, expected: list[Reason]
) -> None:
    rules = replace(RULES, unhappy=Unhappy(at_most=Decimal("-0.6"), except_messages=(Template.SERVICE_RECOVERY,)))
    person = profile(scores={} if mood is None else {"sentiment": Decimal(mood)})
    agreed = Consent(
        purpose=Purpose(purpose), channel=Channel.EMAIL, granted=True, decided_at=NOON - timedelta(hours=1)
    )
    found = suppression_reasons(
        person,
        consents=[agreed],
        contacts=(),
        purpose=Purpose(purpose),
        channel=Channel.EMAIL,
        rules=rules,
        now=NOON,
        message=Template(message),
    )
    assert list(found) == expected
    play = one(message=message, purpose=purpose, channels=["email"])
    decision = decided(play, person, consents=[agreed], rules=rules)
    assert (decision.action is Action.SUPPRESS) == bool(expected)
    assert not expected or decision.reasons == tuple(expected)


def moments(since: datetime, until: datetime) -> st.SearchStrategy[datetime]:
    seconds = int((until - since).total_seconds())
    return st.integers(0, seconds).map(lambda after: since + timedelta(seconds=after))


YEAR = moments(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
CHANNELS = st.lists(st.sampled_from([Channel.EMAIL, Channel.SMS]), min_size=1, max_size=2, unique=True)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Play, Profile, list[Consent], list[Earlier], ContactRules, datetime]:
    now = draw(YEAR)
    play = replace(
        one(at_most={"messages": draw(st.integers(1, 2)), "days": draw(st.integers(1, 60))}),
        channels=tuple(draw(CHANNELS)),
        holdout_percent=Decimal(draw(st.integers(0, 50))),
    )
    person = profile(
        f"p_{draw(st.integers(0, 1000))}",
        time_zone=draw(st.sampled_from([*ZONES, None])),
        email=draw(st.sampled_from(["a@mail.org", None])),
        phone=draw(st.sampled_from(["+14155550132", None])),
    )
    before = moments(now - timedelta(days=90), now)
    consents = [
        answer(draw(st.booleans()), draw(st.sampled_from(list(Channel))), draw(before))
        for _ in range(draw(st.integers(0, 5)))
    ]
    earlier = [
        Earlier(play=draw(st.sampled_from(["hello", "other"])), at=draw(before), contacted=draw(st.booleans()))
        for _ in range(draw(st.integers(0, 6)))
    ]
    rules = ContactRules(
        quiet_from=draw(st.integers(0, 23)),
        quiet_until=draw(st.integers(0, 23)),
        default_time_zone="UTC",
        cap_messages=draw(st.integers(1, 4)),
        cap_days=draw(st.integers(1, 30)),
    )
    return play, person, consents, earlier, rules, now


def local_hour(at: datetime, person: Profile) -> int:
    return at.astimezone(ZoneInfo(person.text("attributes", "time_zone") or "UTC")).hour


def is_quiet(hour: int, rules: ContactRules) -> bool:
    """Say whether an hour is quiet, by walking round the clock."""
    at, quiet = rules.quiet_from, set()
    while at != rules.quiet_until:
        quiet.add(at)
        at = (at + 1) % 24
    return hour in quiet


@given(histories())
@settings(max_examples=300)
def test_no_message_goes_out_that_should_not(
    history: tuple[Play, Profile, list[Consent], list[Earlier], ContactRules, datetime],
) -> None:
    play, person, consents, earlier, rules, now = history

    decision = decided(play, person, consents=consents, earlier=earlier, now=now, rules=rules)

    spoken = [c for c in consents if c.channel in (decision.channel, Channel.ANY)]
    newest = max((c.decided_at for c in spoken), default=None)
    agreed = newest is not None and all(c.granted for c in spoken if c.decided_at == newest)
    sent = [e for e in earlier if e.contacted]
    within = [e for e in sent if e.at > now - timedelta(days=rules.cap_days)]
    assert play.at_most is not None
    own = [e for e in sent if e.play == play.name and e.at > now - timedelta(days=play.at_most.days)]
    if decision.action is Action.SUPPRESS:
        assert decision.reasons
        assert decision.reasons[0] != "HELLO"
        return
    assert agreed
    assert person.text("attributes", "email" if decision.channel is Channel.EMAIL else "phone")
    assert len(within) < rules.cap_messages
    assert len(own) < play.at_most.messages
    assert not in_holdout(play, person.person_id)
    assert not is_quiet(local_hour(decision.not_before, person), rules)
    assert now <= decision.not_before <= now + timedelta(hours=25)
    assert (decision.action is Action.SEND) == (decision.not_before == now)


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_a_decision_does_not_depend_on_the_order_of_what_is_known_nor_on_its_repetition(
    history: tuple[Play, Profile, list[Consent], list[Earlier], ContactRules, datetime], chance: Any
) -> None:
    play, person, consents, earlier, rules, now = history
    first = decided(play, person, consents=consents, earlier=earlier, now=now, rules=rules)
    mixed, shuffled = [*consents, *consents], list(earlier)
    chance.shuffle(mixed)
    chance.shuffle(shuffled)

    assert decided(play, person, consents=mixed, earlier=shuffled, now=now, rules=rules) == first


@given(
    st.sampled_from(ZONES),
    st.integers(0, 23),
    st.integers(0, 23),
    st.sampled_from([datetime(2026, month, day, tzinfo=UTC) for month in (3, 4, 9, 10, 11) for day in (1, 8, 29)]),
    st.integers(0, 7 * 24 * 60),
)
@settings(max_examples=200)
def test_around_clock_changes_nothing_goes_out_in_quiet_hours(
    zone: str, quiet_from: int, quiet_until: int, week: datetime, minutes: int
) -> None:
    rules = replace(RULES, quiet_from=quiet_from, quiet_until=quiet_until)
    person, now = profile(time_zone=zone), week + timedelta(minutes=minutes)

    decision = decided(one(), person, now=now, rules=rules, consents=(answer(at=now - FAR),))

    assert not is_quiet(local_hour(decision.not_before, person), rules)
