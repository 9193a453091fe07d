"""Expressions of measures: their columns, and the same in SQL and in QuickSight's language.

The project writes them in SQL, as dbt has it. What QuickSight cannot say, or this module cannot translate, is refused
by name.
"""

from collections.abc import Callable, Mapping
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from c360_metrics.definitions import Aggregation, Measure, Metric

DIALECT: Final = "trino"
_SQL: Final[Mapping[Aggregation, str]] = {
    Aggregation.SUM: "sum({})",
    Aggregation.COUNT: "count({})",
    Aggregation.COUNT_DISTINCT: "count(DISTINCT {})",
    # The mean of decimals would be rounded to their places.
    Aggregation.AVERAGE: "avg(cast({} AS double))",
    Aggregation.MIN: "min({})",
    Aggregation.MAX: "max({})",
}
_QUICKSIGHT: Final[Mapping[Aggregation, str]] = {
    Aggregation.SUM: "sum",
    Aggregation.COUNT: "count",
    Aggregation.COUNT_DISTINCT: "distinct_count",
    Aggregation.AVERAGE: "avg",
    Aggregation.MIN: "min",
    Aggregation.MAX: "max",
}
_OPERATORS: Final[Mapping[type[exp.Expr], str]] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.And: "AND",
    exp.Or: "OR",
}


class ExpressionError(ValueError):
    """An expression that is no SQL, or that has something which QuickSight cannot say; the message names it."""


def parsed(expression: str) -> exp.Expr:
    """Return the tree of an expression.

    Raises:
        ExpressionError: it is no expression.
    """
    try:
        tree = sqlglot.parse_one(expression, dialect=DIALECT)
    except SqlglotError as error:
        raise ExpressionError(f"`{expression}` is no expression of SQL") from error
    if tree.find(exp.Select, exp.AggFunc, exp.Window):
        raise ExpressionError(f"`{expression}` is more than an expression of one row")
    return tree


def columns_of(expression: str) -> tuple[str, ...]:
    """Return the columns that an expression reads, each once, in alphabetical order."""
    return tuple(sorted({column.name for column in parsed(expression).find_all(exp.Column)}))


def sql(metric: Metric) -> str:
    """Return a metric as an aggregation in SQL; a sum stays exact, a mean or a ratio is a floating-point number."""
    numerator = _aggregated(metric.numerator)
    if metric.denominator is None:
        return numerator
    return f"cast({numerator} AS double) / nullif({_aggregated(metric.denominator)}, 0)"


def quicksight(metric: Metric) -> str:
    """Return a metric as the expression of a calculated field that aggregates.

    Raises:
        ExpressionError: QuickSight cannot say it.
    """
    numerator = _computed(metric.numerator)
    if metric.denominator is None:
        return numerator
    return f"{numerator} / nullIf({_computed(metric.denominator)}, 0)"


def _aggregated(measure: Measure) -> str:
    return _SQL[measure.aggregation].format(parsed(measure.expression).sql(dialect=DIALECT))


def _computed(measure: Measure) -> str:
    return f"{_QUICKSIGHT[measure.aggregation]}({row_in_quicksight(measure.expression)})"


def row_in_quicksight(expression: str) -> str:
    """Return an expression of one row in QuickSight's language.

    Raises:
        ExpressionError: QuickSight cannot say it.
    """
    return _said(parsed(expression))


def _said(node: exp.Expr) -> str:
    for kind, say in _SAY.items():
        if isinstance(node, kind):
            return say(node)
    operator = _OPERATORS.get(type(node))
    if operator is not None:
        return f"{_said(node.this)} {operator} {_said(node.expression)}"
    raise ExpressionError(f"`{node.sql(dialect=DIALECT)}` has no translation for QuickSight")


def _column(node: exp.Expr) -> str:
    return f"{{{node.name}}}"


def _literal(node: exp.Expr) -> str:
    return f"'{node.name}'" if node.args["is_string"] else str(node.name)


def _case(node: exp.Expr) -> str:
    if node.args.get("this") is not None:
        raise ExpressionError(f"`{node.sql(dialect=DIALECT)}`: write `case when <condition>`")
    pairs = [f"{_said(one.this)}, {_said(one.args['true'])}" for one in node.args["ifs"]]
    other = node.args.get("default")
    if other is None:
        raise ExpressionError(f"`{node.sql(dialect=DIALECT)}`: say what else, with `else`")
    return f"ifelse({', '.join(pairs)}, {_said(other)})"


def _null_test(node: exp.Expr) -> str:
    if not isinstance(node.expression, exp.Null):
        raise ExpressionError(f"`{node.sql(dialect=DIALECT)}` has no translation for QuickSight")
    return f"isNull({_said(node.this)})"


_SAY: Final[Mapping[type[exp.Expr], Callable[[exp.Expr], str]]] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Case: _case,
    exp.Is: _null_test,
    exp.Not: lambda node: f"NOT({_said(node.this)})",
    exp.Paren: lambda node: f"({_said(node.this)})",
    exp.Neg: lambda node: f"-{_said(node.this)}",
    exp.Coalesce: lambda node: f"coalesce({', '.join(map(_said, [node.this, *node.expressions]))})",
    exp.Boolean: lambda node: str(node.this).lower(),
}
