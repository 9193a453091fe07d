"""Exact rule matching with the documented meaning of AWS Entity Resolution's simple rules.

What the documents leave open is chosen here and marked "chosen". Records are grouped by equal keys, never compared in
pairs, so the time grows with the number of records.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

from anyascii import anyascii

from c360_core.identity.match_groups import MatchGroup
from c360_core.identity.union_find import UnionFind
from c360_core.identity.vocabulary import ADDRESS_WORDS

MAX_RULES: Final = 25
MAX_KEYS_OF_A_RULE: Final = 15
MAX_RECORDS_OF_A_GROUP: Final = 500
MATCH_ID_DIGITS: Final = 32
NAME_TYPES: Final = ("NAME", "NAME_FIRST", "NAME_MIDDLE", "NAME_LAST")
ADDRESS_TYPES: Final = (
    "ADDRESS",
    "ADDRESS_STREET1",
    "ADDRESS_STREET2",
    "ADDRESS_STREET3",
    "ADDRESS_CITY",
    "ADDRESS_STATE",
    "ADDRESS_COUNTRY",
    "ADDRESS_POSTALCODE",
)
PHONE_TYPES: Final = ("PHONE", "PHONE_COUNTRYCODE", "PHONE_NUMBER")
WHOLE_TYPES: Final = ("NAME", "ADDRESS", "PHONE", "EMAIL_ADDRESS")

Row = Mapping[str, str | None]


class MatchingError(ValueError):
    """A workflow or schema mapping that cannot be run; the message names what to change."""


class AttributeMatchingModel(StrEnum):
    """Which fields of one match key are compared with which."""

    ONE_TO_ONE = "ONE_TO_ONE"
    MANY_TO_MANY = "MANY_TO_MANY"


class EmailVariant(StrEnum):
    """The two documented readings of e-mail normalisation.

    GLOSSARY drops dots and everything after `+` in the user name, for every domain; LIBRARY does neither.
    """

    GLOSSARY = "glossary"
    LIBRARY = "library"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputField:
    """A mapped input field of a schema mapping."""

    name: str
    type: str
    match_key: str | None = None
    group: str | None = None
    hashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRule:
    """A simple rule: all of its match keys are equal."""

    name: str
    match_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """A rule-based matching workflow."""

    fields: tuple[InputField, ...]
    rules: tuple[WorkflowRule, ...]
    model: AttributeMatchingModel = AttributeMatchingModel.ONE_TO_ONE
    apply_normalization: bool = True
    email_variant: EmailVariant = EmailVariant.GLOSSARY

    def __post_init__(self) -> None:
        check(self)


def check(workflow: Workflow) -> None:
    """Refuse a workflow that the service would refuse.

    Raises:
        MatchingError: a rule names no known match key, or there are too many rules or keys.
    """
    known = {field.match_key for field in workflow.fields if field.match_key}
    if not 1 <= len(workflow.rules) <= MAX_RULES:
        raise MatchingError(f"rules: {len(workflow.rules)} given; the service takes 1 to {MAX_RULES}")
    for rule in workflow.rules:
        if not 1 <= len(rule.match_keys) <= MAX_KEYS_OF_A_RULE:
            raise MatchingError(
                f"rule {rule.name}: {len(rule.match_keys)} match keys; 1 to {MAX_KEYS_OF_A_RULE} allowed"
            )
        for key in rule.match_keys:
            if key not in known:
                raise MatchingError(f"rule {rule.name}: match key {key} is in no field of the schema mapping")
    if sum(field.type == "UNIQUE_ID" for field in workflow.fields) != 1:
        raise MatchingError("schema mapping: exactly one field must have the type UNIQUE_ID")


def unique_id_field(fields: Sequence[InputField]) -> str:
    """Return the name of the field that identifies a record."""
    return next(field.name for field in fields if field.type == "UNIQUE_ID")


def match(rows: Sequence[Row], workflow: Workflow) -> list[MatchGroup]:
    """Run the waterfall: rule by rule, each over the records that no earlier rule matched.

    Every record is in exactly one group; one that matched nothing is alone in its group, with an empty rule (chosen:
    the documents promise a MatchID for every record only for machine learning).

    Args:
        rows: field name -> value; missing, None and empty values match nothing.
        workflow: fields and rules.

    Raises:
        MatchingError: a group would pass the service's quota of records of one match id.
    """
    id_field = unique_id_field(workflow.fields)
    tokens = {str(row[id_field]): _tokens(row, workflow) for row in rows}
    remaining = sorted(tokens)
    groups: list[MatchGroup] = []
    for rule in workflow.rules:
        found = _groups_of_rule(remaining, tokens, rule)
        groups += found
        matched = {record for group in found for record in group.record_ids}
        remaining = [record for record in remaining if record not in matched]
    return groups + [_group("", (record,)) for record in remaining]


def _groups_of_rule(records: Sequence[str], tokens: Mapping[str, "Tokens"], rule: WorkflowRule) -> list[MatchGroup]:
    """Records of one level that share a key, also through a third record, are one group."""
    sets: UnionFind[str] = UnionFind()
    first_with: dict[tuple[Hashable, ...], str] = {}
    for record in records:
        for key in product(*(tokens[record].get(name, ()) for name in rule.match_keys)):
            sets.union(first_with.setdefault(key, record), record)
    groups = [_group(rule.name, tuple(sorted(members))) for members in sets.groups() if len(members) > 1]
    largest = max((len(group.record_ids) for group in groups), default=0)
    if largest > MAX_RECORDS_OF_A_GROUP:
        raise MatchingError(
            f"rule {rule.name}: {largest} records in one group; the quota is {MAX_RECORDS_OF_A_GROUP}. "
            "A value that so many share is a placeholder: drop it before matching"
        )
    return sorted(groups, key=lambda group: group.record_ids)


def _group(rule: str, record_ids: tuple[str, ...]) -> MatchGroup:
    """Give a group an id that depends on nothing but its content (chosen: the service's own ids are random)."""
    digest = hashlib.sha256("\n".join((rule, *record_ids)).encode()).hexdigest()
    return MatchGroup(match_id=digest[:MATCH_ID_DIGITS], rule=rule, record_ids=record_ids)


Tokens = dict[str, tuple[Hashable, ...]]


def _tokens(row: Row, workflow: Workflow) -> Tokens:
    """Return match key -> what may be equal to another record's.

    Between fields of one key, ONE_TO_ONE compares each with itself only, so the field's name is part of the token.
    """
    found: defaultdict[str, dict[Hashable, None]] = defaultdict(dict)
    for match_key, name, value in values_of(row, workflow):
        if value:
            token = value if workflow.model is AttributeMatchingModel.MANY_TO_MANY else (name, value)
            found[match_key][token] = None
    return {key: tuple(values) for key, values in found.items()}


def values_of(row: Row, workflow: Workflow) -> list[tuple[str, str, str]]:
    """Return (match key, field or group name, value as compared) of a record.

    Fields of one group are joined by a space, in the order of the schema mapping, and compared as one value.
    """
    joined: dict[tuple[str, str], list[tuple[InputField, str]]] = {}
    for field in workflow.fields:
        if field.match_key:
            value = (row.get(field.name) or "").strip()
            joined.setdefault((field.match_key, field.group or field.name), []).append((field, value))
    return [
        (match_key, name, _compared(parts, workflow) if any(value for _, value in parts) else "")
        for (match_key, name), parts in joined.items()
    ]


def _compared(parts: Sequence[tuple[InputField, str]], workflow: Workflow) -> str:
    text = " ".join(value for _, value in parts if value)
    field = parts[0][0]
    if not workflow.apply_normalization or field.hashed:
        return text
    # Parts of names, addresses and phones are normalised only as a group; a whole one always.
    if field.group is None and field.type not in WHOLE_TYPES:
        return text
    if field.type in PHONE_TYPES:
        return normalised_phone(parts)
    return normalised_value(text, field.type, workflow.email_variant)


def normalised_value(text: str, field_type: str, email_variant: EmailVariant = EmailVariant.GLOSSARY) -> str:
    """Return the service's form of a whole value; types without one are only trimmed."""
    if field_type == "EMAIL_ADDRESS":
        return normalised_email(text, email_variant)
    if field_type in PHONE_TYPES:
        return normalised_phone([(InputField(name="", type=field_type), text)])
    if field_type in NAME_TYPES:
        return normalised_name(text)
    return normalised_address(text) if field_type in ADDRESS_TYPES else text.strip()


def normalised_name(text: str) -> str:
    """Return a name's letters in lower case, without accents, blanks and hyphens."""
    return re.sub(r"[^a-z]", "", anyascii(text.strip().lower()).lower())


def normalised_email(text: str, variant: EmailVariant) -> str:
    """Return an address in the service's form, after one of its two descriptions."""
    address = anyascii(text.strip().lower()).lower()
    if variant is EmailVariant.LIBRARY:
        inside = re.search(r"<([^<>]+)>", address)
        address = inside.group(1) if inside else address
        return re.sub(r"\s", "", address.replace("(at)", "@"))
    user, at, domain = re.sub(r"[^a-z0-9@._+-]", "", address).rpartition("@")
    return f"{user.partition('+')[0].replace('.', '')}{at}{domain}"


def normalised_phone(parts: Sequence[tuple[InputField, str]]) -> str:
    """Return country code and number as digits without leading zeros (chosen: no code means +1)."""
    code = "".join(_digits(value) for field, value in parts if field.type == "PHONE_COUNTRYCODE")
    written = "".join(value for field, value in parts if field.type != "PHONE_COUNTRYCODE").strip()
    number = _digits(written)
    if not number:
        return ""
    if written.startswith("+") or (code and number.startswith(code) and len(number) > _NATIONAL_DIGITS):
        return number
    if not code and len(number) > _NATIONAL_DIGITS:
        return number
    return (code or "1") + number


def normalised_address(text: str) -> str:
    """Return an address's letters and digits, words shortened; the glossary's reading would drop house numbers."""
    lowered = anyascii(text.strip().lower().replace("#", " number ")).lower()
    words = re.sub(r"[^a-z0-9]+", " ", lowered).split()
    return "".join(ADDRESS_WORDS.get(word, word) for word in words)


_NATIONAL_DIGITS: Final = 10


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text).lstrip("0")
