"""When a message that may wait goes: in its person's best hour, never in a quiet one, whatever clocks do."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.consent import Channel
from c360_core.decision import Action, Decision, Reason
from c360_core.decision_rules import ContactRules, earliest_send_time, send_time
from c360_core.local_hours import next_in_hour
from c360_core.play import Play
from c360_core.profile import Profile
from tests.factories.profiles import profile
from tests.unit.core.test_play_decisions import decided, one

NOON: Final = datetime(2026, 3, 2, 17, tzinfo=UTC)  # in New York, where the factory's person lives
RULES: Final = ContactRules(quiet_from=21, quiet_until=8, default_time_zone="UTC", cap_messages=2, cap_days=7)
# Clocks that change by an hour, by half of one, by two, at midnight, on other days, and never.
ZONES: Final = (
    "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Antarctica/Troll", "America/Havana",
    "America/Santiago", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Kiritimati", "UTC",
)  # fmt: skip
MOMENTS: Final = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
HOURS: Final = st.integers(0, 23)


def person(hour: int | str | None = None, zone: str | None = "America/New_York") -> Profile:
    return profile(time_zone=zone, scores={} if hour is None else {"best_hour": Decimal(hour)})


def waiting(within: int = 24) -> Play:
    return one(send_at={"hour": "best_hour", "within_hours": within})


def decision(who: Profile, *, within: int = 24, now: datetime = NOON) -> Decision:
    return decided(waiting(within), who, now=now)


def goes(who: Profile, *, within: int = 24, now: datetime = NOON, channel: Channel = Channel.EMAIL) -> datetime:
    return send_time(waiting(within), who, RULES, now, channel=channel)


def test_a_message_waits_for_the_best_hour_and_says_so() -> None:
    made = decision(person(18))

    assert made.action is Action.DEFER
    assert made.not_before == NOON + timedelta(hours=6)
    assert made.reasons[-1] == Reason.BEST_HOUR
    assert Reason.QUIET_HOURS not in made.reasons


@pytest.mark.parametrize(
    ("hour", "within"),
    [(None, 24), (12, 24), (18, 5), (22, 24), (3, 24), ("24", 24), ("-1", 24)],
    ids=["nobody knows it", "it is now", "it is too late", "it is quiet", "it is night", "no hour", "none either"],
)
def test_otherwise_it_goes_at_once(hour: int | str | None, within: int) -> None:
    made = decision(person(hour), within=within)

    assert (made.action, made.not_before) == (Action.SEND, NOON)
    assert Reason.BEST_HOUR not in made.reasons


def test_at_night_it_waits_for_the_best_hour_of_the_day_if_that_is_soon() -> None:
    night = datetime(2026, 3, 3, 3, 30, tzinfo=UTC)  # 22:30 in New York
    soon, late = (decision(person(10), within=within, now=night) for within in (12, 11))

    assert soon.not_before == datetime(2026, 3, 3, 15, tzinfo=UTC)
    assert soon.reasons[-2:] == (Reason.QUIET_HOURS, Reason.BEST_HOUR)
    assert late.not_before == datetime(2026, 3, 3, 13, tzinfo=UTC)
    assert late.reasons[-1] == Reason.QUIET_HOURS


def test_a_message_in_the_app_waits_for_no_hour() -> None:
    assert goes(person(18), channel=Channel.IN_APP) == NOON


def test_a_play_without_it_waits_for_nothing() -> None:
    assert decided(one(), person(18), now=NOON).action is Action.SEND


def test_when_clocks_go_forward_the_hour_is_the_local_one() -> None:
    eve = datetime(2026, 3, 7, 23, tzinfo=UTC)  # 18:00, the evening before clocks change in New York

    assert goes(person(17), now=eve) == datetime(2026, 3, 8, 21, tzinfo=UTC)  # 17:00, now UTC-4


def test_an_hour_that_clocks_skip_comes_on_the_next_day_and_one_shown_twice_the_first_time() -> None:
    zone = ZoneInfo("Europe/Berlin")

    assert next_in_hour(datetime(2026, 3, 28, 20, tzinfo=UTC), 2, zone) == datetime(2026, 3, 30, 0, tzinfo=UTC)
    assert next_in_hour(datetime(2026, 10, 24, 20, tzinfo=UTC), 2, zone) == datetime(2026, 10, 25, 0, tzinfo=UTC)
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 for the second time
    assert next_in_hour(second, 2, zone) == second


def test_a_second_time_that_is_still_to_come_is_not_missed() -> None:
    zone = ZoneInfo("Antarctica/Troll")  # clocks go back by two hours, so that 01:00 comes, 02:00, and both again
    between = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)

    assert between.astimezone(zone).hour == 2
    assert next_in_hour(between, 1, zone) == datetime(2026, 10, 25, 1, tzinfo=UTC)


@given(MOMENTS, HOURS, st.sampled_from(ZONES))
def test_no_moment_between_is_in_the_hour(now: datetime, hour: int, name: str) -> None:
    zone = ZoneInfo(name)
    found = next_in_hour(now, hour, zone)
    steps = range(0, int((found - now).total_seconds()) // 60, 15)

    assert now <= found <= now + timedelta(hours=49)
    assert found.astimezone(zone).hour == hour
    assert all((now + timedelta(minutes=step)).astimezone(zone).hour != hour for step in steps)
    assert found == now or found.astimezone(zone).time() in {time(hour), time(hour, 30)}


@given(MOMENTS, st.none() | HOURS, st.integers(1, 24), HOURS, HOURS, st.sampled_from(ZONES))
def test_it_goes_in_the_best_hour_or_as_early_as_it_may(
    now: datetime, hour: int | None, within: int, quiet_from: int, quiet_until: int, zone: str
) -> None:
    rules = ContactRules(
        quiet_from=quiet_from, quiet_until=quiet_until, default_time_zone="UTC", cap_messages=1, cap_days=1
    )
    who = person(hour, zone)
    earliest = earliest_send_time(who, rules, now, channel=Channel.EMAIL)
    at = send_time(waiting(within), who, rules, now, channel=Channel.EMAIL)

    assert earliest_send_time(who, rules, at, channel=Channel.EMAIL) == at, "never in a quiet hour"
    assert earliest <= at <= max(earliest, now + timedelta(hours=within))
    if at != earliest:
        assert at.astimezone(ZoneInfo(zone)).hour == hour
    assert send_time(waiting(within), who, rules, at, channel=Channel.EMAIL) == at or at == earliest


@pytest.mark.parametrize("zone", ["Mars/Olympus", None])
def test_an_unknown_zone_is_the_default_one(zone: str | None) -> None:
    assert goes(person(20, zone)) == datetime.combine(date(2026, 3, 2), time(20), tzinfo=UTC)
