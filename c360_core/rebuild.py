"""A rebuild of all profiles: the range of changes in which `unify` repeats history instead of reporting news.

Without a snapshot `unify` publishes the whole history again, person by person and step by step: a first order, a second
one, and so on. A reader that acts on what becomes true has to know that it was true before.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from c360_core.change_fields import InvalidChangeError, required_text

# The kind of message that marks the end of a rebuild in a shard of profile-changes.
SHARD_END: Final = "rebuild_end"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """The latest rebuild. Numbers of changes are microseconds since 1970.

    Attributes:
        since: the first change of the rebuild.
        until: the first change after it, from which on changes are news again; None while the rebuild runs.
        snapshot: name of the snapshot to return to; None where there is none.
        over: whether the profile writer has written all of it.
    """

    since: int
    until: int | None = None
    snapshot: str | None = None
    over: bool = False

    def repeats(self, sequence: int) -> bool:
        """Return whether a change with this number repeats history."""
        return self.since <= sequence and (self.until is None or sequence < self.until)


def sequence_at(moment: datetime) -> int:
    """Return the number of a change that is made at this moment."""
    return (moment - EPOCH) // MICROSECOND


def rebuild_to_item(rebuild: Rebuild) -> dict[str, object]:
    """Return a rebuild as the single view stores it, without keys."""
    known = {"since": rebuild.since, "until": rebuild.until, "snapshot": rebuild.snapshot, "over": rebuild.over or None}
    return {name: value for name, value in known.items() if value is not None}


def rebuild_from_item(item: Mapping[str, object]) -> Rebuild:
    """Read a rebuild from the single view; the inverse of `rebuild_to_item`.

    Raises:
        InvalidChangeError: the item has no field `since`.
    """
    since, until, snapshot = item.get("since"), item.get("until"), item.get("snapshot")
    if since is None:
        raise InvalidChangeError("field since: expected a number of microseconds")
    return Rebuild(
        since=int(str(since)),
        until=None if until is None else int(str(until)),
        snapshot=None if snapshot is None else str(snapshot),
        over=item.get("over") is True,
    )


def shard_end(shard: str, rebuild: Rebuild) -> dict[str, object]:
    """Return the message after which its shard has no further message of this rebuild."""
    return {"kind": SHARD_END, "person_id": shard, "sequence": rebuild.since}


def ended_shard(change: Mapping[str, object]) -> str:
    """Return the shard that such a message is about."""
    return required_text(change, "person_id")
