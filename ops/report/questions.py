"""The questions behind visuals, as statements for Athena, and their answers.

A page has no network, so it holds the numbers for every choice that its reader can make. A choice picks one value of a
column, so a number is asked for by that column, too. That is exact for every kind of number: nothing is added up on the
page.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ops.report.deployed import DeployedDashboard, DeployedVisual, Field, NotDrawnError
from ops.report.expressions import as_sql

MOST_ROWS: Final = 5000
_FINAL: Final = {"SUCCEEDED", "FAILED", "CANCELLED"}
_POLL_SECONDS: Final = 0.1

Row = tuple[str | None, ...]


class QuestionFailedError(RuntimeError):
    """Athena did not answer; the message has the visual and Athena's reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for a visual.

    Attributes:
        columns: names of the answer's columns: fields of the visual, then columns that choices pick from.
    """

    statement: str
    columns: tuple[str, ...]


def question(dashboard: DeployedDashboard, visual: DeployedVisual) -> Question:
    """Return the question behind a visual.

    Raises:
        NotDrawnError: a choice of all values at first does not divide the visual's numbers, so that no row has its sum.
    """
    groups = {field.id: _group(field) for field in visual.groups}
    shown = {field.column for field in visual.groups}
    defaults = {parameter.name: parameter.default for parameter in dashboard.parameters}
    chosen = [column for column in visual.filters if column not in shown]
    for column in chosen if visual.values else ():
        if defaults[visual.filters[column]] is None:
            raise NotDrawnError(f"{visual.id}: the choice of {column} has no default, and its numbers are not by it")
    values = {field.id: _value(dashboard, visual, field) for field in visual.values}
    selected = {**groups, **{f"choice_{column}": f'"{column}"' for column in chosen}, **values}
    listed = ", ".join(f'{expression} AS "{name}"' for name, expression in selected.items())
    inner = dashboard.queries[visual.data_set]
    statement = f"SELECT {listed} FROM ({inner}) AS data"  # noqa: S608  # made from the deployed definitions
    divided = len(groups) + len(chosen)
    if visual.values and divided:
        places = ", ".join(str(place) for place in range(1, divided + 1))
        statement += f" GROUP BY {places} ORDER BY {places}"
    elif visual.values:
        # Of nothing there is no number: an empty mart has no 0 customers, it has not been built.
        statement += " HAVING count(*) > 0"
    if not visual.values:
        statement += f" ORDER BY 1 LIMIT {MOST_ROWS}"
    return Question(statement=statement, columns=tuple(selected))


def choices(dashboard: DeployedDashboard) -> Mapping[str, str]:
    """Return for each parameter with values from a data set the statement that lists them."""
    return {
        parameter.name: (
            f'SELECT DISTINCT "{parameter.source[1]}" AS value FROM ({dashboard.queries[parameter.source[0]]}) AS data '  # noqa: S608
            f'WHERE "{parameter.source[1]}" IS NOT NULL ORDER BY 1 LIMIT {MOST_ROWS}'
        )
        for parameter in dashboard.parameters
        if parameter.source is not None
    }


def _group(field: Field) -> str:
    if field.granularity is None:
        return f'"{field.column}"'
    return f"cast(date_trunc('{field.granularity.lower()}', \"{field.column}\") AS date)"


def _value(dashboard: DeployedDashboard, visual: DeployedVisual, field: Field) -> str:
    expression = dashboard.calculated.get((visual.data_set, field.column))
    if expression is None:
        raise NotDrawnError(f"{visual.id}: {field.column} is no calculated field of {visual.data_set}")
    return as_sql(expression)


def ask(athena: Any, workgroup: str, statement: str) -> list[Row]:
    """Return Athena's answer to a statement, as text.

    Raises:
        QuestionFailedError: there is none.
    """
    started = athena.start_query_execution(QueryString=statement, WorkGroup=workgroup)["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        if status["State"] in _FINAL:
            break
        time.sleep(_POLL_SECONDS)
    if status["State"] != "SUCCEEDED":
        raise QuestionFailedError(f"{status.get('StateChangeReason', status['State'])}; asked: {statement}")
    found: list[Row] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=started):
        found += [tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in page["ResultSet"]["Rows"]]
    return found[1:]  # the first row has the columns' names


def numbers(rows: Sequence[Row], columns: Sequence[str]) -> list[dict[str, str | None]]:
    """Return rows by the names of their columns."""
    return [dict(zip(columns, row, strict=True)) for row in rows]
