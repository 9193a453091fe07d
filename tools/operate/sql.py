"""`c360 sql`: a statement that a persona asks, with the terminal around it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ops.queries import files
from ops.queries.asking import Answer, Desk, Row
from ops.queries.cost import in_units
from tools.build import prepare
from tools.console import Steps
from tools.errors import WrongUsageError
from tools.operate.persona import Analyst, persona_called

_WRITERS: Final[dict[str, Callable[[Answer, Any, Path], None]]] = {
    ".csv": files.write_csv,
    ".parquet": files.write_parquet,
}
_AROUND_A_PAGE: Final = 4  # lines of the terminal that the head of a page and the question below it take


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What becomes of an answer.

    Attributes:
        file: where it is written; `.csv` or `.parquet`. None: it is shown.
        most_rows: that are shown.
        reuse_minutes: how old an earlier result may be that is given again; 0 for none.
    """

    file: Path | None = None
    most_rows: int = 1000
    reuse_minutes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where people read.

    Attributes:
        page_rows: rows that fit at once; None where nobody turns pages.
        more: asks whether the next page is wanted.
    """

    console: Console
    page_rows: int | None
    more: Callable[[str], bool]

    @classmethod
    def of_terminal(cls) -> "Screen":
        """Return the terminal; what goes elsewhere has no pages."""
        console = Console(highlight=False)
        paged = console.is_terminal and sys.stdin.isatty()
        return cls(console=console, page_rows=max(1, console.height - _AROUND_A_PAGE) if paged else None, more=_asked)


def run(
    steps: Steps,
    environment: str,
    persona: str,
    statement: str | None,
    wanted: Wanted,
    screen: Screen | None = None,
) -> None:
    """Ask a statement as a persona, and show or write the answer; without one list what is prepared.

    Raises:
        WrongUsageError: there is no such persona, nothing of the environment is deployed there, the file is of no
            kind that can be written, or nothing is asked.
        NotThePersonaError: the caller may not become the persona.
        QueryFailedError: there is no answer.
        NotWrittenError: the answer cannot become such a file.
    """
    known = persona_called(persona)
    write = _writer(wanted.file)
    if statement is None and write is not None:
        raise WrongUsageError(f"--to {wanted.file}: say the statement whose answer is written")
    prepare.contracts()
    analyst = Analyst.of(environment, known)
    desk = Desk(athena=analyst.athena, workgroup=analyst.workgroup, persona=known, environment=environment)
    if statement is None:
        _list(steps, desk, screen or Screen.of_terminal())
        return
    answer = desk.ask(statement, reuse_minutes=wanted.reuse_minutes)
    told: dict[str, Any] = {
        "environment": environment,
        "persona": known.name,
        "workgroup": desk.workgroup,
        "statement": statement,
        "query_id": answer.execution_id,
        "columns": [{"name": column.name, "type": column.type} for column in answer.columns],
        "limit_bytes": answer.limit_bytes,
        "cost": answer.cost.as_dict(),
    }
    if wanted.file is not None and write is not None:
        write(answer, analyst.s3, wanted.file)
        steps.note(f"written: {wanted.file}")
        steps.result({**told, "file": str(wanted.file)})
    else:
        rows = list(islice(answer.rows(), wanted.most_rows + 1)) if steps.machine else []
        if not steps.machine:
            _show(answer, wanted.most_rows, screen or Screen.of_terminal())
        shown = [list(row) for row in rows[: wanted.most_rows]]
        steps.result({**told, "rows": shown, "more": len(rows) > wanted.most_rows})
    allowed = "" if answer.limit_bytes is None else f"; a query may read {in_units(answer.limit_bytes)}"
    steps.note(f"{answer.cost}{allowed}")


def _writer(file: Path | None) -> Callable[[Answer, Any, Path], None] | None:
    if file is None:
        return None
    if file.suffix.lower() not in _WRITERS:
        raise WrongUsageError(f"{file} is neither a .csv nor a .parquet file; name one")
    return _WRITERS[file.suffix.lower()]


def _list(steps: Steps, desk: Desk, screen: Screen) -> None:
    found = desk.prepared()
    if not steps.machine:
        table = Table("EXECUTE", "answers", box=None, header_style="dim")
        for one in found:
            table.add_row(Text(one.name), Text(one.description))
        screen.console.print(table)
        for one in found[:1]:
            steps.note(f"such as: ./c360 sql \"EXECUTE {one.name} USING 'VALUE'\" --as {desk.persona.querier}")
    steps.result({"prepared": [{"name": one.name, "description": one.description} for one in found]})


def _show(answer: Answer, most: int, screen: Screen) -> None:
    """Print pages until the rows or the patience end."""
    rows, shown = answer.rows(), 0
    following = next(rows, None)
    while True:
        size = min(screen.page_rows or most, most - shown)
        begun = () if following is None else (following,)
        page = list(islice(chain(begun, rows), size))
        following = next(rows, None) if len(page) == size else None
        screen.console.print(_table(answer, page))
        shown += len(page)
        if following is None:
            screen.console.print(f"[dim]{shown} rows[/dim]")
            return
        if shown >= most:
            screen.console.print(f"[dim]the first {shown} rows; there are more: --rows, or --to a file[/dim]")
            return
        if not screen.more(f"{shown} rows; Enter shows more, q ends: "):
            return


def _table(answer: Answer, rows: list[Row]) -> Table:
    table = Table(*(escape(_printed(column.name)) for column in answer.columns), box=None, header_style="dim")
    for row in rows:
        table.add_row(*(Text("NULL", style="dim") if cell is None else Text(_printed(cell)) for cell in row))
    return table


def _printed(text: str) -> str:
    """Leave out what a terminal would obey: the texts are those of customers."""
    return "".join(one if one.isprintable() or one == "\n" else "\N{REPLACEMENT CHARACTER}" for one in text)


def _asked(question: str) -> bool:
    try:
        return not input(question).strip().lower().startswith("q")
    except EOFError:
        return False
