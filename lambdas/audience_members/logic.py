"""An audience becomes what it should be: first everybody leaves who must, then others join.

Nobody is forgotten: a member is noted before the platform is told to add it, and the note goes only when the platform
has confirmed that it removed it. Whatever fails in between is done again, since a platform knows a hash that it has.

A member is told once in a run. What then failed waits for the next run, with its reason; a removal among it fails the
run. A member in a request that is still open is left alone: two requests about one member may overtake each other.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from c360_core.digests import digest
from c360_core.moments import moment_text
from lambdas.audience_members.members import Held, Member, Status
from lambdas.audience_members.platform import Operation, Platform, Session, Taken

BATCHES_PER_CALL: Final = 20
_SESSION_DIGITS: Final = 15  # hex digits: less than 63 bits


class Members(Protocol):
    """Where it is kept whom a platform was told of."""

    def all(self, audience: str) -> dict[Member, Held]:
        """Return what is kept of an audience."""

    def put(self, audience: str, members: Mapping[Member, Held]) -> None:
        """Keep members."""

    def drop(self, audience: str, members: Collection[Member]) -> None:
        """Forget members."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    Attributes:
        calls: made so far.
        added, removed: members that the platform has confirmed, in all calls.
        refused: members that it did not take, in all calls.
    """

    calls: int = 0
    added: int = 0
    removed: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one call has done.

    Attributes:
        progress: of the run after it.
        members: whom the platform has confirmed and should have.
        removals_left: whom the platform may know and must not.
        open: members in requests whose outcome is not known.
        is_more: there is more to tell.
    """

    progress: Progress
    members: int
    removals_left: int
    open: int
    is_more: bool


@dataclass(kw_only=True)
class _Book:
    """What is kept of one audience, in memory and in the table alike."""

    store: Members
    audience: str
    held: dict[Member, Held]
    added: int = 0
    removed: int = 0
    refused: int = 0

    def put(self, members: Mapping[Member, Held]) -> None:
        if members:
            self.store.put(self.audience, members)
            self.held |= members

    def drop(self, members: Collection[Member]) -> None:
        if members:
            self.store.drop(self.audience, members)
            for member in members:
                del self.held[member]


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceKeeper:
    """Keeps audiences.

    Attributes:
        store: where it is kept whom a platform was told of.
        clock: returns the time.
        batches: that one call tells at most.
    """

    store: Members
    clock: Callable[[], datetime]
    batches: int = BATCHES_PER_CALL

    def step(
        self, audience: str, platform: Platform, wanted: Collection[Member], *, run: str, progress: Progress
    ) -> Step:
        """Look what became of open requests, and tell the platform the next members.

        Args:
            audience: by what the table knows it.
            platform: where it is.
            wanted: whom it should have.
            run: names the run; the same for all of its calls.
            progress: of the run before.

        Raises:
            PlatformBusyError, StoreBusyError: call again, nothing is lost.
            PlatformRefusedError, CredentialsError: somebody has to do something first.
        """
        book = _Book(store=self.store, audience=audience, held=self.store.all(audience))
        telling = _Telling(
            book=book,
            platform=platform,
            run=run,
            now=moment_text(self.clock()),
            series=f"{run}|{audience}|{progress.calls}",
        )
        telling.settle()
        left = self.batches - telling.remove(wanted, self.batches)
        left -= telling.add(wanted, left) if left else 0
        return Step(
            progress=Progress(
                calls=progress.calls + 1,
                added=progress.added + book.added,
                removed=progress.removed + book.removed,
                refused=progress.refused + book.refused,
            ),
            members=sum(held.status is Status.ADDED for held in book.held.values()),
            removals_left=sum(_must_go(member, held, wanted) for member, held in book.held.items()),
            open=sum(bool(held.request) for held in book.held.values()),
            is_more=left == 0 and (bool(telling.leaving(wanted)) or bool(telling.joining(wanted))),
        )


def _must_go(member: Member, held: Held, wanted: Collection[Member]) -> bool:
    return held.status is not Status.REFUSED and (held.status is Status.REMOVING or member not in wanted)


@dataclass(kw_only=True)
class _Telling:
    """One call about one audience."""

    book: _Book
    platform: Platform
    run: str
    now: str
    series: str
    sessions: int = field(default=0)

    def settle(self) -> None:
        """Look what became of requests that are open."""
        for request in sorted({held.request for held in self.book.held.values()} - {""}):
            outcome = self.platform.outcome(request)
            if outcome.is_open:
                continue
            told = [member for member, held in self.book.held.items() if held.request == request]
            self._settled(told, outcome.reason)

    def remove(self, wanted: Collection[Member], most: int) -> int:
        """Tell who leaves; return the number of batches."""
        unknown = [m for m, held in self.book.held.items() if held.status is Status.REFUSED and m not in wanted]
        self.book.drop(unknown)
        batches = self._sessions(Operation.REMOVE, self.leaving(wanted), most)
        for session, batch in batches:
            self.book.put(
                {
                    member: Held(status=Status.REMOVING, since=self.now)
                    for member in batch
                    if self.book.held[member].status is not Status.REMOVING
                }
            )
            self._taken(batch, self.platform.tell(Operation.REMOVE, batch, session))
        return len(batches)

    def add(self, wanted: Collection[Member], most: int) -> int:
        """Tell who joins; return the number of batches."""
        batches = self._sessions(Operation.ADD, self.joining(wanted), most)
        for session, batch in batches:
            unknown = {m for m in batch if m not in self.book.held or self.book.held[m].status is Status.REFUSED}
            self.book.put({member: Held(status=Status.ADDING, since=self.now) for member in batch})
            self._taken(batch, self.platform.tell(Operation.ADD, batch, session), unknown)
        return len(batches)

    def leaving(self, wanted: Collection[Member]) -> list[Member]:
        """Return who is to be removed and was not told in this run."""
        return sorted(
            member
            for member, held in self.book.held.items()
            if member not in wanted and held.status is not Status.REFUSED and self._may_tell(held, Status.REMOVING)
        )

    def joining(self, wanted: Collection[Member]) -> list[Member]:
        """Return who is to be added and was not told in this run."""
        found = ((member, self.book.held.get(member)) for member in wanted)
        return sorted(
            member
            for member, held in found
            if held is None or (held.status is not Status.ADDED and self._may_tell(held, Status.ADDING, Status.REFUSED))
        )

    def _may_tell(self, held: Held, *told: Status) -> bool:
        """Say whether a member may be told: no request about it is open, and this run has not told the same."""
        return not held.request and not (held.tried == self.run and held.status in told)

    def _sessions(
        self, operation: Operation, members: Sequence[Member], most: int
    ) -> Sequence[tuple[Session, Sequence[Member]]]:
        """Return the next batches, which are one session."""
        size = self.platform.most
        batches = [members[start : start + size] for start in range(0, min(len(members), most * size), size)]
        number = int(digest(self.series, operation, digits=_SESSION_DIGITS), 16) or 1
        total = sum(map(len, batches))
        return [
            (Session(number=number, batch=place, is_last=place == len(batches), members=total), batch)
            for place, batch in enumerate(batches, start=1)
        ]

    def _taken(self, batch: Sequence[Member], taken: Taken, unknown: Collection[Member] = ()) -> None:
        """Keep what a platform has answered; nobody whom it leaves out of its answer counts as done."""
        self._settled(taken.confirmed, "")
        self._not_done(taken.refused, unknown)
        rest = [member for member in batch if member not in taken.refused and member not in set(taken.confirmed)]
        if taken.request:
            self.book.put({m: replace(self.book.held[m], request=taken.request, tried=self.run) for m in rest})
        else:
            self._not_done(dict.fromkeys(rest, "NOT_IN_THE_ANSWER"))

    def _settled(self, members: Sequence[Member], reason: str) -> None:
        if reason:
            self._not_done(dict.fromkeys(members, reason))
            return
        joined = [member for member in members if self.book.held[member].status is Status.ADDING]
        left = [member for member in members if self.book.held[member].status is Status.REMOVING]
        self.book.put({member: Held(status=Status.ADDED, since=self.now) for member in joined})
        self.book.drop(left)
        self.book.added += len(joined)
        self.book.removed += len(left)

    def _not_done(self, reasons: Mapping[Member, str], unknown: Collection[Member] = ()) -> None:
        """Keep why a platform did not do it; whom it did not know before and refused alone, it does not know."""
        self.book.put(
            {
                member: replace(
                    self.book.held[member],
                    status=Status.REFUSED if member in unknown else self.book.held[member].status,
                    request="",
                    tried=self.run,
                    reason=reason,
                )
                for member, reason in reasons.items()
            }
        )
        self.book.refused += len(reasons)
