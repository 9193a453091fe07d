"""Whatever fails and whenever: in the end a platform has whom it should have, and nobody else."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.audience_members.logic import AudienceKeeper, Progress, Step
from lambdas.audience_members.members import Held, Kind, Member, Status, WantedMembersError, wanted_members
from lambdas.audience_members.platform import Operation, Outcome, PlatformBusyError, Session, Taken

NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)
AUDIENCE = "meta#1#2"


def member(number: int) -> Member:
    return Member(kind=Kind.EMAIL if number % 2 else Kind.PHONE, sha256=f"{number:064x}")


def people(*numbers: int) -> frozenset[Member]:
    return frozenset(map(member, numbers))


class Stored:
    """The table, in memory; it outlives a call that is cut off."""

    def __init__(self) -> None:
        self.items: dict[Member, Held] = {}

    def all(self, audience: str) -> dict[Member, Held]:
        assert audience == AUDIENCE
        return dict(self.items)

    def put(self, _audience: str, members: Mapping[Member, Held]) -> None:
        self.items |= members

    def drop(self, _audience: str, members: Collection[Member]) -> None:
        for one in members:
            del self.items[one]


class Cut(Exception):  # noqa: N818  # the function dies here
    """A call is cut off after the platform has done what it was told."""


class Fake:
    """A platform that answers at once or later, and fails as it is told.

    Attributes:
        has: whom it has.
        told: operations and their members, in order.
        faults: what happens to the next calls: `busy`, `cut`, `refuse` the first member, or None.
        outcomes: what becomes of the next requests: a reason, or nothing for success.
    """

    def __init__(self, *, later: bool = False, most: int = 3) -> None:
        self.most, self._later = most, later
        self.has: frozenset[Member] = frozenset()
        self.told: list[tuple[Operation, tuple[Member, ...]]] = []
        self.sessions: list[Session] = []
        self.faults: list[str | None] = []
        self.outcomes: list[str] = []
        self._open: dict[str, tuple[Operation, tuple[Member, ...]]] = {}
        self._number = 0

    def tell(self, operation: Operation, members: Sequence[Member], session: Session) -> Taken:
        assert 0 < len(members) <= self.most
        fault = self.faults.pop(0) if self.faults else None
        if fault == "busy":
            raise PlatformBusyError("busy")
        self.told.append((operation, tuple(members)))
        self.sessions.append(session)
        refused = {members[0]: "INVALID"} if fault == "refuse" else {}
        good = tuple(one for one in members if one not in refused)
        if self._later:
            self._number += 1
            request = f"r{self._number}"
            self._open[request] = (operation, good)
            taken = Taken(refused=refused, request=request)
        else:
            self._do(operation, good)
            taken = Taken(confirmed=good, refused=refused)
        if fault == "cut":
            raise Cut
        return taken

    def outcome(self, request: str) -> Outcome:
        operation, members = self._open[request]
        reason = self.outcomes.pop(0) if self.outcomes else ""
        if reason == "open":
            return Outcome(is_open=True)
        del self._open[request]
        self._do(operation, members[::2] if reason else members)  # a part, as PARTIAL_SUCCESS has it
        return Outcome(reason=reason)

    def end_orphans(self, known: Collection[str]) -> None:
        """Do what was accepted in requests of which a call that was cut off has told nobody."""
        for request in set(self._open) - set(known):
            self._do(*self._open.pop(request))

    def _do(self, operation: Operation, members: Sequence[Member]) -> None:
        self.has = self.has | set(members) if operation is Operation.ADD else self.has - set(members)


class Place:
    """An audience, its platform and its table."""

    def __init__(self, platform: Fake, *, batches: int = 4) -> None:
        self.platform, self.stored = platform, Stored()
        self.keeper = AudienceKeeper(store=self.stored, clock=lambda: NOW, batches=batches)
        self.runs = 0

    def run(self, wanted: Collection[Member], *, calls: int = 50) -> Step:
        """Call until the run has ended, as the state machine does; a call that fails is made again."""
        self.runs += 1
        progress, step = Progress(), None
        for _ in range(calls):
            try:
                step = self.keeper.step(AUDIENCE, self.platform, wanted, run=f"run-{self.runs}", progress=progress)
            except (PlatformBusyError, Cut):
                self.platform.end_orphans({held.request for held in self.stored.items.values()})
                continue
            progress = step.progress
            if not step.is_more and not step.open:
                return step
        assert step is not None
        return step


@pytest.mark.parametrize("later", [False, True])
def test_a_platform_gets_whom_it_should_have_and_confirms_each_once(later: bool) -> None:  # a case
    place = Place(Fake(later=later))
    first = place.run(people(1, 2, 3, 4, 5))
    assert (place.platform.has, first.progress.added, first.members) == (people(1, 2, 3, 4, 5), 5, 5)
    second = place.run(people(4, 5, 6))
    assert (place.platform.has, second.progress.added, second.progress.removed) == (people(4, 5, 6), 1, 3)
    assert set(place.stored.items) == people(4, 5, 6), "whoever is gone is forgotten here, too"
    told = len(place.platform.told)
    place.run(people(4, 5, 6))
    assert len(place.platform.told) == told, "nobody is told twice"


def test_removals_go_first() -> None:
    place = Place(Fake())
    place.run(people(1))
    place.run(people(2))
    assert [operation for operation, _ in place.platform.told] == [Operation.ADD, Operation.REMOVE, Operation.ADD]


def test_batches_of_a_call_are_one_session() -> None:
    place = Place(Fake(most=2), batches=3)
    place.run(people(*range(1, 8)))
    first, second = place.platform.sessions[:3], place.platform.sessions[3:]
    assert [(one.batch, one.is_last, one.members) for one in first] == [(1, False, 6), (2, False, 6), (3, True, 6)]
    assert len({one.number for one in first}) == 1
    assert [(one.batch, one.is_last, one.members) for one in second] == [(1, True, 1)]
    assert second[0].number != first[0].number


def test_nobody_joins_while_somebody_is_left_to_remove() -> None:
    place = Place(Fake(most=1), batches=2)
    place.run(people(1, 2, 3))
    place.keeper.step(AUDIENCE, place.platform, people(9), run="next", progress=Progress())
    assert [operation for operation, _ in place.platform.told[3:]] == [Operation.REMOVE, Operation.REMOVE]


def test_an_addition_that_was_cut_off_is_not_forgotten_when_the_person_withdraws_before_the_next_run() -> None:
    place = Place(Fake())
    place.platform.faults = ["cut"]
    with pytest.raises(Cut):
        place.keeper.step(AUDIENCE, place.platform, people(1), run="one", progress=Progress())
    assert place.platform.has == people(1)
    step = place.run(people())
    assert (len(place.platform.has), step.removals_left, len(place.stored.items)) == (0, 0, 0)


@pytest.mark.parametrize("later", [False, True])
def test_a_removal_that_the_platform_refuses_is_left_and_told_again_by_the_next_run(later: bool) -> None:  # a case
    place = Place(Fake(later=later))
    place.run(people(1, 2))
    place.platform.faults = ["refuse"]
    step = place.run(people())
    assert (step.removals_left, step.progress.removed, step.progress.refused) == (1, 1, 1)
    [held] = place.stored.items.values()
    assert (held.status, held.reason) == (Status.REMOVING, "INVALID")
    assert place.run(people()).removals_left == 0
    assert not place.platform.has
    assert not place.stored.items


def test_of_a_request_that_succeeds_in_part_nobody_counts_as_done() -> None:
    place = Place(Fake(later=True))
    place.platform.outcomes = ["PARTIAL_SUCCESS: WHY"]
    step = place.run(people(1, 2, 3))
    assert (step.progress.added, step.progress.refused, step.members) == (0, 3, 0)
    assert {(held.status, held.reason) for held in place.stored.items.values()} == {
        (Status.ADDING, "PARTIAL_SUCCESS: WHY")
    }
    assert place.run(people()).progress.removed == 3, "the platform may have some of them"
    assert not place.platform.has


def test_whom_a_platform_refused_alone_is_asked_again_and_forgotten_without_a_call() -> None:
    place = Place(Fake())
    place.platform.faults = ["refuse"]
    assert place.run(people(1)).progress.refused == 1
    assert place.stored.items[member(1)].status is Status.REFUSED
    place.platform.faults = ["refuse"]
    place.run(people(1))
    assert len(place.platform.told) == 2
    step = place.run(people())
    assert (len(place.platform.told), step.removals_left, place.stored.items) == (2, 0, {})


def test_whoever_withdraws_while_the_addition_is_open_is_removed_after_it_has_ended() -> None:
    place = Place(Fake(later=True))
    place.platform.outcomes = ["open"] * 3
    step = place.run(people(1), calls=2)
    assert step.open == 1
    step = place.run(people(), calls=1)
    assert (step.removals_left, len(place.platform.told)) == (1, 1), "two requests could overtake each other"
    assert place.run(people()).removals_left == 0
    assert not place.platform.has


Change = tuple[frozenset[int], list[str | None], list[str]]
CHANGES: st.SearchStrategy[list[Change]] = st.lists(
    st.tuples(
        st.frozensets(st.integers(1, 8)),
        st.lists(st.sampled_from(["busy", "cut", "refuse", None]), max_size=6),
        st.lists(st.sampled_from(["open", "FAILED: WHY", ""]), max_size=6),
    ),
    min_size=1,
    max_size=6,
)


@given(changes=CHANGES, later=st.booleans(), most=st.integers(1, 4), batches=st.integers(1, 3), calls=st.integers(1, 9))
def test_after_any_history_a_run_without_faults_sets_everything_right(
    changes: list[Change], *, later: bool, most: int, batches: int, calls: int
) -> None:
    place = Place(Fake(later=later, most=most), batches=batches)
    for numbers, faults, outcomes in changes:
        place.platform.faults, place.platform.outcomes = list(faults), list(outcomes)
        wanted = people(*numbers)
        try:
            place.run(wanted, calls=calls)
        except AssertionError:
            continue  # no call of this run came to its end
        finally:
            # At no moment does a platform have anybody of whom the table does not know.
            assert place.platform.has <= set(place.stored.items)
            assert all(place.stored.items[one].status is not Status.REFUSED for one in place.platform.has)
    place.platform.faults, place.platform.outcomes = [], []
    wanted = people(*changes[-1][0])
    for _ in range(2):  # the first may have to wait for what an earlier one has left open
        step = place.run(wanted)
    assert place.platform.has == wanted
    assert (step.removals_left, step.open, step.members) == (0, 0, len(wanted))
    assert set(place.stored.items) == wanted


def lines(*rows: str) -> Iterator[str]:
    yield from rows


def test_the_answer_of_the_lake_is_read_as_athena_writes_it() -> None:
    found = set(wanted_members(lines('"kind","sha256"', f'"email","{1:064x}"', f'"phone","{2:064x}"')))
    assert found == people(1, 2)


@pytest.mark.parametrize("rows", [(), ('"sha256","kind"',), ('"kind","sha256"', '"fax","1"'), ('"kind","sha256"', "1")])
def test_an_answer_that_cannot_be_read_takes_nobody_out(rows: Sequence[str]) -> None:
    with pytest.raises(WantedMembersError, match="answer of the lake"):
        list(wanted_members(lines(*rows)))
