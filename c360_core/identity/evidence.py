"""What says that records are one person's: strong identifiers that they share, and what the matcher found."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from c360_core.identity.match_groups import MatchGroup
from c360_core.identity.records import IdentityRecord, MatchForm
from c360_core.identity.similarity import within_one_edit

# Evidence, strongest first, whoever found it. It decides who is asked first when not everybody can be right. Rules that
# are not listed, because a workflow was given others, come last.
EVIDENCE: Final = (
    "loyalty_id",
    "crm_id",
    "case_customer_id",
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
# Beyond that a name is so common that its mailboxes look alike by chance.
MAX_MAILBOXES_OF_A_NAME: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Records that one reason joins.

    Attributes:
        rank: strongest first; the same for the same evidence in whatever order records come.
        rule: the reason.
        record_ids: two or more records, sorted.
    """

    rank: tuple[int, str, tuple[str, ...]]
    rule: str
    record_ids: tuple[str, ...]


def evidence_of(
    records: Sequence[IdentityRecord], forms: Mapping[str, MatchForm], match_groups: Sequence[MatchGroup]
) -> list[Evidence]:
    """Return all evidence, strongest first.

    The matcher takes a record out of its pool with the first rule that fits; what that loses is found again here.

    Args:
        records: all records.
        forms: record id -> its values in match form.
        match_groups: the matcher's groups; records that are not given are left out of them.
    """
    return sorted(_gathered(records, forms, match_groups), key=lambda evidence: evidence.rank)


def _gathered(
    records: Sequence[IdentityRecord], forms: Mapping[str, MatchForm], match_groups: Sequence[MatchGroup]
) -> Iterator[Evidence]:
    yield from _sharing("loyalty_id", ((r.loyalty_id, r.record_id) for r in records))
    yield from _sharing("crm_id", ((r.crm_id, r.record_id) for r in records))
    yield from _sharing("case_customer_id", ((r.case_customer_id, r.record_id) for r in records))
    for rule, value_of in _SHARED_VALUES.items():
        yield from _sharing(rule, ((value_of(form), record_id) for record_id, form in forms.items()))
    yield from _mistyped_mailboxes(forms)
    for group in match_groups:
        known = forms.keys() & set(group.record_ids)
        if len(known) > 1:
            yield _evidence(group.rule, known)


def _mistyped_mailboxes(forms: Mapping[str, MatchForm]) -> Iterator[Evidence]:
    """Records of one full name whose mailboxes differ by one slip, but not in a digit: it tells John Smiths apart."""
    by_name: defaultdict[tuple[str, ...], defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for record_id, form in forms.items():
        name = _all_of(form.first_name, form.last_name)
        if name and form.email:
            by_name[name][form.email].append(record_id)
    for mailboxes in by_name.values():
        if len(mailboxes) > MAX_MAILBOXES_OF_A_NAME:
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
