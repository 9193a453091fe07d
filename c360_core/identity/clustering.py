"""From evidence to persons: join records that share evidence, unless that would merge two people.

Evidence is a set of records with a reason: they share a strong identifier, or the matcher grouped them. Evidence is
applied strongest first, in an order that does not depend on the order of the input. A join is refused when the two
sides contradict each other (different birth dates or clearly different first names) or have too many records. So a
couple with one e-mail address stays two persons, and an unknown placeholder value cannot merge hundreds of people.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

from c360_core.identity.evidence import Evidence, evidence_of
from c360_core.identity.match_groups import MatchGroup
from c360_core.identity.records import IdentityRecord, MatchForm, match_form
from c360_core.identity.similarity import same_birth_date, same_first_name, same_last_name
from c360_core.identity.union_find import UnionFind

ALONE: Final = "alone"
# One person leaves only a few records without a name. A shop's own number or info@ address is on every case of every
# customer without a name. Above this limit we assume that the value is the shop's.
MAX_UNNAMED_RECORDS_PER_VALUE: Final = 8
# Phone numbers are reassigned to other people after a while; mailboxes hardly ever are.
_NEEDS_LAST_NAME: Final = frozenset({"phone"})
# Values that several people may share. An id that a system assigns belongs to one customer, however many records have
# it.
_MAY_BE_SHARED: Final = frozenset({"email", "phone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Limits that keep a cluster one person.

    Attributes:
        max_first_names_per_value: a value (or match group) with more different first names is ignored.
        max_records_per_value: a value (or match group) with more records is ignored.
        max_unnamed_records_per_value: a shared value with more unnamed records (no name, birth date or login) is
            ignored.
        max_records_per_person: a join to more records is refused.
    """

    max_first_names_per_value: int = 6
    max_records_per_value: int = 200
    max_records_per_person: int = 100
    max_unnamed_records_per_value: int = MAX_UNNAMED_RECORDS_PER_VALUE

    def __post_init__(self) -> None:
        for name in (
            "max_first_names_per_value",
            "max_records_per_value",
            "max_records_per_person",
            "max_unnamed_records_per_value",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"guard: {name} is {getattr(self, name)}; it must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Why a record is in its cluster.

    Attributes:
        rule: the first evidence that joined it to another record; `alone` if none did.
        match_id: the matcher's group that the record is in; None if it is in none.
    """

    rule: str
    match_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Persons as sets of records.

    Attributes:
        clusters: sorted record ids of each person, ordered by the first record id.
        memberships: record id -> why it is in its cluster.
        stats: counts of refused joins and dropped values (`refused_birth_date`, `refused_generation`,
            `refused_first_name`, `refused_last_name`, `refused_size`, `ambiguous`, `dropped_values`), and of `records`,
            `clusters`.
    """

    clusters: tuple[tuple[str, ...], ...]
    memberships: Mapping[str, Membership]
    stats: Mapping[str, int]


@dataclass(slots=True)
class _Facts:
    """Values of all records of a cluster; `first_names` have nicknames folded, `given_names` are as written."""

    given_names: frozenset[str]
    first_names: frozenset[str]
    last_names: frozenset[str]
    birth_dates: frozenset[str]
    generations: frozenset[str] = frozenset()
    logged_in: bool = False
    size: int = 1

    @property
    def is_unnamed(self) -> bool:
        """True if nothing identifies the person. A login does: only the owner of the mailbox can confirm it."""
        return not (self.first_names or self.last_names or self.birth_dates or self.logged_in)


@dataclass(slots=True)
class _State:
    guard: Guard
    facts: dict[str, _Facts]
    sets: UnionFind[str] = field(default_factory=UnionFind)
    rules: dict[str, str] = field(default_factory=dict)
    stats: Counter[str] = field(default_factory=Counter)


def cluster(records: Sequence[IdentityRecord], match_groups: Sequence[MatchGroup], guard: Guard) -> Clusters:
    """Return records and match groups as clusters, one per person.

    Args:
        records: all current records, each id once.
        match_groups: the matcher's groups; their records that are not given (deleted since) are ignored.
        guard: limits of a cluster.

    Raises:
        ValueError: a record id occurs twice.
    """
    forms = {record.record_id: match_form(record) for record in records}
    if len(forms) != len(records):
        twice = Counter(record.record_id for record in records).most_common(1)[0][0]
        raise ValueError(f"identity records: record_id {twice} occurs more than once; keep only its newest row")
    state = _State(guard, {r.record_id: _facts(forms[r.record_id], logged_in=r.email_verified) for r in records})
    for record_id in sorted(forms):
        state.sets.find(record_id)
    for evidence in evidence_of(records, forms, match_groups):
        _apply(evidence, state)
    return _result(state, match_groups)


def _facts(form: MatchForm, *, logged_in: bool) -> _Facts:
    return _Facts(
        _set(form.given_name),
        _set(form.first_name),
        _set(form.last_name),
        _set(form.birth_date),
        _set(form.generation),
        logged_in,
    )


def _set(value: str | None) -> frozenset[str]:
    return frozenset((value,)) if value else frozenset()


def _apply(evidence: Evidence, state: _State) -> None:
    """Join the records of the evidence: first those with the same first name, then those that fit only one cluster."""
    roots = [state.sets.find(record_id) for record_id in evidence.record_ids]
    if len(set(roots)) > 1:
        if _is_too_common(evidence, roots, state):
            state.stats["dropped_values"] += 1
            return
        by_name: defaultdict[frozenset[str], list[str]] = defaultdict(list)
        for root in roots:
            by_name[state.facts[root].first_names].append(root)
        if len(by_name) > 1:
            for names in sorted(by_name, key=sorted):
                if names:
                    _join_fitting(by_name[names], evidence, state)
        refused, ambiguous = _join_fitting(roots, evidence, state)
        state.stats.update(refused)
        state.stats["ambiguous"] += ambiguous
    _note_rule(evidence, state)


def _is_too_common(evidence: Evidence, roots: Sequence[str], state: _State) -> bool:
    if len(roots) > state.guard.max_records_per_value:
        return True
    if evidence.rule in _MAY_BE_SHARED:
        unnamed = sum(state.facts[root].is_unnamed for root in set(roots))
        if unnamed > state.guard.max_unnamed_records_per_value:
            return True
    names = {name for root in roots for name in state.facts[root].first_names}
    return len(names) > state.guard.max_first_names_per_value


def _join_fitting(members: Sequence[str], evidence: Evidence, state: _State) -> tuple[Counter[str], int]:
    """Join clusters that fit exactly the same clusters; return the refusals and the number of ambiguous clusters.

    A record without a name may fit both partners of a couple, who do not fit each other. It could belong to either, so
    it is joined to neither. If there is no such contradiction, clusters that fit the same clusters are one person; the
    result does not depend on the order of the comparisons.
    """
    clusters = sorted({state.sets.find(member) for member in members})
    refused: Counter[str] = Counter()
    if len(clusters) < 2:  # noqa: PLR2004  # nothing to join
        return refused, 0
    fits = {one: {one} for one in clusters}
    for one, other in combinations(clusters, 2):
        reason = _refusal(one, other, evidence, state)
        if reason:
            refused[f"refused_{reason}"] += 1
        else:
            fits[one].add(other)
            fits[other].add(one)
    by_fit: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for one in clusters:
        by_fit[frozenset(fits[one])].append(one)
    ambiguous = 0
    for fitting, same in by_fit.items():
        if any(b not in fits[a] for a, b in combinations(fitting, 2)):
            ambiguous += len(same)
            continue
        for other in same[1:]:
            _join(state.sets.find(same[0]), state.sets.find(other), evidence, state)
    return refused, ambiguous


def _refusal(one: str, other: str, evidence: Evidence, state: _State) -> str | None:
    """Return why two clusters cannot be one person; None if nothing contradicts it."""
    a, b = state.facts[one], state.facts[other]
    if any(not same_birth_date(x, y) for x in a.birth_dates for y in b.birth_dates):
        return "birth_date"
    if len(a.generations | b.generations) > 1:
        return "generation"
    if any(not same_first_name(x, y) for x in a.given_names for y in b.given_names):
        return "first_name"
    if evidence.rule in _NEEDS_LAST_NAME and _have_different_last_names(a, b):
        return "last_name"
    return "size" if a.size + b.size > state.guard.max_records_per_person else None


def _have_different_last_names(a: _Facts, b: _Facts) -> bool:
    if not a.last_names or not b.last_names or a.birth_dates & b.birth_dates:
        return False
    return not any(same_last_name(x, y) for x in a.last_names for y in b.last_names)


def _join(one: str, other: str, evidence: Evidence, state: _State) -> None:
    reason = _refusal(one, other, evidence, state)
    if reason:  # only `size` is possible here: these clusters fit each other
        state.stats[f"refused_{reason}"] += 1
        return
    a, b = state.facts[one], state.facts[other]
    state.facts[state.sets.union(one, other)] = _Facts(
        a.given_names | b.given_names,
        a.first_names | b.first_names,
        a.last_names | b.last_names,
        a.birth_dates | b.birth_dates,
        a.generations | b.generations,
        a.logged_in or b.logged_in,
        a.size + b.size,
    )


def _note_rule(evidence: Evidence, state: _State) -> None:
    together = Counter(state.sets.find(record_id) for record_id in evidence.record_ids)
    for record_id in evidence.record_ids:
        if together[state.sets.find(record_id)] > 1:
            state.rules.setdefault(record_id, evidence.rule)


def _result(state: _State, match_groups: Sequence[MatchGroup]) -> Clusters:
    match_ids = {record_id: group.match_id for group in match_groups for record_id in group.record_ids}
    clusters = tuple(sorted(tuple(sorted(members)) for members in state.sets.groups()))
    memberships = {
        record_id: Membership(rule=state.rules.get(record_id, ALONE), match_id=match_ids.get(record_id))
        for members in clusters
        for record_id in members
    }
    names = ("refused_birth_date", "refused_generation", "refused_first_name", "refused_last_name", "refused_size")
    stats = {name: state.stats[name] for name in (*names, "ambiguous", "dropped_values")}
    return Clusters(
        clusters=clusters,
        memberships=memberships,
        stats={"records": len(memberships), "clusters": len(clusters), **stats},
    )
