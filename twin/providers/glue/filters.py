"""The filter of Glue's GetPartitions: SQL over the partition keys, evaluated in Python."""

import operator
import re
from collections.abc import Callable
from typing import Any, Final

import sqlglot
from sqlglot import exp

from twin.providers.glue.errors import CatalogError

Document = dict[str, Any]
Node = Any  # a node of sqlglot's tree

_NUMBERS: Final = {"tinyint", "smallint", "int", "bigint", "integer", "long"}
_COMPARISONS: Final[dict[type[Any], Callable[[Any, Any], bool]]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}


def matches(expression: str, keys: list[Document], values: list[str]) -> bool:
    """Say whether a partition satisfies a filter of GetPartitions.

    Args:
        expression: SQL over the partition keys: comparisons, IN, BETWEEN, LIKE, IS NULL, AND, OR, NOT.
        keys: the table's partition keys (`Name`, `Type`); numbers compare as numbers, all else as text.
        values: the partition's values, in the order of the keys.

    Raises:
        CatalogError: `InvalidInputException` for a filter that cannot be read or names another column.
    """
    try:
        tree = sqlglot.parse_one(expression, dialect="hive")
    except sqlglot.errors.ParseError as error:
        raise CatalogError("InvalidInputException", f"Expression {expression!r} cannot be read: {error}") from error
    row = {key["Name"].lower(): _typed(key, value) for key, value in zip(keys, values, strict=True)}
    return _truth(tree, row)


def _typed(key: Document, value: str) -> int | str:
    return int(value) if key.get("Type", "string").lower() in _NUMBERS else value


def _truth(node: Node, row: dict[str, int | str]) -> bool:
    if isinstance(node, exp.Paren):
        return _truth(node.this, row)
    if isinstance(node, exp.And):
        return _truth(node.left, row) and _truth(node.right, row)
    if isinstance(node, exp.Or):
        return _truth(node.left, row) or _truth(node.right, row)
    if isinstance(node, exp.Not):
        return not _truth(node.this, row)
    if type(node) in _COMPARISONS:
        left, right = _value(node.left, row), _value(node.right, row)
        return _COMPARISONS[type(node)](*_alike(left, right))
    return _other_truth(node, row)


def _other_truth(node: Node, row: dict[str, int | str]) -> bool:
    value = _value(node.this, row)
    if isinstance(node, exp.In):
        return any(a == b for a, b in (_alike(value, _value(item, row)) for item in node.expressions))
    if isinstance(node, exp.Between):
        low, high = _value(node.args["low"], row), _value(node.args["high"], row)
        return _COMPARISONS[exp.LTE](*_alike(low, value)) and _COMPARISONS[exp.LTE](*_alike(value, high))
    if isinstance(node, exp.Like):
        pattern = re.escape(str(_value(node.expression, row))).replace("%", ".*").replace("_", ".")
        return re.fullmatch(pattern, str(value)) is not None
    if isinstance(node, exp.Is):
        return False  # a partition's value is never NULL
    raise CatalogError("InvalidInputException", f"a partition filter does not support {node.sql()!r}")


def _value(node: Node, row: dict[str, int | str]) -> int | str:
    if isinstance(node, exp.Paren):
        return _value(node.this, row)
    if isinstance(node, exp.Cast):
        return _value(node.this, row)
    if isinstance(node, exp.Literal):
        return str(node.this) if node.is_string else int(str(node.this))
    if isinstance(node, exp.Neg):
        return -int(_value(node.this, row))
    if isinstance(node, exp.Column):
        if node.name.lower() not in row:
            keys = ", ".join(row)
            raise CatalogError("InvalidInputException", f"{node.name} is not a partition key; the keys are {keys}")
        return row[node.name.lower()]
    raise CatalogError("InvalidInputException", f"a partition filter does not support {node.sql()!r}")


def _alike(left: int | str, right: int | str) -> tuple[int, int] | tuple[str, str]:
    """Compare a number written as text with a number as numbers; everything else as text."""
    if isinstance(left, int) or isinstance(right, int):
        return int(left), int(right)
    return left, right
