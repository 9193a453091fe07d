"""Stable person ids: clusters may change from run to run, but a person keeps their id.

A new id is derived from the run and the person's first record, so a repeated run gives the same ids. An id never moves
to another person: a cluster only keeps an id that one of its own records had before.
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
class IdentityRun:
    """One run of the identity resolution.

    Attributes:
        run_id: its name, the same when it is tried again.
        version: when it started, in epoch milliseconds; grows from run to run.
        stream_created_at: when the stream identity-changes was created, in epoch milliseconds. Its readers may lack
            everything that was published earlier.
    """

    run_id: str
    version: int
    stream_created_at: int = 0

    def __post_init__(self) -> None:
        if not self.run_id:
            raise ValueError("run: run_id is empty; give the execution's name")
        if not 0 < self.version < 1 << _TIME_BITS:
            raise ValueError(f"run {self.run_id}: version is {self.version}; give the start in epoch milliseconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonIdChange:
    """What a run did to a person id.

    Attributes:
        kind: `created`; `merged` into `into`; `restored` when a merge is undone; `removed` with its last record.
        person_id: the id.
        into: the surviving id of a merge.
    """

    kind: Literal["created", "merged", "restored", "removed"]
    person_id: str
    into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Person ids after a run.

    Attributes:
        persons: record id -> person id, for every record.
        aliases: every id no longer in use -> the id in use that replaced it; always one hop.
        changes: what the run did, sorted by person id.
    """

    persons: Mapping[str, str]
    aliases: Mapping[str, str]
    changes: tuple[PersonIdChange, ...]


def person_id(run: IdentityRun, founding_record_id: str) -> str:
    """Return `p_` and a ULID: the run's time, then a hash of run and founding record."""
    digest = hashlib.sha256(f"{run.run_id}\n{founding_record_id}".encode()).digest()
    number = run.version << (8 * _RANDOM_BYTES) | int.from_bytes(digest[:_RANDOM_BYTES], "big")
    digits = [_CROCKFORD[number >> (5 * place) & 31] for place in reversed(range(_ULID_DIGITS))]
    return PERSON_PREFIX + "".join(digits)


def assign(
    clusters: Iterable[Sequence[str]],
    current: Mapping[str, str],
    run: IdentityRun,
    former: Mapping[str, Iterable[str]] | None = None,
) -> Assignment:
    """Give each cluster an id and keep as many ids as possible.

    An id stays with the cluster that holds most of its records. In a merge, the id with more records survives, then the
    older one. In a split, the larger part keeps the id. A part that had an id of its own before a merge gets it back.
    Every other cluster gets a new id.

    Args:
        clusters: record ids of each person.
        current: record id -> person id before this run.
        run: this run.
        former: id no longer in use -> the records that had it last.

    Raises:
        ValueError: a record is in two clusters.
    """
    people = sorted(tuple(sorted(members)) for members in clusters)
    of_record = {record: number for number, members in enumerate(people) for record in members}
    if len(of_record) != sum(map(len, people)):
        raise ValueError("clusters: a record is in more than one cluster; each must be in exactly one")
    in_use = _members_by_id(current)
    retired = {old: tuple(sorted(records)) for old, records in (former or {}).items() if old not in in_use}
    ids = _keep(in_use, of_record, {})
    ids = _keep(retired, of_record, ids, needs_majority=True)
    restored = set(ids.values()) - in_use.keys()
    for number, members in enumerate(people):
        ids.setdefault(number, person_id(run, members[0]))
    return _assignment(people, ids, in_use, retired, restored)


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
    needs_majority: bool = False,
) -> dict[int, str]:
    """Assign ids by largest overlap; ties go to the older id, then to the cluster that sorts first.

    With `needs_majority`, a cluster gets an id only if it holds most of the id's former records.
    """
    overlaps: list[tuple[int, str, int]] = []
    for old, records in candidates.items():
        counts = Counter(of_record[record] for record in records if record in of_record)
        overlaps += [
            (-count, old, number) for number, count in counts.items() if not needs_majority or 2 * count > len(records)
        ]
    kept = dict(ids)
    taken: set[str] = set()
    for _, old, number in sorted(overlaps):
        if number not in kept and old not in taken:
            kept[number] = old
            taken.add(old)
    return kept


def successor(records: Iterable[str], persons: Mapping[str, str]) -> str | None:
    """Return the person who has most of these records, the oldest id if several do; None if nobody has any."""
    counts = Counter(persons[record] for record in records if record in persons)
    return min(counts, key=lambda person: (-counts[person], person), default=None)


def _assignment(
    people: Sequence[Sequence[str]],
    ids: Mapping[int, str],
    in_use: Mapping[str, Sequence[str]],
    retired: Mapping[str, Sequence[str]],
    restored: set[str],
) -> Assignment:
    persons = {record: ids[number] for number, members in enumerate(people) for record in members}
    kept = set(ids.values())
    aliases: dict[str, str] = {}
    for old, records in {**retired, **in_use}.items():
        into = successor(records, persons)
        if old not in kept and into:
            aliases[old] = into
    changes = [PersonIdChange(kind="restored", person_id=old) for old in restored]
    changes += [PersonIdChange(kind="created", person_id=new) for new in kept - in_use.keys() - restored]
    for old in in_use.keys() - kept:
        into = aliases.get(old)
        changes.append(PersonIdChange(kind="merged" if into else "removed", person_id=old, into=into))
    return Assignment(
        persons=persons, aliases=aliases, changes=tuple(sorted(changes, key=lambda c: (c.person_id, c.kind)))
    )
