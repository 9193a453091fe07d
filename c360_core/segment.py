"""Segments: named conditions over the columns of a profile, written as rule trees and decided in Flink SQL.

A rule tree has the JSON form of the react-querybuilder component, so that the same file can be edited on a screen:
a group is `{"combinator": "and" | "or", "not": bool, "rules": [...]}`, a rule `{"field", "operator", "value"}`.
`to_sql` prints a condition for Flink. A comparison with a missing value is unknown, as everywhere in SQL, and only a
condition that is true makes a member.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from c360_core.contracts import Table
from c360_core.names import Use

SEGMENTS_FILE: Final = Path(__file__).with_name("segments.json")
BUILD_HINT: Final = "run `python -m tools.contracts.segments` to build it from contracts/segments.yaml"
MAX_NAME_LENGTH: Final = 64
MAX_DEPTH: Final = 5
MOST_SEGMENTS: Final = 98  # a transaction takes 100 actions: the profile, the check for its removal, and these
NOT_IN_RULES: Final = frozenset({"computed_at", "segments"})

Value = str | int | Decimal | date | datetime


class SegmentError(ValueError):
    """A segment is wrong; the message names the file, the segment, the field and the fix."""


class FieldType(StrEnum):
    """What a profile column holds, as far as a rule cares."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    TIME = "time"


_FIELD_TYPES: Final = {
    "string": FieldType.TEXT,
    "integer": FieldType.INTEGER,
    "number": FieldType.DECIMAL,
    "date": FieldType.DATE,
    "timestamp": FieldType.TIME,
}


class Combinator(StrEnum):
    """How the rules of a group are joined."""

    AND = "and"
    OR = "or"


class Operator(StrEnum):
    """What a rule asks of its field; the names are react-querybuilder's."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    IN = "in"
    NOT_IN = "notIn"
    BETWEEN = "between"
    NOT_BETWEEN = "notBetween"
    IS_NULL = "null"
    NOT_NULL = "notNull"
    BEGINS_WITH = "beginsWith"
    ENDS_WITH = "endsWith"
    CONTAINS = "contains"


WITHOUT_VALUE: Final = frozenset({Operator.IS_NULL, Operator.NOT_NULL})
WITH_LIST: Final = frozenset({Operator.IN, Operator.NOT_IN})
WITH_RANGE: Final = frozenset({Operator.BETWEEN, Operator.NOT_BETWEEN})
TEXT_ONLY: Final = frozenset({Operator.BEGINS_WITH, Operator.ENDS_WITH, Operator.CONTAINS})


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRule:
    """One question about one column. `values` has none, one, two (a range) or more (a list)."""

    field: str
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules and groups joined by one combinator, the whole negated when `negated`."""

    combinator: Combinator
    negated: bool
    rules: tuple["SegmentRule | Group", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A named condition. `document` is the rule tree as written, `use` what the segment is for."""

    name: str
    description: str
    condition: Group
    document: Mapping[str, Any]
    use: Use = Use.MARKETING


def profile_fields(profiles: Table) -> Mapping[str, FieldType]:
    """Return the columns that rules may name: those of the contract that are known before the segments are."""
    return {
        field.name: _FIELD_TYPES[field.logical_type]
        for field in profiles.fields
        if field.logical_type in _FIELD_TYPES and field.name not in NOT_IN_RULES
    }


def parse(document: Any, fields: Mapping[str, FieldType], *, file: str) -> tuple[Segment, ...]:
    """Check a document of segments against the columns of the profile and build them.

    Args:
        document: `{"segments": [{"name", "description", "query"}, ...]}`, each with a `use` if it is not for marketing.
        fields: the columns that rules may name, with their types.
        file: where the document is from, for messages.

    Raises:
        SegmentError: something is unknown, missing, of the wrong type or there twice.
    """
    entries = document.get("segments") if isinstance(document, Mapping) else None
    if not isinstance(entries, list) or not entries:
        raise SegmentError(f"{file}: `segments` must be a list with at least one segment")
    if len(entries) > MOST_SEGMENTS:
        raise SegmentError(
            f"{file}: {len(entries)} segments; {MOST_SEGMENTS} at most, since a profile and all of its "
            "segments change in one transaction"
        )
    segments = tuple(_segment(entry, fields, file) for entry in entries)
    names = [segment.name for segment in segments]
    for name in names:
        if names.count(name) > 1:
            raise SegmentError(f"{file}: segment `{name}` is there twice; rename one of them")
    return segments


def load(fields: Mapping[str, FieldType], path: Path = SEGMENTS_FILE) -> tuple[Segment, ...]:
    """Read the segments that the build compiled to JSON.

    Raises:
        SegmentError: the file is missing, is not JSON, or does not fit the profile.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SegmentError(
            f"{path}: the compiled segments are missing; run `python -m tools.contracts.segments`"
        ) from error
    except ValueError as error:
        raise SegmentError(f"{path}: not JSON ({error}); {BUILD_HINT}") from error
    return parse(document, fields, file=str(path))


def to_document(segments: Sequence[Segment]) -> dict[str, Any]:
    """Return the JSON form that `load` reads."""
    return {
        "segments": [
            {
                "name": segment.name,
                "description": segment.description,
                "query": segment.document,
                "use": segment.use.value,
            }
            for segment in segments
        ]
    }


def read_condition(query: Any, fields: Mapping[str, FieldType], *, file: str, owner: str) -> Group:
    """Read a rule tree that belongs to something else than a segment.

    Args:
        query: the rule tree.
        fields: the columns that rules may name, with their types.
        file: where it is from, for messages.
        owner: what it belongs to, for messages, such as "play `welcome`".

    Raises:
        SegmentError: something is unknown, missing or of the wrong type.
    """
    return _group(query, _Place(file=file, owner=owner, fields=fields), depth=1)


# --- reading a rule tree ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where we are in a document, for messages."""

    file: str
    owner: str
    fields: Mapping[str, FieldType]

    def wrong(self, problem: str) -> SegmentError:
        return SegmentError(f"{self.file}: {self.owner}: {problem}")


def _segment(entry: Any, fields: Mapping[str, FieldType], file: str) -> Segment:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise SegmentError(f"{file}: every segment needs a `name`; this one has none: {entry!r}")
    name = entry["name"]
    place = _Place(file=file, owner=f"segment `{name}`", fields=fields)
    _only(entry, {"name", "description", "query", "use"}, place)
    if not name.replace("_", "").isalnum() or not name.isascii() or name != name.lower() or len(name) > MAX_NAME_LENGTH:
        raise place.wrong(f"a name is up to {MAX_NAME_LENGTH} small letters, digits and underscores")
    description = entry.get("description")
    if not isinstance(description, str) or not description:
        raise place.wrong("`description` is missing; say in one sentence who is in it")
    if entry.get("use", Use.MARKETING) not in list(Use):
        raise place.wrong(f"unknown use `{entry['use']}`; use one of {', '.join(Use)}")
    query: Any = entry.get("query")
    return Segment(
        name=name,
        description=description,
        condition=_group(query, place, depth=1),
        document=query,
        use=Use(entry.get("use", Use.MARKETING)),
    )


def _only(entry: Mapping[str, Any], known: set[str], place: _Place) -> None:
    unknown = sorted(set(entry) - known)
    if unknown:
        raise place.wrong(f"unknown key `{unknown[0]}`; known: {', '.join(sorted(known))}")


def _group(node: Any, place: _Place, *, depth: int) -> Group:
    if not isinstance(node, Mapping) or "rules" not in node:
        raise place.wrong(f"`query` must be a group with `combinator` and `rules`, not {node!r}")
    _only(node, {"id", "combinator", "not", "rules"}, place)
    if depth > MAX_DEPTH:
        raise place.wrong(f"groups are nested deeper than {MAX_DEPTH}; split it")
    try:
        combinator = Combinator(str(node.get("combinator")))
    except ValueError as error:
        raise place.wrong(f"unknown combinator `{node.get('combinator')}`; use `and` or `or`") from error
    negated = node.get("not", False)
    if not isinstance(negated, bool):
        raise place.wrong(f"`not` must be true or false, not {negated!r}")
    if not isinstance(node["rules"], list) or not node["rules"]:
        raise place.wrong("a group needs at least one rule")
    rules = tuple(
        _group(rule, place, depth=depth + 1) if isinstance(rule, Mapping) and "rules" in rule else _rule(rule, place)
        for rule in node["rules"]
    )
    return Group(combinator=combinator, negated=negated, rules=rules)


def _rule(node: Any, place: _Place) -> SegmentRule:
    if not isinstance(node, Mapping):
        raise place.wrong(f"a rule must have `field`, `operator` and `value`; this is {node!r}")
    _only(node, {"id", "field", "operator", "value", "valueSource"}, place)
    field = str(node.get("field"))
    if field not in place.fields:
        raise place.wrong(f"unknown field `{field}`; a profile has: {', '.join(sorted(place.fields))}")
    if node.get("valueSource", "value") != "value":
        raise place.wrong(f"field `{field}`: only values can be compared with; remove `valueSource`")
    try:
        operator = Operator(str(node.get("operator")))
    except ValueError as error:
        known = ", ".join(f"`{operator}`" for operator in Operator)
        raise place.wrong(f"field `{field}`: unknown operator `{node.get('operator')}`; known: {known}") from error
    kind = place.fields[field]
    if operator in TEXT_ONLY and kind is not FieldType.TEXT:
        raise place.wrong(f"field `{field}`: `{operator}` is for text, the field is {kind}; compare it instead")
    raw = _raw_values(node.get("value"), field, operator, place)
    return SegmentRule(field=field, operator=operator, values=tuple(_value(item, field, kind, place) for item in raw))


def _raw_values(value: Any, field: str, operator: Operator, place: _Place) -> list[Any]:
    if operator in WITHOUT_VALUE:
        return []
    if operator not in WITH_LIST | WITH_RANGE:
        return [value]
    if not isinstance(value, list) or not value:
        raise place.wrong(f"field `{field}`: `{operator}` needs a list, not {value!r}")
    if operator in WITH_RANGE and len(value) != len(("low", "high")):
        raise place.wrong(f"field `{field}`: `{operator}` needs two values, [low, high], not {value!r}")
    return value


def _value(value: Any, field: str, kind: FieldType, place: _Place) -> Value:
    examples = {
        FieldType.TEXT: "text such as 'abc'",
        FieldType.INTEGER: "a whole number such as 3",
        FieldType.DECIMAL: "a decimal in quotes such as '12.50'",
        FieldType.DATE: "a day such as '2026-03-01'",
        FieldType.TIME: "a time in UTC such as '2026-03-01T00:00:00Z'",
    }
    try:
        return _READERS[kind](value)
    except (TypeError, ValueError, InvalidOperation) as error:
        raise place.wrong(f"field `{field}`: {value!r} does not fit; give {examples[kind]}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    return int(value)


def _decimal(value: Any) -> Decimal:
    # Not from a float: 0.1 would be another number in YAML's eyes than in SQL's.
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(value)
    return number


def _date(value: Any) -> date:
    return date.fromisoformat(_text(value))


def _time(value: Any) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError(value)
    return moment.astimezone(UTC)


_READERS: Final[Mapping[FieldType, Callable[[Any], Value]]] = {
    FieldType.TEXT: _text,
    FieldType.INTEGER: _integer,
    FieldType.DECIMAL: _decimal,
    FieldType.DATE: _date,
    FieldType.TIME: _time,
}


# --- printing it as SQL ----------------------------------------------------------------------------------------------


def to_sql(condition: Group | SegmentRule) -> str:
    """Print a condition as a boolean expression of Flink SQL over columns of the same names."""
    if isinstance(condition, SegmentRule):
        return _rule_sql(condition)
    joined = f" {condition.combinator.upper()} ".join(to_sql(rule) for rule in condition.rules)
    return f"NOT ({joined})" if condition.negated else f"({joined})"


_TEMPLATES: Final[Mapping[Operator, str]] = {
    Operator.EQUAL: "{field} = {value}",
    Operator.NOT_EQUAL: "{field} <> {value}",
    Operator.LESS: "{field} < {value}",
    Operator.LESS_OR_EQUAL: "{field} <= {value}",
    Operator.GREATER: "{field} > {value}",
    Operator.GREATER_OR_EQUAL: "{field} >= {value}",
    Operator.IN: "{field} IN ({values})",
    Operator.NOT_IN: "{field} NOT IN ({values})",
    Operator.BETWEEN: "{field} BETWEEN {value} AND {last}",
    Operator.NOT_BETWEEN: "{field} NOT BETWEEN {value} AND {last}",
    Operator.IS_NULL: "{field} IS NULL",
    Operator.NOT_NULL: "{field} IS NOT NULL",
    Operator.BEGINS_WITH: "STARTSWITH({field}, {value})",
    Operator.ENDS_WITH: "ENDSWITH({field}, {value})",
    Operator.CONTAINS: "POSITION({value} IN {field}) > 0",
}


def _rule_sql(rule: SegmentRule) -> str:
    literals = [_literal(value) for value in rule.values] or [""]
    return _TEMPLATES[rule.operator].format(
        field=f"`{rule.field}`", value=literals[0], last=literals[-1], values=", ".join(literals)
    )


def _literal(value: Value) -> str:
    if isinstance(value, str):
        escaped = value.replace("'", "''")
        return f"'{escaped}'"
    if isinstance(value, datetime):
        moment = value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
        return f"CAST(TIMESTAMP '{moment}' AS TIMESTAMP_LTZ(3))"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
