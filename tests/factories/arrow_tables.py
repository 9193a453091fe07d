"""Rows as Arrow tables, whose columns have the types that a mart's columns have on Athena."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import pyarrow

_PLAIN: Final = {
    "varchar": pyarrow.string(),
    "bigint": pyarrow.int64(),
    "date": pyarrow.date32(),
    "boolean": pyarrow.bool_(),
    "timestamp(6)": pyarrow.timestamp("us"),
    "array(varchar)": pyarrow.list_(pyarrow.string()),
}
_NUMBER: Final = re.compile(r"decimal\((\d+),(\d+)\)")


def schema(kinds: Mapping[str, str]) -> pyarrow.Schema:
    """Return a table's columns as Arrow has them."""
    return pyarrow.schema([(name, _type(kind)) for name, kind in kinds.items()])


def _type(kind: str) -> pyarrow.DataType:
    number = _NUMBER.fullmatch(kind)
    return pyarrow.decimal128(int(number[1]), int(number[2])) if number else _PLAIN[kind]


def table(kinds: Mapping[str, str], held: Sequence[Mapping[str, Any]]) -> pyarrow.Table:
    """Return rows, in which a number of a fixed scale may be a text."""
    exact = {name for name, kind in kinds.items() if _NUMBER.fullmatch(kind)}
    columns = {
        name: [Decimal(row[name]) if name in exact and row.get(name) is not None else row.get(name) for row in held]
        for name in kinds
    }
    return pyarrow.table(columns, schema=schema(kinds))
