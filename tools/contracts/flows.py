"""Checks what a contract says of a vendor's object that Amazon AppFlow reads: fields, schedule, filters and masks."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final

from c360_core.names import Connector
from tools.contracts.compiler import SECONDS, cadence_seconds, custom_properties

Contract = Mapping[str, Any]
Found = tuple[str, str, str]  # the field below the server, what is wrong with it, and the fix

# AppFlow API Reference: SourceFlowConfig and Task. A name may have no space.
VENDOR_NAME: Final = re.compile(r"\S{1,512}")
FIELD_TYPES: Final = (
    "string", "id", "picklist", "email", "phone", "url", "textarea", "reference", "boolean", "integer", "long",
    "double", "decimal", "currency", "date", "datetime",
)  # fmt: skip
FILTER_KEYS: Final = ("field", "type", "operator", "values")
MASK_KEYS: Final = ("column", "part", "length")
MASK_PARTS: Final = ("all", "first", "last")
MOST_MASKED: Final = 512
COMPARED: Final = (
    "EQUAL_TO", "NOT_EQUAL_TO", "LESS_THAN", "LESS_THAN_OR_EQUAL_TO", "GREATER_THAN", "GREATER_THAN_OR_EQUAL_TO",
)  # fmt: skip
# The conditions that AppFlow's connectors know; AppFlow API Reference: ConnectorOperator.
OPERATORS: Final[Mapping[Connector, tuple[str, ...]]] = {
    Connector.SALESFORCE: (*COMPARED, "CONTAINS"),
    Connector.SAP_ODATA: (*COMPARED, "CONTAINS"),
    Connector.MARKETO: ("LESS_THAN", "GREATER_THAN"),
    Connector.GOOGLE_ANALYTICS_4: (*COMPARED, "CONTAINS"),
}
# Google Analytics Data API: a core report has at most nine dimensions and ten metrics.
MOST_FIELDS: Final[Mapping[Connector, int]] = {Connector.GOOGLE_ANALYTICS_4: 19}
MINUTE: Final = SECONDS["m"]
LEAST_SECONDS: Final = 5 * MINUTE


def flow_problems(contract: Contract, server: Contract) -> Iterator[Found]:
    """Yield what is wrong with the flow of one contract."""
    said = custom_properties(server)
    vendor = said.get("connector")
    if vendor is None:
        return  # which is said for every property that is missing
    if vendor not in list(Connector):
        yield "connector", f"`{vendor}` is no connector", f"use one of {', '.join(Connector)}"
        return
    connector = Connector(vendor)
    if "object" in said and not VENDOR_NAME.fullmatch(str(said["object"])):
        yield "object", f"`{said['object']}` is no name of an object", "write it as the vendor does, without spaces"
    yield from _format_problems(contract)
    yield from _field_problems(contract, said, connector)
    yield from _schedule_problems(contract, said)
    yield from _filter_problems(said, connector)
    yield from _mask_problems(contract, said)


def _format_problems(contract: Contract) -> Iterator[Found]:
    """AppFlow writes records of JSON that have the contract's own names."""
    form = custom_properties(contract).get("fileFormat", {})
    if not isinstance(form, dict):
        return
    if form.get("type") != "json_lines":
        yield "fileFormat.type", f"`{form.get('type', 'csv')}` is not what a flow writes", "write `type: json_lines`"
    if "columns" in form:
        yield "fileFormat.columns", "means nothing: a flow writes the contract's names", "use `fields` of the server"


def _columns(contract: Contract) -> Mapping[str, Contract]:
    elements = contract.get("schema", [])
    return {field["name"]: field for field in (elements[0].get("properties", []) if elements else [])}


def _field_problems(contract: Contract, said: Contract, connector: Connector) -> Iterator[Found]:
    columns, fields = _columns(contract), said.get("fields", {})
    if not isinstance(fields, dict):
        yield "fields", f"`{fields}` is no mapping", "write <column>: <the vendor's field>"
        return
    for column, field in fields.items():
        if column not in columns:
            yield f"fields.{column}", "is no column of the contract", f"use one of {', '.join(columns)}"
        if not isinstance(field, str) or not VENDOR_NAME.fullmatch(field):
            yield f"fields.{column}", f"`{field}` is no name of a field", "write it as the vendor does"
    for column in columns:
        if column not in fields:
            yield f"fields.{column}", "is missing", "say which field of the vendor fills this column"
    yield from _place_problems(fields, said.get("fieldTypes", {}), connector)


def _place_problems(fields: Contract, types: Any, connector: Connector) -> Iterator[Found]:
    named = [str(field) for field in fields.values()]
    for column, field in fields.items():
        if named.count(str(field)) > 1:
            yield f"fields.{column}", f"`{field}` fills another column, too", "give each field one column"
    if len(fields) > MOST_FIELDS.get(connector, len(fields)):
        yield "fields", f"{len(fields)} are more than the vendor gives", f"use {MOST_FIELDS[connector]} at most"
    for column, kind in types.items() if isinstance(types, dict) else (("", types),):
        if column not in fields or kind not in FIELD_TYPES:
            yield f"fieldTypes.{column}", f"`{kind}` is no type of a field", f"use one of {', '.join(FIELD_TYPES)}"


def _schedule_problems(contract: Contract, said: Contract) -> Iterator[Found]:
    seconds = cadence_seconds(contract)
    if seconds < LEAST_SECONDS or seconds % MINUTE:
        fix = "write a `frequency` of whole minutes, five at least"
        yield "", "the runs follow `slaProperties.frequency`, which is too short", fix
    field, start = said.get("incrementalField"), said.get("historyFrom")
    if field is not None and field not in dict(said.get("fields", {})).values():
        yield "incrementalField", f"`{field}` is not read", "name a field that fills a column"
    if start is None:
        return
    if field is None:
        yield "historyFrom", "means nothing where each run reads all", "remove it, or name an `incrementalField`"
    try:
        date.fromisoformat(str(start))
    except ValueError:
        yield "historyFrom", f"`{start}` is no date", "write one in quotes, such as '2020-01-01'"


def _filter_problems(said: Contract, connector: Connector) -> Iterator[Found]:
    filters = said.get("filters", [])
    if not isinstance(filters, list):
        yield "filters", f"`{filters}` is no list", f"write a list of {', '.join(FILTER_KEYS)}"
        return
    for number, one in enumerate(filters):
        where = f"filters.{number}"
        if not isinstance(one, dict) or set(one) != set(FILTER_KEYS):
            yield where, "is no condition", f"say {', '.join(FILTER_KEYS)}, and nothing else"
            continue
        if one["operator"] not in OPERATORS[connector]:
            allowed = ", ".join(OPERATORS[connector])
            yield f"{where}.operator", f"{connector} cannot compare by `{one['operator']}`", f"use one of {allowed}"
        if one["type"] not in FIELD_TYPES:
            yield f"{where}.type", f"`{one['type']}` is no type of a field", f"use one of {', '.join(FIELD_TYPES)}"
        values = one["values"]
        if not isinstance(values, list) or not values or not all(isinstance(v, str) and v for v in values):
            yield f"{where}.values", f"`{values}` is no list of texts", "write a list, its values in quotes"
        elif any("," in value for value in values):
            yield f"{where}.values", "has a comma, by which AppFlow separates values", "compare with something else"


def _mask_problems(contract: Contract, said: Contract) -> Iterator[Found]:
    masks, columns = said.get("masks", []), _columns(contract)
    if not isinstance(masks, list):
        yield "masks", f"`{masks}` is no list", f"write a list of {', '.join(MASK_KEYS)}"
        return
    for number, one in enumerate(masks):
        where = f"masks.{number}"
        if not isinstance(one, dict) or set(one) != set(MASK_KEYS):
            yield where, "is no mask", f"say {', '.join(MASK_KEYS)}, and nothing else"
            continue
        column = columns.get(one["column"])
        if column is None or column.get("logicalType") != "string":
            yield f"{where}.column", f"`{one['column']}` cannot be masked", "name a column of texts"
        elif column.get("unique") or "identityRole" in custom_properties(column):
            yield f"{where}.column", f"`{one['column']}` would know nobody any more", "mask no key and no identifier"
        if one["part"] not in MASK_PARTS:
            yield f"{where}.part", f"`{one['part']}` is unknown", f"use one of {', '.join(MASK_PARTS)}"
        if type(one["length"]) is not int or not 1 <= one["length"] <= MOST_MASKED:
            yield f"{where}.length", f"`{one['length']}` is out of range", f"use a whole number up to {MOST_MASKED}"
