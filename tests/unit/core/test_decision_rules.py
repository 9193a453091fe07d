"""Decisions: what triggers them, what speaks against a message, and when it may go."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision import Action, Decision, Reason, Template, message_id
from c360_core.decision_rules import (
    ContactRules,
    TriggerEvent,
    decide,
    earliest_send_time,
    trigger_events,
)
from c360_core.play import load_playbook
from c360_core.profile import Profile
from tests.factories.profiles import profile

# 12:00 in New York, where the factory's person lives.
NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)
RULES = ContactRules(quiet_from=21, quiet_until=8, default_time_zone="UTC", cap_messages=2, cap_days=7)
YES = Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=True, decided_at=NOON - timedelta(days=1))
NO = Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=False, decided_at=NOON - timedelta(hours=1))
PLAYBOOK = load_playbook()
PLAYS = {play.name: play for play in PLAYBOOK.plays}
MORE = {"live_events": 4}
CLOSED: dict[str, Any] = {
    "last_case_id": "k-1",
    "last_case_csat": 1,
    "last_case_closed_at": "2026-03-02T16:00:00Z",
    "live_events": 4,
}
BOUGHT = TriggerEvent(trigger="first_purchase", subject="p@t", at=NOON)


def decided(
    person: Profile | None = None,
    *,
    consents: tuple[Consent, ...] = (YES,),
    contacts: tuple[datetime, ...] = (),
    now: datetime = NOON,
    event: TriggerEvent = BOUGHT,
) -> Decision:
    return decide(
        event,
        person or profile(),
        play=PLAYS[event.trigger],
        consents=consents,
        contacts=contacts,
        rules=RULES,
        now=now,
    )


def test_a_first_live_order_is_an_occasion_dated_by_the_order() -> None:
    (occasion,) = trigger_events(profile(orders=0, live_orders=0, live_events=2), profile(), PLAYBOOK)

    assert (occasion.trigger, occasion.at) == ("first_purchase", datetime(2026, 3, 1, 12, tzinfo=UTC))


def test_a_person_who_appears_with_one_live_order_is_an_occasion() -> None:
    assert [o.trigger for o in trigger_events(None, profile(), PLAYBOOK)] == ["first_purchase"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"orders": 1, "live_orders": 1}, {"orders": 1, "live_orders": 1}),
        ({"orders": 1, "live_orders": 1}, {"orders": 2, "live_orders": 2, **MORE}),
        ({"orders": 0, "live_orders": 0}, {"orders": 1, "live_orders": 0, **MORE}),
        ({"orders": 1, "live_orders": 0}, {"orders": 2, "live_orders": 1, **MORE}),
        ({"orders": 2, "live_orders": 2}, {"orders": 1, "live_orders": 1, "live_events": 2}),
    ],
    ids=["nothing new", "second order", "history replayed", "history before", "people split"],
)
def test_no_other_change_of_orders_is_an_occasion(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert trigger_events(profile(**old), profile(**new), PLAYBOOK) == ()


@pytest.mark.parametrize(("csat", "unhappy"), [(1, True), (2, True), (3, False), (5, False)])
def test_a_closed_case_is_an_occasion_when_the_mark_is_bad(csat: int, unhappy: bool) -> None:
    closed: dict[str, Any] = {
        "last_case_id": "k-1",
        "last_case_csat": csat,
        "last_case_closed_at": "2026-03-02T16:00:00Z",
        "live_events": 4,
    }

    found = trigger_events(profile(), profile(**closed), PLAYBOOK)

    assert [o.trigger for o in found] == (["unhappy_case"] if unhappy else [])


def test_the_same_unhappy_case_is_no_occasion_again() -> None:
    later = {**CLOSED, "visits": 3, "live_events": 5}

    assert trigger_events(profile(**CLOSED), profile(**later), PLAYBOOK) == ()


def test_a_case_has_one_decision_even_when_two_people_become_one() -> None:
    (before,) = trigger_events(profile("p_one"), profile("p_one", **CLOSED), PLAYBOOK)
    (after,) = trigger_events(profile("p_two"), profile("p_two", **CLOSED), PLAYBOOK)

    assert before.decision_id == after.decision_id


@pytest.mark.parametrize("happened", [{}, CLOSED], ids=["first purchase", "unhappy case"])
def test_an_unknown_person_triggers_nothing(happened: dict[str, Any]) -> None:
    assert trigger_events(None, profile("a_1", identity_version=0, **happened), PLAYBOOK) == ()


@pytest.mark.parametrize(
    ("happened", "trigger"),
    [({}, "first_purchase"), ({"orders": 0, "live_orders": 0, **CLOSED}, "unhappy_case")],
    ids=["first purchase", "unhappy case"],
)
@pytest.mark.parametrize("seen_before", [True, False])
def test_the_occasion_comes_when_the_person_is_known(happened: dict[str, Any], trigger: str, seen_before: bool) -> None:
    unnamed = profile(identity_version=0, **happened) if seen_before else None

    assert [o.trigger for o in trigger_events(unnamed, profile(**happened), PLAYBOOK)] == [trigger]


def test_the_case_of_someone_who_becomes_known_later_comes_when_it_is_theirs() -> None:
    known = profile(orders=3, live_orders=0)

    assert [o.trigger for o in trigger_events(known, profile(orders=3, live_orders=0, **CLOSED), PLAYBOOK)] == [
        "unhappy_case"
    ]


def test_a_message_goes_to_people_who_agreed() -> None:
    decision = decided()

    assert (decision.action, decision.template) == (Action.SEND, Template.WELCOME)
    assert decision.reasons == ("FIRST_PURCHASE", Reason.CONSENT_GRANTED)
    assert decision.not_before == decision.decided_at == NOON


def test_an_unhappy_case_is_answered_with_service_recovery() -> None:
    assert decided(event=TriggerEvent(trigger="unhappy_case", subject="k", at=NOON)).template == "service_recovery"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"consents": ()}, Reason.CONSENT_NEVER_GIVEN),
        ({"consents": (YES, NO)}, Reason.CONSENT_WITHDRAWN),
        ({"person": profile(email=None)}, Reason.NO_EMAIL),
        ({"contacts": (NOON - timedelta(days=6), NOON - timedelta(hours=1))}, Reason.FREQUENCY_CAP),
    ],
)
def test_one_objection_suppresses_the_message_and_is_named(changes: dict[str, Any], reason: Reason) -> None:
    decision = decided(**changes)

    assert (decision.action, decision.reasons) == (Action.SUPPRESS, (reason,))


def test_all_objections_are_named() -> None:
    decision = decided(profile(email=None), consents=(), contacts=(NOON, NOON))

    assert decision.reasons == (Reason.CONSENT_NEVER_GIVEN, Reason.NO_EMAIL, Reason.FREQUENCY_CAP)


def test_contacts_before_the_window_do_not_count() -> None:
    assert decided(contacts=(NOON - timedelta(days=7),) * 2).action is Action.SEND


def test_in_quiet_hours_the_message_waits_for_the_persons_morning() -> None:
    night = datetime(2026, 3, 3, 3, 30, tzinfo=UTC)  # 22:30 in New York

    decision = decided(now=night)

    assert decision.action is Action.DEFER
    assert decision.not_before == datetime(2026, 3, 3, 13, tzinfo=UTC)  # 08:00 in New York
    assert Reason.QUIET_HOURS in decision.reasons


@pytest.mark.parametrize("zone", [None, "Mars/Olympus", "../etc/passwd", "America"])
def test_an_unknown_time_zone_counts_as_the_default_one(zone: str | None) -> None:
    assert decided(profile(time_zone=zone), now=NOON.replace(hour=22)).not_before == datetime(2026, 3, 3, 8, tzinfo=UTC)


def test_quiet_hours_with_a_clock_change_end_at_the_local_hour() -> None:
    before_change = datetime(2026, 3, 8, 4, tzinfo=UTC)  # 23:00 in New York, the night before daylight saving time

    assert decided(now=before_change).not_before == datetime(2026, 3, 8, 12, tzinfo=UTC)  # 08:00, now UTC-4


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 23),
    st.integers(0, 23),
    st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_the_earliest_moment_is_within_a_day_and_outside_the_quiet_hours(
    now: datetime, quiet_from: int, quiet_until: int, zone: str
) -> None:
    rules = ContactRules(
        quiet_from=quiet_from, quiet_until=quiet_until, default_time_zone="UTC", cap_messages=1, cap_days=1
    )
    person = profile(time_zone=zone)

    moment = earliest_send_time(person, rules, now, channel=Channel.EMAIL)

    assert now <= moment <= now + timedelta(hours=25)
    assert earliest_send_time(person, rules, moment, channel=Channel.EMAIL) == moment
    assert earliest_send_time(person, rules, now, channel=Channel.IN_APP) == now


def test_ids_are_the_same_every_time_and_differ_by_template() -> None:
    first, again = decided(), decided(now=NOON + timedelta(hours=1))

    assert first.decision_id == again.decision_id
    assert message_id("d_1", Channel.EMAIL, "welcome") == message_id("d_1", Channel.EMAIL, "welcome")
    assert message_id("d_1", Channel.EMAIL, "welcome") != message_id("d_1", Channel.EMAIL, "welcome_follow_up")
