"""QuickSight's expressions of calculated fields, as SQL for Athena. What is not known is refused by name."""

import re
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

DIALECT: Final = "trino"
_FIELD: Final = re.compile(r"\{([^{}]+)\}")
_AGGREGATES: Final = (exp.Sum, exp.Count, exp.Avg, exp.Min, exp.Max)
_KNOWN: Final = (
    *_AGGREGATES,
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Boolean,
    exp.Null,
    exp.Paren,
    exp.Neg,
    exp.Not,
    exp.And,
    exp.Or,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Cast,
    exp.DataType,
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.Is,
    exp.Case,
    exp.If,
    exp.Coalesce,
    exp.Nullif,
    exp.Distinct,
)
_PAIR: Final = 2


class UnknownExpressionError(ValueError):
    """An expression that the report cannot compute; the message quotes it and names what is unknown."""


def as_sql(expression: str) -> str:
    """Return an expression of QuickSight as SQL. A quotient or mean is a floating-point number, as in QuickSight.

    Raises:
        UnknownExpressionError: it has something that is not known here.
    """
    quoted = _FIELD.sub(lambda found: '"' + found[1].replace('"', '""') + '"', expression)
    try:
        tree = sqlglot.parse_one(quoted, dialect=DIALECT)
    except SqlglotError as error:
        raise UnknownExpressionError(f"`{expression}` cannot be read") from error
    made = tree
    for node in reversed(list(tree.walk())):  # what is inside comes first
        translated = _translated(node)
        if translated is not node:
            made = translated if node is made else made
            node.replace(translated)
    for node in made.walk():
        if not isinstance(node, _KNOWN):
            raise UnknownExpressionError(f"`{expression}` has `{node.sql(dialect=DIALECT)}`, which is not known here")
    return made.sql(dialect=DIALECT)


def _translated(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Anonymous):
        name, given = str(node.this).lower(), list(node.expressions)
        if name == "ifelse" and len(given) > _PAIR and len(given) % _PAIR:
            return _case(given)
        if name == "distinct_count" and len(given) == 1:
            return exp.Count(this=exp.Distinct(expressions=given))
        if name == "isnull" and len(given) == 1:
            return exp.Is(this=given[0], expression=exp.Null())
    if isinstance(node, exp.Avg) and not isinstance(node.this, exp.Cast):
        return exp.Avg(this=exp.cast(node.this, "double"))
    if isinstance(node, exp.Div) and not isinstance(node.this, exp.Cast):
        return exp.Div(this=exp.cast(node.this, "double"), expression=node.expression)
    return node


def _case(given: list[exp.Expr]) -> exp.Case:
    made = exp.Case(default=given[-1])
    for condition, value in zip(given[:-1:_PAIR], given[1:-1:_PAIR], strict=True):
        made = made.when(condition, value)
    return made
