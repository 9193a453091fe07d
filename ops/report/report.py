"""Draws all dashboards of an environment: the definitions come from QuickSight, the numbers from Athena."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from c360_core.names import quicksight_id
from ops.report.deployed import DeployedDashboard, read
from ops.report.page import Answered, page
from ops.report.questions import Question, ask, choices, numbers, question

_AT_ONCE: Final = 4
# The most general one first; any other comes after these.
_ORDER: Final = ("executive", "management", "detail")


class NoDashboardsError(LookupError):
    """The environment has no dashboards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """The deployment that is drawn.

    Attributes:
        environment: its name.
        account: its account's number.
        quicksight: a client.
        athena: a client of whoever looks at the dashboards.
        workgroup: in which they ask.
    """

    environment: str
    account: str
    quicksight: Any
    athena: Any
    workgroup: str


def dashboards(there: There) -> list[DeployedDashboard]:
    """Return the deployed dashboards of the environment.

    Raises:
        NoDashboardsError: there are none.
        NotDrawnError: a definition has something that the report does not know.
    """
    prefix = quicksight_id(there.environment, "")
    listed = there.quicksight.get_paginator("list_dashboards").paginate(AwsAccountId=there.account)
    ids = [one["DashboardId"] for found in listed for one in found["DashboardSummaryList"]]
    own = sorted((one for one in ids if one.startswith(prefix)), key=lambda one: _place(one.removeprefix(prefix)))
    if not own:
        raise NoDashboardsError(
            f"{there.environment} has no dashboards; set analytics.dashboards.deployed and deploy the stack analytics"
        )
    return [read(there.quicksight, there.account, one) for one in own]


def _place(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def answered(there: There, dashboard: DeployedDashboard) -> Answered:
    """Ask everything that a dashboard shows.

    Raises:
        QuestionFailedError: Athena did not answer.
    """
    questions = {visual.id: question(dashboard, visual) for visual in dashboard.visuals}
    lists = choices(dashboard)

    def answer(asked: Question) -> list[dict[str, str | None]]:
        return numbers(ask(there.athena, there.workgroup, asked.statement), asked.columns)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        values = pool.map(lambda statement: ask(there.athena, there.workgroup, statement), lists.values())
        rows = list(pool.map(answer, questions.values()))
        picked = [[str(row[0]) for row in found] for found in values]
    return Answered(
        dashboard=dashboard,
        rows=dict(zip(questions, rows, strict=True)),
        choices=dict(zip(lists, picked, strict=True)),
    )


def draw(there: There, folder: Path) -> Iterator[tuple[Path, Answered]]:
    """Write a page for each dashboard; yield its path and what is on it.

    Raises:
        NoDashboardsError: there are none.
        NotDrawnError: a definition has something that the report does not know.
        QuestionFailedError: Athena did not answer.
    """
    found = dashboards(there)
    prefix = quicksight_id(there.environment, "")
    pages = {one.id: f"{one.id.removeprefix(prefix)}.html" for one in found}
    folder.mkdir(parents=True, exist_ok=True)
    for dashboard in found:
        told = answered(there, dashboard)
        path = folder / pages[dashboard.id]
        path.write_text(page(told, pages), encoding="utf-8")
        yield path, told
