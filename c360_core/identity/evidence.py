"""Evidence that records belong to one person: strong identifiers that they share, and groups that the matcher found."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from c360_core.identity.match_groups import MatchGroup
from c360_core.identity.records import IdentityRecord, MatchForm
from c360_core.identity.similarity import within_one_edit

# Rules, strongest first, no matter what found the evidence. Where evidence conflicts, the stronger rule is applied
# first. Rules that are not listed, because a workflow uses its own, come last.
EVIDENCE: Final = (
    "loyalty_id",
    "crm_id",
    "case_customer_id",
    "joined",
    "name-birth-date",
    "first-name-birth-date-postal-code",
    "last-name-birth-date-postal-code",
    "email-last-name",
    "email",
    "phone-last-name",
    "phone",
    "name-address",
    "name-near-email",
)
_STRENGTH: Final[Mapping[str, int]] = {rule: place for place, rule in enumerate(EVIDENCE)}
# Above this limit a name is so common that its mailboxes are similar by chance.
MAX_MAILBOXES_PER_NAME: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Records that one rule joins.

    Attributes:
        rank: sort key, strongest first; does not depend on the order of the records.
        rule: the rule.
        record_ids: two or more records, sorted.
    """

    rank: tuple[int, str, tuple[str, ...]]
    rule: str
    record_ids: tuple[str, ...]


def evidence_of(
    records: Sequence[IdentityRecord], forms: Mapping[str, MatchForm], match_groups: Sequence[MatchGroup]
) -> list[Evidence]:
    """Return all evidence, strongest first.

    The matcher removes a record from its pool at the first rule that fits. The evidence lost that way is found here.

    Args:
        records: all records.
        forms: record id -> its values in match form.
        match_groups: the matcher's groups; their records that are not given are ignored.
    """
    return sorted(_all_evidence(records, forms, match_groups), key=lambda evidence: evidence.rank)


def _all_evidence(
    records: Sequence[IdentityRecord], forms: Mapping[str, MatchForm], match_groups: Sequence[MatchGroup]
) -> Iterator[Evidence]:
    yield from _sharing("loyalty_id", ((r.loyalty_id, r.record_id) for r in records))
    yield from _sharing("crm_id", ((r.crm_id, r.record_id) for r in records))
    yield from _sharing("case_customer_id", ((r.case_customer_id, r.record_id) for r in records))
    yield from _sharing("joined", ((r.joined_by, r.record_id) for r in records))
    for rule, value_of in _SHARED_VALUES.items():
        yield from _sharing(rule, ((value_of(form), record_id) for record_id, form in forms.items()))
    yield from _mistyped_mailboxes(forms)
    for group in match_groups:
        known = forms.keys() & set(group.record_ids)
        if len(known) > 1:
            yield _evidence(group.rule, known)


def _mistyped_mailboxes(forms: Mapping[str, MatchForm]) -> Iterator[Evidence]:
    """Yield records of one full name whose mailboxes differ by one typo. Digits must be equal: smith1 is not smith2."""
    by_name: defaultdict[tuple[str, ...], defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for record_id, form in forms.items():
        name = _all_of(form.first_name, form.last_name)
        if name and form.email:
            by_name[name][form.email].append(record_id)
    for mailboxes in by_name.values():
        if len(mailboxes) > MAX_MAILBOXES_PER_NAME:
            continue
        for one, other in combinations(sorted(mailboxes), 2):
            if within_one_edit(one, other) and _digits(one) == _digits(other):
                yield _evidence("name-near-email", mailboxes[one] + mailboxes[other])


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _all_of(*values: str | None) -> tuple[str, ...] | None:
    found = tuple(value for value in values if value)
    return found if len(found) == len(values) else None


_SHARED_VALUES: Final[Mapping[str, Callable[[MatchForm], Hashable | None]]] = {
    "name-birth-date": lambda form: _all_of(form.first_name, form.last_name, form.birth_date),
    "email": lambda form: form.email,
    "phone": lambda form: form.phone,
    "name-address": lambda form: _all_of(form.first_name, form.last_name, form.street, form.postal_code),
}


def _evidence(rule: str, record_ids: Iterable[str]) -> Evidence:
    found = tuple(sorted(record_ids))
    return Evidence(rank=(_STRENGTH.get(rule, len(_STRENGTH)), rule, found), rule=rule, record_ids=found)


def _sharing(rule: str, values: Iterable[tuple[Hashable | None, str]]) -> Iterator[Evidence]:
    holders: defaultdict[Hashable, list[str]] = defaultdict(list)
    for value, record_id in values:
        if value:
            holders[value].append(record_id)
    for record_ids in holders.values():
        if len(record_ids) > 1:
            yield _evidence(rule, record_ids)
