"""From evidence to people: join records that share evidence, unless that would make one person of two.

Evidence is a set of records with a reason: they share a strong identifier, or the matcher grouped them. It is taken
strongest first, in an order that does not depend on the order of the input. A join is refused when the two sides
contradict each other: different birth dates, clearly different first names, or simply too many records. So a couple
with one e-mail address stays two people, and one placeholder that nobody knew cannot swallow a town.
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
# A person leaves a handful of records without a name before somebody asks for it; a shop's own number or its info@
# stands on every case of every nameless customer. Beyond this the value is the shop's.
MAX_UNNAMED_OF_A_VALUE: Final = 8
# Numbers are given to somebody else after a while; a mailbox hardly ever is.
_NEEDS_LAST_NAME: Final = frozenset({"phone"})
# What several people may have. The ids that a system gives are one customer's, however many records have them.
_MAY_BE_SHARED: Final = frozenset({"email", "phone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What keeps a cluster one person.

    Attributes:
        max_names_of_a_value: a value (or match group) with more different first names than this is no evidence.
        max_records_of_a_value: nor is one that more records share.
        max_unnamed_of_a_value: nor is one that more records share of which nobody knows whose they are: without any
            name, birth date or login.
        max_records_of_a_person: joins that would pass this size are refused.
    """

    max_names_of_a_value: int = 6
    max_records_of_a_value: int = 200
    max_records_of_a_person: int = 100
    max_unnamed_of_a_value: int = MAX_UNNAMED_OF_A_VALUE

    def __post_init__(self) -> None:
        for name in (
            "max_names_of_a_value",
            "max_records_of_a_value",
            "max_records_of_a_person",
            "max_unnamed_of_a_value",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"guard: {name} is {getattr(self, name)}; it must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Why a record is where it is.

    Attributes:
        rule: the first evidence that joined it to another record; `alone` when none did.
        match_id: the matcher's group that the record is in; None when the matcher left it alone.
    """

    rule: str
    match_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """People as sets of records.

    Attributes:
        clusters: sorted record ids of each person, ordered by their first.
        joined: why, per record.
        stats: counts of what was refused or dropped (`refused_birth_date`, `refused_generation`, `refused_first_name`,
            `refused_last_name`, `refused_size`, `ambiguous`, `dropped_values`), and of `records`, `clusters`.
    """

    clusters: tuple[tuple[str, ...], ...]
    joined: Mapping[str, Joined]
    stats: Mapping[str, int]


@dataclass(slots=True)
class _Facts:
    """What the records of a cluster say about the person.

    `first_names` have nicknames folded, `given_names` are as written.
    """

    given_names: frozenset[str]
    first_names: frozenset[str]
    last_names: frozenset[str]
    birth_dates: frozenset[str]
    generations: frozenset[str] = frozenset()
    logged_in: bool = False
    size: int = 1

    @property
    def is_unnamed(self) -> bool:
        """Nothing says whose the records are; a login does: who has the mailbox opened it."""
        return not (self.first_names or self.last_names or self.birth_dates or self.logged_in)


@dataclass(slots=True)
class _State:
    guard: Guard
    facts: dict[str, _Facts]
    sets: UnionFind[str] = field(default_factory=UnionFind)
    rules: dict[str, str] = field(default_factory=dict)
    stats: Counter[str] = field(default_factory=Counter)


def cluster(records: Sequence[IdentityRecord], match_groups: Sequence[MatchGroup], guard: Guard) -> Clusters:
    """Return the people that records and match groups speak of.

    Args:
        records: all current records, each id once.
        match_groups: the matcher's groups; records it names that are not given (deleted since) are ignored.
        guard: limits.

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
        _take(evidence, state)
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


def _take(evidence: Evidence, state: _State) -> None:
    """Join what the evidence joins: first the records of one name, then those that fit only one of the others."""
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
    if len(roots) > state.guard.max_records_of_a_value:
        return True
    if evidence.rule in _MAY_BE_SHARED:
        unnamed = sum(state.facts[root].is_unnamed for root in set(roots))
        if unnamed > state.guard.max_unnamed_of_a_value:
            return True
    names = {name for root in roots for name in state.facts[root].first_names}
    return len(names) > state.guard.max_names_of_a_value


def _join_fitting(members: Sequence[str], evidence: Evidence, state: _State) -> tuple[Counter[str], int]:
    """Join the clusters that fit the very same clusters; return the refusals and how many fitted several people.

    A record without a name fits both halves of a couple, which do not fit each other: it could be either's, so it is
    joined to nobody. Without such a contradiction, whoever fits the same others as oneself is oneself; that does not
    depend on the order of looking.
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
    alike: defaultdict[frozenset[str], list[str]] = defaultdict(list)
    for one in clusters:
        alike[frozenset(fits[one])].append(one)
    ambiguous = 0
    for those, same in alike.items():
        if any(b not in fits[a] for a, b in combinations(those, 2)):
            ambiguous += len(same)
            continue
        for other in same[1:]:
            _join(state.sets.find(same[0]), state.sets.find(other), evidence, state)
    return refused, ambiguous


def _refusal(one: str, other: str, evidence: Evidence, state: _State) -> str | None:
    """Return why two clusters are not one person; None when nothing speaks against it."""
    a, b = state.facts[one], state.facts[other]
    if any(not same_birth_date(x, y) for x in a.birth_dates for y in b.birth_dates):
        return "birth_date"
    if len(a.generations | b.generations) > 1:
        return "generation"
    if any(not same_first_name(x, y) for x in a.given_names for y in b.given_names):
        return "first_name"
    if evidence.rule in _NEEDS_LAST_NAME and _contradict_in_last_name(a, b):
        return "last_name"
    return "size" if a.size + b.size > state.guard.max_records_of_a_person else None


def _contradict_in_last_name(a: _Facts, b: _Facts) -> bool:
    if not a.last_names or not b.last_names or a.birth_dates & b.birth_dates:
        return False
    return not any(same_last_name(x, y) for x in a.last_names for y in b.last_names)


def _join(one: str, other: str, evidence: Evidence, state: _State) -> None:
    reason = _refusal(one, other, evidence, state)
    if reason:  # only size: the parts of what is joined here fit each other
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
    joined = {
        record_id: Joined(rule=state.rules.get(record_id, ALONE), match_id=match_ids.get(record_id))
        for members in clusters
        for record_id in members
    }
    names = ("refused_birth_date", "refused_generation", "refused_first_name", "refused_last_name", "refused_size")
    stats = {name: state.stats[name] for name in (*names, "ambiguous", "dropped_values")}
    return Clusters(
        clusters=clusters, joined=joined, stats={"records": len(joined), "clusters": len(clusters), **stats}
    )
