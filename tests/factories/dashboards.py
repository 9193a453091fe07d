"""The project's dashboards as QuickSight would describe them, with answers that are made up and easy to recompute."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from c360_metrics.definitions import Metrics
from c360_metrics.reader import read as read_metrics
from ops.report.deployed import DeployedDashboard, DeployedVisual, Field, read
from ops.report.page import Answered, page
from ops.report.questions import question
from stacks.analytics.dashboards.boards import all_dashboards
from stacks.analytics.dashboards.definition import definition

SQL = Path(__file__).resolve().parents[2] / "sql"
PREFIX = "c360-dev-"
FIRST_WEEK = date(2025, 1, 6)
WEEKS = 52
ODD_WEEK = 20
SEGMENTS = ("frequent", "lapsed", "new", "vip")
CURRENCIES = ("EUR", "USD")


class QuickSight:
    """QuickSight's API, as far as a report asks it."""

    def __init__(self, metrics: Metrics, database: str = "") -> None:
        self.metrics, self.database = metrics, database
        boards = all_dashboards(metrics)
        sets = {name: f"arn:aws:quicksight:us-east-1:1:dataset/{PREFIX}{name}" for name in metrics.models}
        where = {
            one.id: f"https://us-east-1.quicksight.aws.amazon.com/sn/dashboards/{PREFIX}{one.id}" for one in boards
        }
        self.definitions = {f"{PREFIX}{one.id}": definition(one, data_sets=sets, addresses=where) for one in boards}

    def describe_dashboard_definition(self, *, AwsAccountId: str, DashboardId: str) -> dict[str, Any]:  # noqa: N803
        return {"Definition": self.definitions[DashboardId]}

    def describe_data_set(self, *, AwsAccountId: str, DataSetId: str) -> dict[str, Any]:  # noqa: N803
        mart = self.metrics.models[DataSetId.removeprefix(PREFIX)].mart
        place = f'"{self.database}"."{mart}"' if self.database else f'"{mart}"'
        query = {"SqlQuery": f"SELECT * FROM {place}"}
        return {"DataSet": {"PhysicalTableMap": {"mart": {"CustomSql": query}}}}


def deployed(database: str = "") -> dict[str, DeployedDashboard]:
    """Return the dashboards of the project by their ids, on the marts of a database."""
    quicksight = QuickSight(read_metrics(SQL), database)
    return {one: read(quicksight, "1", one) for one in quicksight.definitions}


def answers(dashboard: DeployedDashboard, visual: DeployedVisual) -> list[dict[str, str | None]]:
    """Return rows for a visual: two currencies, a year of weeks with one odd one, four segments."""
    columns = question(dashboard, visual).columns
    chosen = [name for name in columns if name.startswith("choice_")]
    made: list[dict[str, str | None]] = []
    for currency, factor in (("EUR", 1), ("USD", 2)) if chosen else (("", 1),):
        choice: dict[str, str | None] = dict.fromkeys(chosen, currency)
        for number, groups in enumerate(_groups(visual)):
            odd = 4000 if groups.get("by_traded_on") == _week(ODD_WEEK) else 0
            values = {
                field.id: f"{factor * (1000 + 7 * number + 13 * (number % 3) + odd)}.25" for field in visual.values
            }
            made.append({**groups, **choice, **values})
    return made


def _week(number: int) -> str:
    return (FIRST_WEEK + timedelta(days=7 * number)).isoformat()


def _groups(visual: DeployedVisual) -> list[dict[str, str | None]]:
    if not visual.groups:
        return [{}]
    if visual.kind in {"LineChartVisual", "InsightVisual"}:
        return [{visual.groups[0].id: _week(number)} for number in range(WEEKS)]
    if visual.kind == "HeatMapVisual":
        down, across = visual.groups
        months = [date(2025, one, 1).isoformat() for one in range(1, 6)]
        below = months if down.granularity else list(map(str, range(1, 6)))
        return [{down.id: one, across.id: str(other)} for one in below for other in range(1, 6)]
    return [{field.id: _value(field, number) for field in visual.groups} for number in range(len(SEGMENTS))]


def _value(field: Field, number: int) -> str:
    """Return one of four values of a group: a month, a person or a segment; of two currencies, one."""
    if field.granularity is not None:
        return date(2025, 1 + number, 1).isoformat()
    if field.column == "currency":
        return CURRENCIES[number % len(CURRENCIES)]
    return f"p_{SEGMENTS[number]}" if "person" in field.id else SEGMENTS[number]


def answered(dashboard: DeployedDashboard) -> Answered:
    """Return a dashboard with its answers."""
    return Answered(
        dashboard=dashboard,
        rows={visual.id: answers(dashboard, visual) for visual in dashboard.visuals},
        choices={"Currency": list(CURRENCIES), "Segment": list(SEGMENTS), "Person": [f"p_{one}" for one in SEGMENTS]},
    )


def write_pages(folder: Path) -> Mapping[str, Path]:
    """Write the pages of all dashboards; return their paths by the names of the dashboards."""
    found = deployed()
    pages = {one: f"{one.removeprefix(PREFIX)}.html" for one in found}
    for one, dashboard in found.items():
        (folder / pages[one]).write_text(page(answered(dashboard), pages), encoding="utf-8")
    return {one.removeprefix(PREFIX): folder / name for one, name in pages.items()}
