"""Any history of runs, stopped between any two writes, repeated or followed by others: who listens knows who is who."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from c360_core.identity.announcements import LatestChange, Message, subject
from c360_core.identity.records import IdentityRecord
from c360_core.identity.resolve import MapRow, Resolution, resolve
from c360_core.identity.stable_ids import Run
from glue_jobs.identity_resolve import single_view

SECRET = b"0123456789abcdef"
START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400_000
RECORDS = "abcde"


@dataclass(frozen=True, kw_only=True)
class Night:
    """What a run finds, how its tries end, and whether its stream was made anew before it.

    Attributes:
        accounts: of each record; none: the record is not there. Records of one account are one person.
        cities: of each record.
        stops: one try for each, ended after so many writes.
        ends: one more try, to the end; without it the next run follows the stopped one.
    """

    accounts: tuple[int, ...]
    cities: tuple[str, ...]
    stops: tuple[int, ...] = ()
    ends: bool = True
    new_stream: bool = False

    def records(self) -> list[IdentityRecord]:
        return [
            IdentityRecord(
                record_id=name, source="crm_contacts", loaded_at=START, loyalty_id=f"L{account}", crm_id=name, city=city
            )
            for name, account, city in zip(RECORDS, self.accounts, self.cities, strict=True)
            if account
        ]


@dataclass
class World:
    """The tables, the streams of all times and the single view. The job writes to them in the order of its code."""

    map: dict[tuple[str, datetime], MapRow] = field(default_factory=dict)
    latest: dict[str, LatestChange] = field(default_factory=dict)
    identifier_map: dict[str, str] = field(default_factory=dict)
    view: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    streams: list[list[Message]] = field(default_factory=lambda: [[]])
    told_since: int = 0

    def night(self, number: int, night: Night) -> Resolution | None:
        run = Run(run_id=f"run-{number}", version=int(START.timestamp() * 1000) + number * DAY)
        if night.new_stream:
            self.streams.append([])
            self.told_since = run.version - 1
        run = replace(run, told_since=self.told_since)
        for stop in night.stops:
            for _ in islice(self._writes(self._resolve(night, run), run), stop):
                pass
        if not night.ends:
            return None
        done = self._resolve(night, run)
        for _ in self._writes(done, run):
            pass
        return done

    def _resolve(self, night: Night, run: Run) -> Resolution:
        return resolve(night.records(), [], self.map.values(), run, secret=SECRET, latest=self.latest.values())

    def _writes(self, done: Resolution, run: Run) -> Iterator[None]:
        """Write; yield after each write, of a message or of an item, too."""
        closed = {row.person_id for row in self.map.values() if row.valid_to is not None}
        for row in done.withdrawn:
            del self.map[row.record_id, row.valid_from]
        yield
        self.map |= {(row.record_id, row.valid_from): row for row in (*done.closed, *done.opened, *done.reopened)}
        yield
        if not done.changes:
            return
        self.latest |= {subject(m): LatestChange(message=m, told=False) for m in done.changes}
        yield
        for message in done.changes:
            self.streams[-1].append(message)
            yield
        for item in self._items(done.changes, closed, run.version):
            there = self.view.get((item["PK"], item["SK"]))
            if there is None or there["version"] <= item["version"]:
                self.view[item["PK"], item["SK"]] = item
            yield
        upserts = [change.message for change in self.latest.values() if change.message["op"] == "upsert"]
        self.identifier_map = {m["key"]: m["person_id"] for m in upserts if m["kind"] == "identifier"}
        yield
        for about, change in self.latest.items():
            if change.message["version"] == run.version:
                self.latest[about] = replace(change, told=True)
        yield

    def _items(self, changes: Sequence[Message], closed: set[str], version: int) -> list[dict[str, Any]]:
        gone = single_view.deletes(changes, closed)
        return [{**key, "removed": True, "version": version} for key in gone] + single_view.puts(changes)


class Listener:
    """Keeps the latest message of each subject, in whatever order they come."""

    def __init__(self) -> None:
        self.latest: dict[str, Message] = {}

    def hear(self, messages: Sequence[Message]) -> None:
        for message in messages:
            known = self.latest.get(subject(message))
            if known is None or known["version"] < message["version"]:
                self.latest[subject(message)] = message
            assert known is None or known["version"] != message["version"] or known == message

    def said(self, kind: str, operation: str) -> list[Message]:
        return [m for m in self.latest.values() if (m["kind"], m["op"]) == (kind, operation)]


nights = st.builds(
    Night,
    accounts=st.tuples(*[st.integers(0, 3)] * len(RECORDS)),
    cities=st.tuples(*[st.sampled_from(["Ash", "Elm"])] * len(RECORDS)),
    stops=st.lists(st.integers(0, 40), max_size=2).map(tuple),
    ends=st.booleans(),
    new_stream=st.sampled_from([False, False, False, True]),
)


@settings(deadline=None, max_examples=250)
@example(  # a merge that was told, and whose repetition stopped early, must not be forgotten
    history=[
        Night(accounts=(1, 0, 0, 0, 2), cities=("Ash",) * 5, stops=(2,), ends=False),
        Night(accounts=(1, 0, 0, 0, 1), cities=("Ash",) * 5, stops=(12, 1), ends=False),
    ],
    last=Night(accounts=(1, 0, 0, 0, 0), cities=("Ash",) * 5),
    seed=0,
)
@given(history=st.lists(nights, min_size=1, max_size=5), last=nights, seed=st.integers(0, 9))
def test_whoever_listens_knows_what_a_run_that_tells_everything_would_say(
    history: list[Night], last: Night, seed: int
) -> None:
    world, random = World(), Random(seed)
    for number, night in enumerate(history):
        world.night(number, night)
    done = world.night(len(history), replace(last, ends=True))

    assert done is not None
    listener, everyone = Listener(), Listener()
    for stream in world.streams[:-1]:  # nobody knows what was read of a stream that is gone
        listener.hear(random.sample(stream, random.randint(0, len(stream))))
        everyone.hear(stream)
    last_stream = world.streams[-1]
    listener.hear(random.sample(last_stream, len(last_stream)))
    everyone.hear(last_stream)

    assert_knows(listener, done)
    assert everyone.latest == {about: change.message for about, change in world.latest.items()}
    assert world.identifier_map == done.owners
    found = {key: item["person_id"] for key, item in world.view.items() if not item.get("removed")}
    assert {pk.removeprefix("PERSON#"): to for (pk, sk), to in found.items() if sk == "ALIAS"} == done.aliases
    assert {
        pk.removeprefix("ID#").replace("#", ":"): to for (pk, sk), to in found.items() if sk == "PERSON"
    } == done.owners
    again = world.night(len(history) + 1, replace(last, stops=(), ends=True, new_stream=False))
    assert again is not None
    assert again.changes == ()


def assert_knows(listener: Listener, done: Resolution) -> None:
    people = {m["person_id"]: m for m in listener.said("person", "upsert")}
    assert people.keys() == {person.person_id for person in done.persons}
    for person in done.persons:
        assert people[person.person_id].items() >= person.golden.attributes.items()
    survivors: Mapping[str, str | None] = {m["person_id"]: m["survivor_id"] for m in listener.said("person", "delete")}
    assert {old: new for old, new in survivors.items() if new} == done.aliases
    assert {m["key"]: m["person_id"] for m in listener.said("identifier", "upsert")} == done.owners


TOGETHER = Night(accounts=(1, 1, 2, 3, 0), cities=("Ash",) * 5)
MOVED = replace(TOGETHER, cities=("Elm", *TOGETHER.cities[1:]))


def test_one_changed_record_is_one_message() -> None:
    world = World()
    world.night(0, TOGETHER)
    changed = world.night(1, MOVED)

    assert changed is not None
    assert [(m["kind"], m["op"], m["city"]) for m in changed.changes] == [("person", "upsert", "Elm")]


@pytest.mark.parametrize("stop", range(3, 8))
def test_what_a_stopped_run_may_have_told_is_told_again_though_it_changed_back(stop: int) -> None:
    world, listener = World(), Listener()
    world.night(0, TOGETHER)
    world.night(1, replace(MOVED, stops=(stop,), ends=False))
    done = world.night(2, TOGETHER)

    assert done is not None
    (message,) = done.changes
    assert message["city"] == "Ash"
    for stream in world.streams:
        listener.hear(stream)
    assert_knows(listener, done)


def test_who_gains_or_loses_an_identifier_is_told_so_that_their_version_goes_forward() -> None:
    def records(owner: str) -> list[IdentityRecord]:
        cookie = {owner: "k"}  # no attribute of a person
        return [
            IdentityRecord(
                record_id=name, source="crm_contacts", loaded_at=START, crm_id=name, cookie_id=cookie.get(name)
            )
            for name in ("a", "b", "c")
        ]

    def run(number: int) -> Run:
        return Run(run_id=f"run-{number}", version=int(START.timestamp() * 1000) + number * DAY)

    first = resolve(records("a"), [], [], run(0), secret=SECRET)
    latest = [LatestChange(message=message, told=True) for message in first.changes]
    person = {row.record_id: row.person_id for row in first.opened}

    done = resolve(records("b"), [], first.opened, run(1), secret=SECRET, latest=latest)

    told = {m["person_id"] for m in done.changes if m["kind"] == "person"}
    assert told == {person["a"], person["b"]}
    assert [m["person_id"] for m in done.changes if m["kind"] == "identifier"] == [person["b"]]


def test_a_run_that_is_repeated_on_other_records_is_refused() -> None:
    """Two messages of one version that differ: nobody could tell which is the later one."""
    world = World()
    world.night(0, TOGETHER)
    world.night(1, replace(MOVED, stops=(3,), ends=False))

    with pytest.raises(ValueError, match=r"run run-1 was tried before and said something else of p_\w+; .* a new run"):
        world.night(1, replace(MOVED, cities=("Oak", *MOVED.cities[1:])))


def test_a_run_that_stopped_before_it_said_anything_may_be_repeated_on_other_records() -> None:
    world = World()
    world.night(0, TOGETHER)
    world.night(1, replace(TOGETHER, accounts=(1, 2, 2, 3, 3), stops=(2,), ends=False))

    done = world.night(1, replace(TOGETHER, accounts=(2, 1, 1, 3, 0)))

    assert done is not None
    assert {row.record_id for row in done.withdrawn} == {"e"}
    current = [row for row in world.map.values() if row.valid_to is None]
    assert {row.record_id: row.person_id for row in current} == {
        record: person.person_id for person in done.persons for record in person.record_ids
    }
    assert len(current) == 4


def test_a_run_older_than_what_was_told_is_refused() -> None:
    world = World()
    world.night(1, TOGETHER)

    run = Run(run_id="run-0", version=int(START.timestamp() * 1000))
    with pytest.raises(ValueError, match=r"has version \d+, run run-0 is older .*; start a new run instead"):
        resolve([], [], [], run, secret=SECRET, latest=world.latest.values())


def test_a_mark_that_is_taken_away_makes_the_next_run_tell_it_again() -> None:
    world = World()
    world.night(0, replace(TOGETHER, accounts=(1, 1, 2, 2, 0)))
    world.night(1, replace(TOGETHER, accounts=(1, 1, 1, 1, 0)))
    (gone,) = [about for about, change in world.latest.items() if change.message.get("survivor_id")]
    world.latest[gone] = replace(world.latest[gone], told=False)

    done = world.night(2, replace(TOGETHER, accounts=(1, 1, 1, 1, 0)))

    assert done is not None
    assert [(m["person_id"], m["op"]) for m in done.changes] == [(gone, "delete")]
