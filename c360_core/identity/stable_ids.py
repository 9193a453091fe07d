"""Person ids that last: clusters change from run to run, ids only when people do.

An id is derived from the run and the first record of the person, so a run that is repeated gives the same ids. It is
never given to other people: a cluster may only have an id that one of its own records has had.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from c360_core.names import PERSON_PREFIX

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_BITS: Final = 48
_RANDOM_BYTES: Final = 10
_ULID_DIGITS: Final = 26


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the identity resolution.

    Attributes:
        run_id: its name, the same when it is tried again.
        version: when it started, in milliseconds since 1970; grows from run to run.
        told_since: when the stream that tells of it was made, in milliseconds since 1970. Nobody who reads it knows
            what was told before.
    """

    run_id: str
    version: int
    told_since: int = 0

    def __post_init__(self) -> None:
        if not self.run_id:
            raise ValueError("run: run_id is empty; give the execution's name")
        if not 0 < self.version < 1 << _TIME_BITS:
            raise ValueError(f"run {self.run_id}: version is {self.version}; give the start in epoch milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What became of a person id.

    Attributes:
        kind: `created`; `merged` into `into`; `restored` after a merge that was undone; `removed` with its last record.
        person_id: the id.
        into: the surviving id of a merge.
    """

    kind: Literal["created", "merged", "restored", "removed"]
    person_id: str
    into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Ids of a run.

    Attributes:
        persons: record id -> person id, for every record.
        aliases: id that is no longer in use -> id in use, for every id that ever was; always one hop.
        changes: what changed, sorted.
    """

    persons: Mapping[str, str]
    aliases: Mapping[str, str]
    changes: tuple[Change, ...]


def person_id(run: Run, founding_record_id: str) -> str:
    """Return `p_` and a ULID: the run's time, then a hash of run and founding record."""
    digest = hashlib.sha256(f"{run.run_id}\n{founding_record_id}".encode()).digest()
    number = run.version << (8 * _RANDOM_BYTES) | int.from_bytes(digest[:_RANDOM_BYTES], "big")
    digits = [_CROCKFORD[number >> (5 * place) & 31] for place in reversed(range(_ULID_DIGITS))]
    return PERSON_PREFIX + "".join(digits)


def assign(
    clusters: Iterable[Sequence[str]],
    current: Mapping[str, str],
    run: Run,
    former: Mapping[str, Iterable[str]] | None = None,
) -> Assignment:
    """Give each cluster an id, keeping as many as possible.

    An id goes to the cluster that holds most of its records; where two ids meet (merge) the one with more records
    stays, then the older; where one is torn (split) the larger part keeps it. A part that used to have an id of its
    own, since merged away, gets that id back. Everyone else gets a new id.

    Args:
        clusters: record ids of each person.
        current: record id -> person id before this run.
        run: this run.
        former: ids no longer in use -> the records that had them last.

    Raises:
        ValueError: a record is in two clusters.
    """
    people = sorted(tuple(sorted(members)) for members in clusters)
    of_record = {record: number for number, members in enumerate(people) for record in members}
    if len(of_record) != sum(map(len, people)):
        raise ValueError("clusters: a record is in more than one cluster; each must be in exactly one")
    living = _members_by_id(current)
    gone = {old: tuple(sorted(records)) for old, records in (former or {}).items() if old not in living}
    ids = _keep(living, of_record, {})
    ids = _keep(gone, of_record, ids, last_of_its_own=True)
    restored = set(ids.values()) - living.keys()
    for number, members in enumerate(people):
        ids.setdefault(number, person_id(run, members[0]))
    return _assignment(people, ids, living, gone, restored)


def _members_by_id(persons: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for record in sorted(persons):
        found[persons[record]].append(record)
    return {person: tuple(records) for person, records in found.items()}


def _keep(
    candidates: Mapping[str, Sequence[str]],
    of_record: Mapping[str, int],
    ids: Mapping[int, str],
    *,
    last_of_its_own: bool = False,
) -> dict[int, str]:
    """Hand out ids by largest overlap; ties go to the older id, then to the cluster that sorts first.

    With `last_of_its_own` an id comes back only to a cluster that holds most of its former records.
    """
    overlaps: list[tuple[int, str, int]] = []
    for old, records in candidates.items():
        counts = Counter(of_record[record] for record in records if record in of_record)
        overlaps += [
            (-count, old, number) for number, count in counts.items() if not last_of_its_own or 2 * count > len(records)
        ]
    kept = dict(ids)
    taken: set[str] = set()
    for _, old, number in sorted(overlaps):
        if number not in kept and old not in taken:
            kept[number] = old
            taken.add(old)
    return kept


def heir(records: Iterable[str], persons: Mapping[str, str]) -> str | None:
    """Return the person who has most of these records, the oldest of several; None when nobody has any."""
    counts = Counter(persons[record] for record in records if record in persons)
    return min(counts, key=lambda person: (-counts[person], person), default=None)


def _assignment(
    people: Sequence[Sequence[str]],
    ids: Mapping[int, str],
    living: Mapping[str, Sequence[str]],
    gone: Mapping[str, Sequence[str]],
    restored: set[str],
) -> Assignment:
    persons = {record: ids[number] for number, members in enumerate(people) for record in members}
    in_use = set(ids.values())
    aliases: dict[str, str] = {}
    for old, records in {**gone, **living}.items():
        into = heir(records, persons)
        if old not in in_use and into:
            aliases[old] = into
    changes = [Change(kind="restored", person_id=old) for old in restored]
    changes += [Change(kind="created", person_id=new) for new in in_use - living.keys() - restored]
    for old in living.keys() - in_use:
        into = aliases.get(old)
        changes.append(Change(kind="merged" if into else "removed", person_id=old, into=into))
    return Assignment(
        persons=persons, aliases=aliases, changes=tuple(sorted(changes, key=lambda c: (c.person_id, c.kind)))
    )
