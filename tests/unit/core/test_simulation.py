"""Simulated plays decide as the decision function does, and tell what a change of their file changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision import Action
from c360_core.decision_rules import ContactRules, Earlier
from c360_core.moments import moment, moment_text
from c360_core.play import Budget, NotAfter, Period, Playbook, SendAt, load_playbook
from c360_core.profile import Profile
from c360_core.simulation import Past, difference, reasons_by_play, simulate
from lambdas.decision.logic import Decider
from tests.factories.profiles import profile
from tests.fakes.ports import MemoryPeople, MemoryPublisher

START = datetime(2026, 3, 2, 17, tzinfo=UTC)
BOOK = load_playbook()
YES = Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=True, decided_at=START)
PEOPLE = ("p_1", "p_2", "p_3")


def version(person: str = "p_1", *, minutes: int = 0, **changed: Any) -> Profile:
    at = moment_text(START + timedelta(minutes=minutes))
    return profile(
        person, computed_at=at, last_event_at=at, live_events=minutes + 100, sequence=minutes + 100, **changed
    )


def case(number: int, at: int, csat: int = 1) -> dict[str, Any]:
    closed = moment_text(START + timedelta(minutes=at))
    return {"last_case_id": f"k-{number}", "last_case_csat": csat, "last_case_closed_at": closed}


def past(*versions: Profile, agreed: tuple[str, ...] = PEOPLE, earlier: tuple[Earlier, ...] = ()) -> Past:
    consents = {person: [YES] for person in agreed}
    return Past(versions=versions, consents=consents, earlier={"p_1": earlier}, since=START)


def with_budget(most: int) -> Playbook:
    plays = [replace(play, budget=Budget(messages=most, per=Period.DAY)) for play in BOOK.plays]
    return replace(BOOK, plays=tuple(plays))


def test_versions_from_before_only_say_what_was_there() -> None:
    before, now = version(minutes=-10), version(minutes=1, visits=2)

    assert simulate(BOOK, past(before, now)) == ()
    assert [one.trigger for one in simulate(BOOK, past(now))] == ["first_purchase"]


def test_earlier_decisions_count_for_the_cap_and_so_do_simulated_ones() -> None:
    contact = Earlier(play="other", at=START - timedelta(days=6), contacted=True)
    versions = [version(minutes=0), version(minutes=5, **case(1, 5)), version(minutes=9, **case(2, 9))]

    def actions(earlier: tuple[Earlier, ...]) -> list[Action]:
        return [one.action for one in simulate(BOOK, past(*versions, earlier=earlier))]

    assert actions(()) == [Action.SEND] * 3
    assert actions((contact, contact)) == [Action.SEND, Action.SUPPRESS, Action.SUPPRESS]
    assert actions((replace(contact, contacted=False),) * 2) == [Action.SEND] * 3


def test_what_a_changed_file_changes_is_told_by_person() -> None:
    versions = [version(), version("p_2"), version("p_3"), version("p_3", minutes=5, **case(1, 5))]
    changed = replace(
        BOOK,
        plays=tuple(
            replace(play, not_after=NotAfter(plays=("first_purchase",), days=7))
            if play.name == "unhappy_case"
            else replace(play, budget=Budget(messages=2, per=Period.DAY))
            for play in BOOK.plays
        ),
    )
    one, other = simulate(BOOK, past(*versions)), simulate(changed, past(*versions))
    found = difference(one, other)

    assert (found.gained, found.moved) == ((), ())
    assert [(lost.person_id, lost.trigger) for lost in found.lost] == [
        ("p_3", "first_purchase"),
        ("p_3", "unhappy_case"),
    ]
    assert reasons_by_play(other) == {
        "first_purchase": {"send": 2, "BUDGET_SPENT": 1},
        "unhappy_case": {"AFTER_ANOTHER_PLAY": 1},
    }
    assert difference(other, one).gained == found.lost


def test_another_message_is_told_as_moved() -> None:
    quieter = replace(BOOK, limits=replace(BOOK.limits, quiet_from=11, quiet_until=20))

    ((one, other),) = difference(simulate(BOOK, past(version())), simulate(quieter, past(version()))).moved

    assert (one.action, other.action) == (Action.SEND, Action.DEFER)


def test_a_message_that_would_wait_for_the_best_hour_is_told_as_moved() -> None:
    present, changed = (
        replace(BOOK, plays=tuple(replace(play, send_at=wait) for play in BOOK.plays))
        for wait in (None, SendAt(hour="best_hour", within_hours=12))
    )
    versions = [version(scores={"best_hour": 18}), version("p_2")]

    ((one, other),) = difference(simulate(present, past(*versions)), simulate(changed, past(*versions))).moved

    assert (one.person_id, one.action, other.action) == ("p_1", Action.SEND, Action.DEFER)
    assert other.not_before - one.not_before == timedelta(hours=6)


@given(
    st.lists(
        st.tuples(st.sampled_from(PEOPLE), st.integers(1, 3), st.integers(0, 2), st.integers(1, 4), st.integers(0, 3)),
        min_size=1,
        max_size=12,
    ),
    st.sets(st.sampled_from(PEOPLE)),
    st.integers(1, 3),
)
@settings(max_examples=60)
def test_the_decision_function_decides_the_same(
    steps: list[tuple[str, int, int, int, int]], agreed: set[str], budget: int
) -> None:
    book = with_budget(budget)
    versions = [
        version(person, minutes=place, orders=orders, live_orders=min(live, orders), **case(number, place, csat))
        for place, (person, orders, live, csat, number) in enumerate(steps)
    ]
    people = MemoryPeople(answers={person: [YES] for person in agreed})
    limits = book.limits
    decider = Decider(
        view=people,
        store=people,
        publisher=MemoryPublisher(),
        rules=ContactRules(
            quiet_from=limits.quiet_from,
            quiet_until=limits.quiet_until,
            default_time_zone=limits.default_time_zone,
            cap_messages=limits.cap.messages,
            cap_days=limits.cap.days,
        ),
        keep_days=30,
        hash_secret="0123456789abcdef".encode,
        playbook=book,
        pause=lambda _: None,
    )
    latest: dict[str, Profile] = {}
    for new in versions:
        assert new.computed_at is not None
        decider.on_change(latest.get(new.person_id), new, now=moment(new.computed_at))
        latest[new.person_id] = new

    found = simulate(book, past(*versions, agreed=tuple(agreed)))

    stored = {(item["person_id"], item["decision_id"]): item for items in people.decided.values() for item in items}
    assert {(one.person_id, one.decision_id): (str(one.action), list(one.reasons)) for one in found} == {
        key: (item["action"], item["reasons"]) for key, item in stored.items()
    }
