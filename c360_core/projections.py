"""What each engine wants to know of a contract, derived from nothing but the contract.

Tables of the lake have no NOT NULL columns: a required column can never be relaxed by schema evolution, and the
engines disagree on how they refuse a null. Completeness is the work of the quality rules and the event schemas.
Timestamps are instants (`timestamptz` in Iceberg), because every time in the project is UTC.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from c360_core.contracts import Contracts, Field, Table, UnknownContractError
from c360_core.names import IdentifierType, PiiClass

# Zulu only: an offset would sort and partition differently in the engines that compare texts.
UTC_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z$"
# How a time in a payload is written in its canonical form; what is in the envelope has columns of its own.
MILLISECONDS_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$"
DATE_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"

# Which reason code a broken JSON schema rule means. `pattern` and `format` say that the text has not the form
# that its type needs (money, time, currency); bounds and closed lists say that the value is not allowed.
REASON_BY_SCHEMA_RULE: Final[Mapping[str, str]] = {
    "required": "MISSING_FIELD",
    "type": "WRONG_TYPE",
    "pattern": "WRONG_TYPE",
    "format": "WRONG_TYPE",
    "minProperties": "NO_IDENTIFIER",
    "enum": "OUT_OF_RANGE",
    "const": "OUT_OF_RANGE",
    "minimum": "OUT_OF_RANGE",
    "maximum": "OUT_OF_RANGE",
    "minLength": "OUT_OF_RANGE",
    "maxLength": "OUT_OF_RANGE",
    "minItems": "OUT_OF_RANGE",
    "maxItems": "OUT_OF_RANGE",
    "additionalProperties": "OUT_OF_RANGE",
}

_INT: Final = (-(2**31), 2**31 - 1)
_LONG: Final = (-(2**63), 2**63 - 1)


# ---- events


def event_json_schema(contracts: Contracts, source: str, event_type: str) -> dict[str, Any]:
    """Return the JSON schema (draft 7, as fastjsonschema reads it) of one event type from one source.

    It describes events in their canonical form (see `canonical`): an event that keeps it needs no rewriting.

    The envelope and the identifiers are closed: a misspelt `replay_id` would mail people about history, and an
    identifier type that a source may not carry would key events wrongly. The payload is open: a till that adds a
    field must not have its orders rejected; nobody reads a field before the contract names it.

    Raises:
        UnknownContractError: no such source or event type, or this source may not send it.
    """
    sender = contracts.source(source)
    event = contracts.event(event_type)
    if event_type not in sender.event_types:
        raise UnknownContractError(
            f"source `{source}` may not send `{event_type}`; it may send: {', '.join(sender.event_types)}"
        )
    properties = {field.name: _value_schema(field) for field in contracts.envelope}
    for field in contracts.envelope:
        if field.logical_type == "timestamp":
            properties[field.name]["pattern"] = UTC_PATTERN
    properties["source"] = {"const": source}
    properties["event_type"] = {"const": event_type}
    properties["identifiers"] = _identifiers_schema(contracts.envelope, sender.identifiers)
    properties["payload"] = _object_schema(event.fields)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"{source}: {event_type}",
        "type": "object",
        "properties": properties,
        "required": [field.name for field in contracts.envelope if field.required],
        "additionalProperties": False,
    }


def _identifiers_schema(envelope: Iterable[Field], types: Iterable[IdentifierType]) -> dict[str, Any]:
    values = next(field.items for field in envelope if field.name == "identifiers")
    if values is None:
        raise UnknownContractError("the envelope's `identifiers` does not describe its values; make it a map of arrays")
    return {
        "type": "object",
        "minProperties": 1,
        "properties": {str(kind): _value_schema(values) for kind in types},
        "additionalProperties": False,
    }


def _object_schema(fields: Iterable[Field]) -> dict[str, Any]:
    fields = tuple(fields)
    return {
        "type": "object",
        "properties": {field.name: _value_schema(field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }


def _value_schema(field: Field) -> dict[str, Any]:
    schema = _SCHEMAS[field.logical_type](field)
    if not field.required:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _string_schema(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if field.enum:
        schema["enum"] = list(field.enum)
    return schema | _given(pattern=field.pattern, minLength=field.min_length, maxLength=field.max_length)


def _integer_schema(field: Field) -> dict[str, Any]:
    """An engine's type bounds it where the contract does not."""
    lowest, greatest = _LONG if field.long else _INT
    return {
        "type": "integer",
        "minimum": lowest if field.minimum is None else max(lowest, field.minimum),
        "maximum": greatest if field.maximum is None else min(greatest, field.maximum),
    }


def _array_schema(field: Field) -> dict[str, Any]:
    items = _value_schema(field.items) if field.items else {}
    return {"type": "array", "items": items} | _given(minItems=field.min_items, maxItems=field.max_items)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


_SCHEMAS: Final[Mapping[str, Callable[[Field], dict[str, Any]]]] = {
    "string": _string_schema,
    "integer": _integer_schema,
    "number": lambda field: {"type": "number"} | _given(minimum=field.minimum, maximum=field.maximum),
    "boolean": lambda _: {"type": "boolean"},
    "date": lambda _: {"type": "string", "pattern": DATE_PATTERN, "format": "date"},
    "timestamp": lambda _: {"type": "string", "pattern": MILLISECONDS_PATTERN, "format": "date-time"},
    "array": _array_schema,
    "map": lambda _: {"type": "object"},
    "object": lambda field: _object_schema(field.fields),
}


# ---- tables


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """How an engine names types: `named` by logical type; `array` and `map` are formats with one and two places."""

    named: Mapping[str, str]
    integer: str
    long: str
    decimal: str
    array: str
    map: str


def _type_text(field: Field, words: _Words) -> str:
    if field.logical_type == "integer":
        return words.long if field.long else words.integer
    if field.logical_type == "number":
        return words.decimal.format(field.precision, field.scale)
    if field.logical_type == "array" and field.items is not None:
        return words.array.format(_type_text(field.items, words))
    if field.logical_type == "map" and field.items is not None and field.map_key is not None:
        return words.map.format(_type_text(field.map_key, words), _type_text(field.items, words))
    if field.logical_type not in words.named:
        raise ValueError(f"{field.name}: a {field.logical_type} has no column type; store it as JSON text (string)")
    return words.named[field.logical_type]


_SPARK: Final = _Words(
    named={"string": "STRING", "boolean": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMP"},
    integer="INT",
    long="BIGINT",
    decimal="DECIMAL({},{})",
    array="ARRAY<{}>",
    map="MAP<{},{}>",
)
_FLINK: Final = _Words(
    named={"string": "STRING", "boolean": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMP_LTZ(3)"},
    integer="INT",
    long="BIGINT",
    decimal="DECIMAL({}, {})",
    array="ARRAY<{}>",
    map="MAP<{}, {}>",
)
_ICEBERG: Final = _Words(
    named={"string": "string", "boolean": "boolean", "date": "date", "timestamp": "timestamptz"},
    integer="int",
    long="long",
    decimal="decimal({}, {})",
    array="list<{}>",
    map="map<{}, {}>",
)
_MART: Final = _Words(
    named={"string": "varchar", "boolean": "boolean", "date": "date", "timestamp": "timestamp(6)"},
    integer="integer",
    long="bigint",
    decimal="decimal(38,{1})",
    array="array({})",
    map="map({},{})",
)


def spark_type(field: Field) -> str:
    """Return the Spark SQL type."""
    return _type_text(field, _SPARK)


def flink_type(field: Field) -> str:
    """Return the Flink SQL type; JSON texts of instants need `json.timestamp-format.standard` = ISO-8601."""
    return _type_text(field, _FLINK)


def iceberg_type(field: Field) -> str:
    """Return the Iceberg type, lists as `list<...>`."""
    return _type_text(field, _ICEBERG)


def mart_type(field: Field) -> str:
    """Return the type of the column in the marts, as Athena's SQL writes it: decimals have room for sums."""
    return _type_text(field, _MART)


def iceberg_schema(table: Table) -> dict[str, Any]:
    """Return the Iceberg schema in the shape of the template's `IcebergTableInput.Schema`.

    The ids are the contract's, and columns stand in the order of their ids: a new column comes last, wherever the
    contract has it, so that a catalog which numbers a new table itself gives the same ids. A list or a map is a text,
    too, the JSON of Iceberg's own specification: what is nested has ids of its own.

    Raises:
        ValueError: a column without an id.
    """
    return {
        "Type": "struct",
        "Fields": [
            {
                "Id": field_id(field),
                "Name": field.name,
                "Type": _iceberg_type_text(field),
                "Required": False,
                "Doc": field.description,
            }
            for field in sorted(table.fields, key=field_id)
        ],
    }


def field_id(field: Field) -> int:
    """Return the id by which Iceberg knows the column.

    Raises:
        ValueError: the contract gives it none.
    """
    if field.field_id is None:
        raise ValueError(f"{field.name}: the contract gives no `fieldId`; run `./c360 contracts ids`")
    return field.field_id


def _iceberg_type_text(field: Field) -> str:
    nested = _iceberg_nested_type(field)
    return nested if isinstance(nested, str) else json.dumps(nested)


def _iceberg_nested_type(field: Field) -> str | dict[str, Any]:
    if field.items is None or field.logical_type not in {"array", "map"}:
        return iceberg_type(field)
    value, number = _iceberg_nested_type(field.items), field_id(field.items)
    if field.map_key is None:
        return {"type": "list", "element-id": number, "element-required": False, "element": value}
    return {
        "type": "map",
        "key-id": field_id(field.map_key),
        "key": _iceberg_nested_type(field.map_key),
        "value-id": number,
        "value-required": False,
        "value": value,
    }


def iceberg_partition_spec(table: Table) -> dict[str, Any] | None:
    """Return the partition spec in the shape of `IcebergTableInput.PartitionSpec`, or None."""
    if table.partition is None:
        return None
    column = table.partition.removeprefix("day(").removesuffix(")")
    source_id = field_id(table.field(column))
    return {"Fields": [{"SourceId": source_id, "Transform": "day", "Name": f"{column}_day", "FieldId": 1000}]}


def lakeformation_tags(table: Table) -> dict[str, PiiClass]:
    """Return the value of the tag `pii` for each column."""
    return {field.name: field.classification for field in table.fields}


# ---- quality


def row_count_rule(min_rows: int) -> str:
    """Return the DQDL rule that asks for at least so many rows."""
    return f"RowCount >= {min_rows}"


def dqdl(table: Table, *, row_counts: bool = True) -> str:
    """Return the Glue Data Quality ruleset of a table; of a file source, over the columns of the file.

    Without `row_counts` it only says what a row is to be: for those who judge the good rows of a file and count the
    received ones.

    Bounds are two comparisons, because `between` leaves out both ends. No rule has a `with threshold`: it is
    ignored for texts and numbers. Optional columns are looked at only where they have a value.
    """
    fields = [field for field in table.fields if field.name in table.file_columns or not table.file_columns]
    rules = [rule for field in fields for rule in _column_rules(field)]
    for rule in table.rules:
        if rule.min_rows is not None and row_counts:
            rules.append(row_count_rule(rule.min_rows))
        if rule.bad_row is not None:
            rules.append(_no_rows(rule.bad_row))
    return ruleset(rules)


def dqdl_at_rest(table: Table) -> tuple[str, ...]:
    """Return the DQDL rules of a table at rest, one text each: what each column says, and what tells rows apart.

    Columns that are lists or maps have to be given as texts: DQDL reads neither. How many rows there are is judged by
    the table's own history, because a rule of the contract speaks of one file.
    """
    rules = [rule for field in table.fields for rule in _column_rules(field)]
    if len(table.primary_key) > 1:
        rules.append("IsPrimaryKey " + " ".join(f'"{name}"' for name in table.primary_key))
    rules += [_no_rows(rule.bad_row) for rule in table.rules if rule.bad_row is not None]
    return tuple(rules)


def ruleset(rules: Iterable[str]) -> str:
    """Return the DQDL document of some rules."""
    return "Rules = [\n" + ",\n".join(f"    {rule}" for rule in rules) + "\n]"


def _no_rows(condition: str) -> str:
    query = f"SELECT count(*) FROM primary WHERE {condition}"  # noqa: S608  # from a checked contract
    return f'CustomSql "{query}" = 0'


def _column_rules(field: Field) -> list[str]:
    column = f'"{field.name}"'
    where = "" if field.required else f' where "{field.name} is not null"'
    rules = []
    if field.required:
        rules.append(f"IsComplete {column}")
    if field.unique:
        rules.append(f"IsUnique {column}")
    if field.enum:
        values = ", ".join(f'"{value}"' for value in field.enum)
        rules.append(f"ColumnValues {column} in [{values}]{where}")
    if field.pattern:
        rules.append(f'ColumnValues {column} matches "{field.pattern}"{where}')
    rules += [f"ColumnValues {column} {sign} {bound}{where}" for sign, bound in _bounds(field.minimum, field.maximum)]
    rules += [
        f"ColumnLength {column} {sign} {bound}{where}" for sign, bound in _bounds(field.min_length, field.max_length)
    ]
    return rules


def _bounds(low: int | None, high: int | None) -> list[tuple[str, int]]:
    return [(sign, bound) for sign, bound in ((">=", low), ("<=", high)) if bound is not None]
