"""`c360 ask`: a question in words, answered by the metrics that it names."""

from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from c360_core.names import Zone, database_name
from c360_metrics.nothing import reason, rows_behind, says_nothing
from c360_metrics.reader import read
from c360_metrics.words import Asked, NotUnderstoodError, understand
from ops.report.questions import ask
from tools.console import Steps
from tools.errors import WrongUsageError
from tools.operate.persona import Analyst

_SQL: Final = Path(__file__).resolve().parents[2] / "sql"


def run(steps: Steps, environment: str, question: str) -> list[tuple[str | None, ...]]:
    """Answer a question with the numbers that the marketing analyst may see; return the rows: none without data.

    Raises:
        WrongUsageError: the question is not understood, or nothing of the environment is deployed there.
        QuestionFailedError: Athena did not answer.
    """
    try:
        asked = understand(question, read(_SQL))
    except NotUnderstoodError as error:
        raise WrongUsageError(str(error)) from error
    analyst = Analyst.of(environment)

    def answer(statement: str) -> list[tuple[str | None, ...]]:
        return ask(analyst.athena, analyst.workgroup, _in_products(asked, environment, statement))

    rows = answer(asked.statement)
    why = reason(asked, rows, answer(rows_behind(asked))[0]) if says_nothing(asked, rows) else None
    columns = [*asked.by, *(metric.label for metric in asked.metrics)]
    whole = _in_products(asked, environment, asked.statement)
    told = {"statement": whole, "columns": columns, "rows": [list(row) for row in rows if why is None]}
    steps.result(told if why is None else {**told, "no_data": why})
    if why is not None:
        if not steps.machine:
            Console(highlight=False).print(f"No data: {why}.", soft_wrap=True)
        return []
    if not steps.machine:
        table = Table(*columns, box=None, header_style="dim")
        for row in rows:
            table.add_row(*("no data" if cell is None else cell for cell in row))
        console = Console(highlight=False)
        console.print(table)
        for metric in asked.metrics:
            console.print(f"{metric.label}: {metric.description} Owner: {metric.owner}.")
    return rows


def _in_products(asked: Asked, environment: str, statement: str) -> str:
    """Return a statement with the database of its mart."""
    mart = asked.metrics[0].model.mart
    return statement.replace(f'FROM "{mart}"', f'FROM "{database_name(environment, Zone.PRODUCTS)}"."{mart}"')
