"""`c360 quarantine list` and `show`: what `ops.quarantine` reads, with the terminal around it."""

from typing import Any, Final

from rich.table import Table

from c360_core import contracts
from c360_core.masking import masked
from c360_core.names import Querier
from c360_core.replay import RejectedRow
from ops.quarantine import AthenaQuarantine, Selection, aws_errors
from tools.build import prepare
from tools.console import Steps

MOST_SHOWN: Final = 500


def list_groups(steps: Steps, environment: str, selection: Selection, querier: Querier) -> None:
    """Print how many rows there are by source, reason and day.

    Raises:
        RefusedError: whoever asks may not read the quarantine.
        ReplayFailedError: AWS refused something else.
    """
    with steps.step("Count"), aws_errors():
        groups = AthenaQuarantine(environment=environment, querier=querier).groups(selection)
    if not steps.machine:
        table = Table("day", "source", "reason code", "rows", "open", "for example", box=None, header_style="dim")
        for group in groups:
            day = group.day.isoformat()
            table.add_row(day, group.source, group.reason_code, str(group.rows), str(group.open_rows), group.reason)
        if groups:
            steps.console.print(table)
        else:
            steps.note("no row matches")
    rows, open_rows = sum(group.rows for group in groups), sum(group.open_rows for group in groups)
    steps.note(f"{rows} rows, {open_rows} of them open")
    steps.result(
        {
            "environment": environment,
            "rows": rows,
            "open": open_rows,
            "groups": [group.as_dict() for group in groups],
        }
    )


def show_rows(steps: Steps, environment: str, selection: Selection, *, limit: int, clear: bool) -> None:
    """Print rows with their bodies: the shape of what was received, or what was received.

    Raises:
        RefusedError: whoever asks may not read bodies.
        ReplayFailedError: AWS refused something else.
    """
    prepare.contracts()
    with steps.step("Read"), aws_errors():
        rows = AthenaQuarantine(environment=environment).show(selection, limit=limit)
    told = [_told(row, clear=clear) for row in rows]
    if not steps.machine:
        for row in told:
            steps.console.print(f"{row['rejected_id']}  {row['source']}  {row['reason_code']}  {row['received_at']}")
            steps.console.print(f"  {row['reason']}", markup=False)
            if row["fixed_by"]:
                steps.console.print(f"  replaced by {row['fixed_by']}", markup=False)
            steps.console.print(f"  {row['body']}", markup=False, soft_wrap=True)
        if not told:
            steps.note("no row matches")
    steps.result({"environment": environment, "clear": clear, "rows": told})


def _told(row: RejectedRow, *, clear: bool) -> dict[str, Any]:
    body = row.body if clear or row.body is None else masked(row.body, contracts.load())
    return {
        "rejected_id": row.rejected_id,
        "source": row.source,
        "reason_code": row.reason_code,
        "reason": row.reason,
        "received_at": row.received_at.isoformat(),
        "fixed_by": row.fixed_by,
        "body": body,
    }
