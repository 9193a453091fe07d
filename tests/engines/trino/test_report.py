"""Every question of every dashboard is answered from the marts that dbt has built, as its metric answers it."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from c360_metrics.reader import read
from c360_metrics.statements import statement
from ops.report.deployed import DeployedDashboard
from ops.report.questions import ask, choices, question
from stacks.analytics.dashboards.row_rules import Rules
from tests.engines.trino import lake
from tests.engines.trino.stack import Stack
from tests.factories.dashboards import deployed
from twin.settings import ROOT

pytestmark = pytest.mark.usefixtures("built")
METRICS = read(ROOT / "sql")
DASHBOARDS = deployed(lake.PRODUCTS)


def answer(stack: Stack, asked: str) -> list[tuple[str | None, ...]]:
    return ask(stack.client("athena"), lake.WORKGROUP, asked)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_visual_and_every_choice_is_answered(stack: Stack, name: str) -> None:
    dashboard = DASHBOARDS[name]
    for visual in dashboard.visuals:
        asked = question(dashboard, visual)
        rows = answer(stack, asked.statement)
        empty = answer(stack, f"SELECT count(*) FROM ({dashboard.queries[visual.data_set]}) AS data") == [("0",)]
        assert rows or empty, visual.id
        assert {len(row) for row in rows} <= {len(asked.columns)}
    for asked_of, values in choices(dashboard).items():
        assert answer(stack, values), asked_of


def test_the_rules_of_rows_are_answered(stack: Stack) -> None:
    rules = Rules(columns=("source",), rows=((None, "group/a", "it's"), ("user/b", None, None)))
    assert answer(stack, rules.query) == [(None, "group/a", "it's"), ("user/b", None, None)]


def numbers(dashboard: DeployedDashboard) -> list[str]:
    return [visual.id for visual in dashboard.visuals if visual.kind == "KPIVisual"]


@pytest.mark.parametrize(
    ("name", "visual_id"), [(name, one) for name in DASHBOARDS for one in numbers(DASHBOARDS[name])]
)
def test_a_number_is_the_one_of_its_metric(stack: Stack, name: str, visual_id: str) -> None:
    dashboard = DASHBOARDS[name]
    visual = next(one for one in dashboard.visuals if one.id == visual_id)
    metric = METRICS.metrics[visual.values[0].column.removeprefix("metric_")]
    by = ["currency"] if visual.filters else []
    asked = statement([metric], by=by)
    found = answer(stack, question(dashboard, visual).statement)
    # Of a mart without a row, a page has no row; of rows with nothing to divide by, one without a number.
    assert _numbers(found) == _numbers(stack.query(asked))


def _numbers(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in rows if row[-1] is not None]
