"""Recipes of DataBrew, held against their data set before anything is deployed.

AWS takes any recipe; a wrong one fails in the night, when its job runs. Here each step is held against the columns that
are there when it runs, and says which columns are there after it, so that the table of the outcome follows from the
recipe. The names of the parameters are those of DataBrew's recipe action reference.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import sqlglot
import yaml
from sqlglot import exp
from sqlglot.errors import SqlglotError

_DIALECT: Final = "spark"  # what DataBrew's jobs run on
LONGEST: Final = 100  # steps of a recipe


class RecipeError(ValueError):
    """A recipe that cannot run on its data set; the message names the file, the step and the fix."""


class Kind(StrEnum):
    """Types of columns, as the catalog calls them."""

    TEXT = "string"
    WHOLE = "bigint"
    NUMBER = "double"
    BOOLEAN = "boolean"
    # Of a step whose documentation does not say it; a later step must.
    UNKNOWN = "unknown"


Columns = Mapping[str, Kind]
_NUMBERS: Final = (Kind.WHOLE, Kind.NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition of a step, on a column of the row."""

    name: str
    column: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a recipe.

    Attributes:
        place: the file and the number of the step, for messages.
        operation: the recipe action.
        parameters: its parameters; each is a text.
        conditions: all of them hold for a row that the step is about.
    """

    place: str
    operation: str
    parameters: Mapping[str, str]
    conditions: Sequence[Condition] = ()

    def error(self, text: str) -> RecipeError:
        """Return the error that something is wrong with this step."""
        return RecipeError(f"{self.place}, {self.operation}: {text}")

    def column(self, parameter: str, columns: Columns, *kinds: Kind) -> str:
        """Return the column that a parameter names.

        Args:
            kinds: the types that the step works on; any if omitted.

        Raises:
            RecipeError: it is not there, or of another type.
        """
        return self.existing(self.parameters[parameter], columns, *kinds)

    def existing(self, name: str, columns: Columns, *kinds: Kind) -> str:
        """Return the name of a column, or refuse it."""
        if name not in columns:
            raise self.error(f"there is no column {name} at this step; there are {', '.join(columns)}")
        if kinds and columns[name] not in kinds:
            raise self.error(f"{name} is {columns[name]}; the step works on {' or '.join(kinds)}")
        return name

    def target(self, columns: Columns) -> str:
        """Return the name of the column that the step adds, which must be new."""
        name = self.parameters["targetColumn"]
        if name in columns or not name.isidentifier() or name != name.lower():
            raise self.error(f"targetColumn {name!r}: give a new name of small letters, digits and underscores")
        return name

    def as_property(self) -> dict[str, Any]:
        """Return the step as CloudFormation takes it."""
        action: dict[str, Any] = {"Operation": self.operation}
        if self.parameters:
            action["Parameters"] = dict(self.parameters)
        if not self.conditions:
            return {"Action": action}
        expressions = [
            {"Condition": one.name, "TargetColumn": one.column} | ({} if one.value is None else {"Value": one.value})
            for one in self.conditions
        ]
        return {"Action": action, "ConditionExpressions": expressions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a recipe action takes and does.

    Attributes:
        needed: parameters that it must have.
        optional: parameters that it may have.
        conditional: it is about rows that conditions choose; any other takes no conditions.
        after: returns the columns after the step, or raises `RecipeError`.
    """

    after: Callable[[Step, Columns], Columns]
    needed: tuple[str, ...] = ("sourceColumn",)
    optional: tuple[str, ...] = ()
    conditional: bool = False


def read_recipe(path: Path) -> Sequence[Step]:
    """Read a recipe in the form in which DataBrew's console downloads it.

    Raises:
        RecipeError: it is not of that form.
    """
    stated = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(stated, list) or not 0 < len(stated) <= LONGEST:
        raise RecipeError(f"{path.name}: write a list of 1 to {LONGEST} steps")
    return [_step(f"{path.name}, step {number}", one) for number, one in enumerate(stated, 1)]


def columns_after(steps: Sequence[Step], columns: Columns) -> Columns:
    """Return the columns of the outcome of a recipe.

    Args:
        columns: those of the data set.

    Raises:
        RecipeError: a step, a parameter, a column or a type does not fit.
    """
    for step in steps:
        columns = _after(step, columns)
    if unknown := [name for name, kind in columns.items() if kind is Kind.UNKNOWN]:
        raise steps[-1].error(f"the type of {unknown[0]} is not known: end with TO_DOUBLE_COLUMN for it")
    return columns


def _step(place: str, stated: Any) -> Step:
    if not isinstance(stated, dict) or set(stated) - {"Action", "ConditionExpressions"} or "Action" not in stated:
        raise RecipeError(f"{place}: a step has Action and, if it needs some, ConditionExpressions")
    action = stated["Action"]
    if not isinstance(action, dict) or set(action) - {"Operation", "Parameters"} or "Operation" not in action:
        raise RecipeError(f"{place}: Action has Operation and Parameters")
    parameters = action.get("Parameters") or {}
    for name, value in parameters.items():
        if not isinstance(value, str):
            raise RecipeError(f"{place}, {action['Operation']}: {name} is no text; write it in quotes")
    return Step(
        place=place,
        operation=action["Operation"],
        parameters=parameters,
        conditions=[_condition(place, one) for one in stated.get("ConditionExpressions") or ()],
    )


def _condition(place: str, stated: Any) -> Condition:
    if not isinstance(stated, dict) or set(stated) - {"Condition", "Value", "TargetColumn"}:
        raise RecipeError(f"{place}: a condition has Condition, TargetColumn and Value")
    value = stated.get("Value")
    if not (value is None or isinstance(value, str)):
        raise RecipeError(f"{place}: the Value of a condition is no text; write it in quotes")
    return Condition(name=stated["Condition"], column=stated["TargetColumn"], value=value)


def _after(step: Step, columns: Columns) -> Columns:
    action = ACTIONS.get(step.operation)
    if action is None:
        raise step.error(f"this step is not known here; known are {', '.join(ACTIONS)}")
    if missing := [one for one in action.needed if one not in step.parameters]:
        raise step.error(f"the parameter {missing[0]} is missing")
    if strange := [one for one in step.parameters if one not in (*action.needed, *action.optional)]:
        known = ", ".join((*action.needed, *action.optional)) or "none"
        raise step.error(f"the step has no parameter {strange[0]}; it has {known}")
    if bool(step.conditions) is not action.conditional:
        raise step.error("give it conditions" if action.conditional else "the step takes no conditions here")
    for condition in step.conditions:
        _check_condition(step, condition, columns)
    return action.after(step, columns)


# ---- conditions


def _check_condition(step: Step, condition: Condition, columns: Columns) -> None:
    kinds, check = CONDITIONS.get(condition.name, ((), None))
    if check is None:
        raise step.error(f"the condition {condition.name} is not known here; known are {', '.join(CONDITIONS)}")
    step.existing(condition.column, columns, *kinds)
    if not check(condition.value):
        raise step.error(f"the condition {condition.name} has the value {condition.value!r}")


def _is_number(value: str | None) -> bool:
    try:
        float(value or "")
    except ValueError:
        return False
    return True


def _is_list(value: str | None) -> bool:
    """`IS` and `IS_NOT` take a JSON list of texts."""
    try:
        found = json.loads(value or "")
    except ValueError:
        return False
    return isinstance(found, list) and bool(found) and all(isinstance(one, str) for one in found)


CONDITIONS: Final[Mapping[str, tuple[tuple[Kind, ...], Callable[[str | None], bool]]]] = {
    "LESS_THAN": (_NUMBERS, _is_number),
    "LESS_THAN_EQUAL": (_NUMBERS, _is_number),
    "GREATER_THAN": (_NUMBERS, _is_number),
    "GREATER_THAN_EQUAL": (_NUMBERS, _is_number),
    "IS": ((Kind.TEXT,), _is_list),
    "IS_NOT": ((Kind.TEXT,), _is_list),
    "IS_MISSING": ((), lambda value: value is None),
}


# ---- what each step leaves


def _delete(step: Step, columns: Columns) -> Columns:
    gone = step.column("sourceColumn", columns)
    return {name: kind for name, kind in columns.items() if name != gone}


def _rename(step: Step, columns: Columns) -> Columns:
    old, new = step.column("sourceColumn", columns), step.target(columns)
    return {new if name == old else name: kind for name, kind in columns.items()}


def _keeps(*kinds: Kind) -> Callable[[Step, Columns], Columns]:
    """A step that changes values of one column, of some type, and no type."""

    def after(step: Step, columns: Columns) -> Columns:
        step.column("sourceColumn", columns, *kinds)
        return columns

    return after


def _fill(step: Step, columns: Columns) -> Columns:
    step.column("sourceColumn", columns, Kind.TEXT)
    if step.parameters["columnDataType"] != "string":
        raise step.error("columnDataType: only string is filled here")
    return columns


def _divide(step: Step, columns: Columns) -> Columns:
    step.column("sourceColumn1", columns, *_NUMBERS)
    if ("sourceColumn2" in step.parameters) is ("value2" in step.parameters):
        raise step.error("give either sourceColumn2 or value2")
    if "sourceColumn2" in step.parameters:
        step.column("sourceColumn2", columns, *_NUMBERS)
    elif not _is_number(step.parameters["value2"]) or float(step.parameters["value2"]) == 0:
        raise step.error("value2 is no number to divide by")
    return {**columns, step.target(columns): Kind.NUMBER}


def _case(step: Step, columns: Columns) -> Columns:
    try:
        tree = sqlglot.parse_one(step.parameters["valueExpression"], read=_DIALECT)
    except SqlglotError as error:
        raise step.error(f"valueExpression cannot be read: {error}") from error
    if not isinstance(tree, exp.Case) or tree.args.get("default") is None:
        raise step.error("valueExpression: write `case when ... then ... else ... end`")
    for column in tree.find_all(exp.Column):
        step.existing(column.name, columns)
    results = [*(branch.args["true"] for branch in tree.args["ifs"]), tree.args["default"]]
    if not all(isinstance(one, exp.Literal) and one.is_string for one in results):
        raise step.error("valueExpression: each result is a text in quotes, so that the type of the column is known")
    return {**columns, step.target(columns): Kind.TEXT}


def _map(step: Step, columns: Columns) -> Columns:
    step.column("sourceColumn", columns, Kind.TEXT)
    if step.parameters["mapType"] != "NUMERIC" or step.parameters["deleteOtherRows"] != "false":
        raise step.error("only mapType NUMERIC and deleteOtherRows false are known here")
    try:
        mapped = json.loads(step.parameters["categoryMap"])
    except ValueError as error:
        raise step.error(f"categoryMap is no JSON: {error}") from error
    values = [*mapped.values(), step.parameters["other"]] if isinstance(mapped, dict) and mapped else [""]
    if not all(isinstance(one, str) and _is_number(one) for one in values):
        raise step.error("categoryMap and other: map texts to numbers, which are texts, too")
    return {**columns, step.target(columns): Kind.UNKNOWN}


def _to_double(step: Step, columns: Columns) -> Columns:
    name = step.column("sourceColumn", columns, *_NUMBERS, Kind.UNKNOWN)
    if step.parameters["columnDataType"] != "number":
        raise step.error("columnDataType must be number")
    return {**columns, name: Kind.NUMBER}


ACTIONS: Final[Mapping[str, Action]] = {
    "CASE_OPERATION": Action(after=_case, needed=("valueExpression", "targetColumn")),
    "CATEGORICAL_MAPPING": Action(
        after=_map, needed=("sourceColumn", "categoryMap", "mapType", "deleteOtherRows", "other", "targetColumn")
    ),
    "DELETE": Action(after=_delete),
    "DELETE_DUPLICATE_ROWS": Action(after=lambda _, columns: columns, needed=()),
    "DIVIDE": Action(after=_divide, needed=("sourceColumn1", "targetColumn"), optional=("sourceColumn2", "value2")),
    # An average of whole numbers is none.
    "FILL_WITH_AVERAGE": Action(after=_keeps(Kind.NUMBER)),
    "FILL_WITH_CUSTOM": Action(after=_fill, needed=("sourceColumn", "columnDataType", "value")),
    "REMOVE_VALUES": Action(after=_keeps(), conditional=True),
    "RENAME": Action(after=_rename, needed=("sourceColumn", "targetColumn")),
    "TO_DOUBLE_COLUMN": Action(after=_to_double, needed=("sourceColumn", "columnDataType")),
    "UPPER_CASE": Action(after=_keeps(Kind.TEXT)),
}
