"""The steps of a recipe as SQL of DuckDB, one statement after the other.

What a step does is what DataBrew's reference of recipe actions says. A step, a parameter or a condition that is not
carried here is refused by name. A value that is missing is NULL, or an empty text.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlglot
from sqlglot import exp

_SPARK: Final = "spark"
_DUCKDB: Final = "duckdb"
_TEXT: Final = "VARCHAR"
_NUMBERS: Final = frozenset({"BIGINT", "INTEGER", "DOUBLE", "FLOAT", "SMALLINT", "TINYINT"})

_BEFORE: Final = "{before}"  # the table that a step begins with

Document = Mapping[str, Any]
Types = Mapping[str, str]


class StepError(RuntimeError):
    """A step that cannot run; its message becomes that of the job run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a recipe with the columns that are there when it runs.

    Attributes:
        operation: the recipe action.
        parameters: of the action.
        conditions: all of them hold for the rows that it is about.
        types: the columns and their types in DuckDB.
    """

    operation: str
    parameters: Mapping[str, str]
    conditions: Sequence[Document]
    types: Types

    def column(self, parameter: str = "sourceColumn") -> str:
        """Return the quoted column that a parameter names."""
        return self.quoted(self.text(parameter))

    def text(self, parameter: str) -> str:
        """Return a parameter that must be there."""
        if parameter not in self.parameters:
            raise StepError(f"{self.operation}: parameter {parameter} is missing")
        return self.parameters[parameter]

    def quoted(self, name: str) -> str:
        """Return a column's name in SQL, or refuse one that is not there."""
        if name not in self.types:
            raise StepError(f"{self.operation}: column {name} does not exist")
        return quoted(name)

    def number(self, parameter: str) -> str:
        """Return a quoted column of numbers."""
        column = self.column(parameter)
        if self.types[self.parameters[parameter]] not in _NUMBERS:
            raise StepError(f"{self.operation}: column {self.parameters[parameter]} is no number")
        return column

    def replaced(self, expression: str) -> str:
        """Return the statement that computes the source column anew."""
        return select(f"* REPLACE ({expression} AS {self.column()})", _BEFORE)

    def added(self, expression: str) -> str:
        """Return the statement that adds the target column."""
        target = self.text("targetColumn")
        if target in self.types:
            raise StepError(f"{self.operation}: column {target} exists already")
        return select(f"*, {expression} AS {quoted(target)}", _BEFORE)

    def missing(self) -> str:
        """Return whether the source column has no value, in SQL."""
        return is_missing(self.column(), self.types[self.text("sourceColumn")])


def select(what: str, source: str) -> str:
    """Return a statement; its names are quoted, and its values literals."""
    return f"SELECT {what} FROM {source}"  # noqa: S608


def quoted(name: str) -> str:
    """Write a name as SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text as SQL quotes it."""
    return "'" + text.replace("'", "''") + "'"


def is_missing(column: str, of: str) -> str:
    """Return whether a quoted column has no value, in SQL."""
    return f"({column} IS NULL OR {column} = '')" if of == _TEXT else f"{column} IS NULL"


def run(connection: Any, steps: Sequence[Document], table: str) -> str:
    """Run the steps of a recipe on a table of DuckDB, and return the table of the outcome.

    Args:
        steps: as the template states them: `Action` and `ConditionExpressions`.

    Raises:
        StepError: a step cannot run; the message has its number.
    """
    for number, stated in enumerate(steps, 1):
        after = f"step_{number}"
        try:
            statement = _statement(stated, types_of(connection, table))
        except StepError as error:
            raise StepError(f"step {number}: {error}") from error
        connection.execute(f"CREATE TEMP TABLE {after} AS {statement.replace(_BEFORE, table)}")
        table = after
    return table


def types_of(connection: Any, table: str) -> Types:
    """Return the columns of a table and their types."""
    return {str(row[0]): str(row[1]) for row in connection.execute(f"DESCRIBE {table}").fetchall()}


def _statement(stated: Document, types: Types) -> str:
    action = stated["Action"]
    # CloudFormation takes parameters in Pascal case, too, and hands them on in camel case.
    parameters = {name[:1].lower() + name[1:]: value for name, value in (action.get("Parameters") or {}).items()}
    step = Step(
        operation=action["Operation"],
        parameters=parameters,
        conditions=stated.get("ConditionExpressions") or (),
        types=types,
    )
    known = ACTIONS.get(step.operation)
    if known is None:
        raise StepError(f"the laptop twin's DataBrew has no {step.operation}; it has {', '.join(ACTIONS)}")
    build, takes = known
    if strange := sorted(set(parameters) - takes):
        raise StepError(f"the laptop twin's {step.operation} has no parameter {strange[0]}")
    if step.conditions and step.operation != "REMOVE_VALUES":
        raise StepError(f"the laptop twin's {step.operation} takes no conditions")
    return build(step)


# ---- the steps


def _remove_values(step: Step) -> str:
    if not step.conditions:
        raise StepError("REMOVE_VALUES: the laptop twin knows it with conditions only")
    step.column()
    holds = " AND ".join(_holds(step, one) for one in step.conditions)
    return select("*", f"{_BEFORE} WHERE ({holds}) IS NOT TRUE")


def _holds(step: Step, condition: Document) -> str:
    name, value = condition["Condition"], condition.get("Value")
    column = step.quoted(condition["TargetColumn"])
    kind = step.types[condition["TargetColumn"]]
    if name == "IS_MISSING":
        return is_missing(column, kind)
    if name in _COMPARED and kind in _NUMBERS:
        return f"{column} {_COMPARED[name]} {float(str(value))!r}"
    if name in ("IS", "IS_NOT") and kind == _TEXT:
        listed = ", ".join(literal(one) for one in json.loads(str(value)))
        return f"{column} {'IN' if name == 'IS' else 'NOT IN'} ({listed})"
    raise StepError(f"the laptop twin has no condition {name} on a column of {kind}")


_COMPARED: Final = {
    "LESS_THAN": "<",
    "LESS_THAN_EQUAL": "<=",
    "GREATER_THAN": ">",
    "GREATER_THAN_EQUAL": ">=",
}


def _fill(step: Step) -> str:
    if step.text("columnDataType") != "string" or step.types[step.text("sourceColumn")] != _TEXT:
        raise StepError("FILL_WITH_CUSTOM: the laptop twin fills columns of texts only")
    return step.replaced(f"CASE WHEN {step.missing()} THEN {literal(step.text('value'))} ELSE {step.column()} END")


def _fill_with_average(step: Step) -> str:
    column = step.number("sourceColumn")
    average = select(f"avg({column})", _BEFORE)
    return step.replaced(f"coalesce({column}, ({average}))")


def _divide(step: Step) -> str:
    first = step.number("sourceColumn1")
    second = step.number("sourceColumn2") if "sourceColumn2" in step.parameters else repr(float(step.text("value2")))
    # Spark's division by zero has no value.
    return step.added(f"CAST({first} AS DOUBLE) / nullif(CAST({second} AS DOUBLE), 0)")


def _case(step: Step) -> str:
    tree = sqlglot.parse_one(step.text("valueExpression"), read=_SPARK)
    if not isinstance(tree, exp.Case):
        raise StepError("CASE_OPERATION: valueExpression is no `case when ... end`")
    for column in tree.find_all(exp.Column):
        step.quoted(column.name)
    return step.added(tree.sql(dialect=_DUCKDB))


def _map(step: Step) -> str:
    if step.text("mapType") != "NUMERIC" or step.text("deleteOtherRows") != "false":
        raise StepError("CATEGORICAL_MAPPING: the laptop twin knows mapType NUMERIC and deleteOtherRows false")
    column = step.column()
    pairs = json.loads(step.text("categoryMap")).items()
    branches = " ".join(f"WHEN {literal(key)} THEN {float(value)!r}" for key, value in pairs)
    other = f"ELSE {float(step.parameters['other'])!r} " if "other" in step.parameters else ""
    return step.added(f"CAST(CASE {column} {branches} {other}END AS DOUBLE)")


def _to_double(step: Step) -> str:
    if step.text("columnDataType") != "number":
        raise StepError("TO_DOUBLE_COLUMN: columnDataType must be number")
    return step.replaced(f"CAST({step.column()} AS DOUBLE)")


def _rename(step: Step) -> str:
    target = step.text("targetColumn")
    if target in step.types:
        raise StepError(f"RENAME: column {target} exists already")
    return select(f"* RENAME ({step.column()} AS {quoted(target)})", _BEFORE)


def _upper(step: Step) -> str:
    if step.types.get(step.text("sourceColumn")) not in (None, _TEXT):
        raise StepError(f"UPPER_CASE: column {step.text('sourceColumn')} is no text")
    return step.replaced(f"upper({step.column()})")


_OF_COLUMN: Final = frozenset({"sourceColumn"})
ACTIONS: Final[Mapping[str, tuple[Callable[[Step], str], frozenset[str]]]] = {
    "CASE_OPERATION": (_case, frozenset({"valueExpression", "targetColumn"})),
    "CATEGORICAL_MAPPING": (
        _map,
        _OF_COLUMN | {"categoryMap", "mapType", "deleteOtherRows", "other", "targetColumn"},
    ),
    "DELETE": (lambda step: select(f"* EXCLUDE ({step.column()})", _BEFORE), _OF_COLUMN),
    "DELETE_DUPLICATE_ROWS": (lambda _step: select("DISTINCT *", _BEFORE), frozenset()),
    "DIVIDE": (_divide, frozenset({"sourceColumn1", "sourceColumn2", "value2", "targetColumn"})),
    "FILL_WITH_AVERAGE": (_fill_with_average, _OF_COLUMN),
    "FILL_WITH_CUSTOM": (_fill, _OF_COLUMN | {"columnDataType", "value"}),
    "REMOVE_VALUES": (_remove_values, _OF_COLUMN),
    "RENAME": (_rename, _OF_COLUMN | {"targetColumn"}),
    "TO_DOUBLE_COLUMN": (_to_double, _OF_COLUMN | {"columnDataType"}),
    "UPPER_CASE": (_upper, _OF_COLUMN),
}
