"""A report asks and says what the deployed dashboards do, and refuses by name what it cannot draw."""

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from c360_metrics.expressions import quicksight
from c360_metrics.reader import read as read_metrics
from ops.report.charts import spec
from ops.report.deployed import NotDrawnError, read
from ops.report.expressions import UnknownExpressionError, as_sql
from ops.report.forecast import outlook
from ops.report.page import page
from ops.report.questions import QuestionFailedError, ask, choices, question
from ops.report.report import NoDashboardsError, There, dashboards
from tests.factories.dashboards import PREFIX, SQL, WEEKS, QuickSight, answered, deployed

EXECUTIVE = f"{PREFIX}executive"


@pytest.fixture(scope="module")
def executive():
    return deployed()[EXECUTIVE]


def visual(dashboard, visual_id: str):
    return next(one for one in dashboard.visuals if one.id == visual_id)


# ---- expressions


@pytest.mark.parametrize(
    ("expression", "sql"),
    [
        ("sum({spend})", 'SUM("spend")'),
        ("distinct_count({person_id})", 'COUNT(DISTINCT "person_id")'),
        ("avg({csat_average})", 'AVG(CAST("csat_average" AS DOUBLE))'),
        (
            "sum({a}) / nullIf(sum({b}), 0)",
            'CAST(SUM("a") AS DOUBLE) / NULLIF(SUM("b"), 0)',
        ),
        (
            "sum(ifelse({action} = 'send', 1, isNull({b}), 2, 0))",
            'SUM(CASE WHEN "action" = \'send\' THEN 1 WHEN "b" IS NULL THEN 2 ELSE 0 END)',
        ),
    ],
)
def test_an_expression_of_quicksight_becomes_sql(expression: str, sql: str) -> None:
    assert as_sql(expression) == sql


@pytest.mark.parametrize("expression", ["windowSum(sum({a}), [b])", "ifelse({a}, 1)", "sum({a", "toUpper({a})"])
def test_an_unknown_expression_is_refused(expression: str) -> None:
    with pytest.raises(UnknownExpressionError):
        as_sql(expression)


def test_every_metric_can_be_said_and_read_again() -> None:
    for metric in read_metrics(SQL).metrics.values():
        assert as_sql(quicksight(metric))


# ---- charts


def test_several_numbers_stand_side_by_side_with_their_names() -> None:
    drawn = spec(visual(deployed()[f"{PREFIX}management"], "bars-funnel-by-month"))
    assert drawn is not None
    fold, named = drawn["transform"]
    assert fold["fold"] == [
        "metric_product_viewers",
        "metric_basket_fillers",
        "metric_converted_viewers",
        "metric_returning_viewers",
    ]
    assert '"metric_product_viewers": "Looked at a product"' in named["calculate"]
    encoding = drawn["encoding"]
    assert (encoding["x"]["field"], encoding["y"]["field"], encoding["xOffset"]["field"]) == (
        "by_happened_in",
        "number",
        "what",
    )
    assert encoding["color"]["scale"]["domain"] == [
        "Looked at a product",
        "Filled a basket",
        "Ordered after it",
        "Returned after it",
    ]


def test_a_share_is_written_as_one_and_months_since_stand_in_order(executive) -> None:
    cohorts = visual(executive, "heat-cohort-retention")
    drawn = spec(cohorts)
    assert drawn is not None
    _, text = drawn["layer"]
    assert text["encoding"]["text"]["format"] == ".1%"
    assert [field.is_ordered for field in cohorts.groups] == [False, True]


# ---- questions


def test_a_question_divides_by_what_a_visual_shows_and_what_a_choice_picks(executive) -> None:
    asked = question(executive, visual(executive, "line-revenue-by-week"))
    assert asked.columns == ("by_traded_on", "choice_currency", "metric_revenue")
    assert asked.statement == (
        'SELECT cast(date_trunc(\'week\', "day") AS date) AS "by_traded_on", "currency" AS "choice_currency", '
        'SUM("net_amount") AS "metric_revenue" FROM (SELECT * FROM "orders_by_day") AS data GROUP BY 1, 2 ORDER BY 1, 2'
    )


def test_a_number_that_no_choice_holds_for_is_one_row(executive) -> None:
    asked = question(executive, visual(executive, "kpi-customers"))
    assert asked.statement == (
        'SELECT COUNT("person_id") AS "metric_customers" FROM (SELECT * FROM "customer_360") AS data '
        "HAVING count(*) > 0"
    )


def test_the_values_of_a_choice_come_from_its_data_set(executive) -> None:
    assert choices(executive) == {
        "Currency": 'SELECT DISTINCT "currency" AS value FROM (SELECT * FROM "orders_by_day") AS data '
        'WHERE "currency" IS NOT NULL ORDER BY 1 LIMIT 5000'
    }


class Athena:
    """Athena's API with one answer."""

    def __init__(self, state: str) -> None:
        self.state = state

    def start_query_execution(self, **_: str) -> dict[str, str]:
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, **_: str) -> dict[str, Any]:
        return {"QueryExecution": {"Status": {"State": self.state, "StateChangeReason": "no such table"}}}

    def get_paginator(self, _: str) -> Any:
        rows = [[{"VarCharValue": "n"}, {"VarCharValue": "m"}], [{"VarCharValue": "1"}, {}]]
        answer = {"ResultSet": {"Rows": [{"Data": row} for row in rows]}}
        return type("Pages", (), {"paginate": lambda *_, **__: [answer]})()


def test_an_answer_is_rows_of_text_without_the_header() -> None:
    assert ask(Athena("SUCCEEDED"), "group", "SELECT 1") == [("1", None)]


def test_no_answer_is_an_error_with_the_reason_and_the_question() -> None:
    with pytest.raises(QuestionFailedError, match="no such table; asked: SELECT 1"):
        ask(Athena("FAILED"), "group", "SELECT 1")


# ---- what cannot be drawn


def _sheet(definition: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = definition["Sheets"][0]
    return found


def _first(definition: dict[str, Any]) -> dict[str, Any]:
    [stated] = _sheet(definition)["Visuals"][0].values()
    found: dict[str, Any] = stated
    return found


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "weeks that begin on Sunday": (lambda d: d["Options"].update(WeekStart="SUNDAY"), "Options.WeekStart is SUNDAY"),
    "another kind of visual": (
        lambda d: _sheet(d)["Visuals"].append(
            {"PieChartVisual": {**_first(d), "VisualId": "pie", "ChartConfiguration": {"FieldWells": {}}}}
        ),
        "pie: a PieChartVisual is not drawn",
    ),
    "an aggregation beside the calculated field": (
        lambda d: _first(d)["ChartConfiguration"]["FieldWells"]["Values"][0]["NumericalMeasureField"].update(
            AggregationFunction={"SimpleNumericalAggregation": "SUM"}
        ),
        "metric_customers: AggregationFunction",
    ),
    "several values at a time": (
        lambda d: d["ParameterDeclarations"][0]["StringParameterDeclaration"].update(ParameterValueType="MULTI_VALUED"),
        "ParameterDeclarations.Currency: only one text",
    ),
    "another computation": (
        lambda d: _sheet(d)["Visuals"][-1]["InsightVisual"]["InsightConfiguration"]["Computations"].append(
            {"TopBottomMovers": {}}
        ),
        "insight-revenue-by-week: TopBottomMovers is not computed",
    ),
    "a filter that is off": (
        lambda d: d["FilterGroups"][0].update(Status="DISABLED"),
        "only a filter of chosen visuals",
    ),
    "a filter by a range": (
        lambda d: d["FilterGroups"][0]["Filters"].append({"NumericRangeFilter": {}}),
        "only a choice by a parameter",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused_with_its_place(name: str) -> None:
    change, message = REFUSED[name]
    there = QuickSight(read_metrics(SQL))
    there.definitions = copy.deepcopy(there.definitions)
    change(there.definitions[EXECUTIVE])
    with pytest.raises(NotDrawnError, match=message):
        read(there, "1", EXECUTIVE)


def test_an_environment_without_dashboards_says_what_to_switch_on() -> None:
    pages = type("Pages", (), {"paginate": lambda *_, **__: [{"DashboardSummaryList": [{"DashboardId": "other-x"}]}]})
    quicksight = type("None", (), {"get_paginator": lambda *_: pages()})()
    there = There(environment="dev", account="1", quicksight=quicksight, athena=None, workgroup="w")
    with pytest.raises(NoDashboardsError, match=r"set analytics\.dashboards\.deployed"):
        dashboards(there)


# ---- pages


def test_the_pages_of_marts_without_a_row_are_drawn() -> None:
    """Also those of forecasts, which have nothing to go by."""
    for dashboard in deployed().values():
        nothing = {visual.id: [] for visual in dashboard.visuals}
        drawn = page(replace(answered(dashboard), rows=nothing, choices={}), {one: f"{one}.html" for one in deployed()})
        assert all(f'id="{visual.id}"' in drawn for visual in dashboard.visuals)


def test_the_sheets_of_a_dashboard_follow_one_another_on_its_page() -> None:
    told = answered(deployed()[f"{PREFIX}management"])
    names = list(dict.fromkeys(visual.sheet for visual in told.dashboard.visuals))
    assert len(names) > 1
    text = page(told, {f"{PREFIX}management": "management.html", f"{PREFIX}detail": "detail.html"})
    places = [text.index(f'<h2 class="sheet">{name}</h2>') for name in names]
    assert places == sorted(places)
    for visual in told.dashboard.visuals:
        place = names.index(visual.sheet)
        after = places[place + 1] if place + 1 < len(places) else len(text)
        assert places[place] < text.index(f'<figure id="{visual.id}"') < after


def test_a_page_of_one_sheet_has_no_headings_of_sheets(executive) -> None:
    text = page(answered(executive), {EXECUTIVE: "executive.html", f"{PREFIX}management": "management.html"})
    assert 'class="sheet"' not in text


def test_a_page_asks_nothing_of_the_network_and_no_text_ends_a_script(executive) -> None:
    told = answered(executive)
    told.rows["bar-segment-size-by-segment"][0]["by_segment"] = "</script><script>alert(1)</script>"
    text = page(told, {EXECUTIVE: "executive.html", f"{PREFIX}management": "management.html"})
    assert "<script>alert(1)" not in text
    assert "\\u003c/script>\\u003cscript>alert(1)" in text
    head = text.partition("<script>")[0]
    assert "http" not in head
    assert '"url":"management.html#p.Segment=\\u003c\\u003cby_segment>>"' in text


# ---- forecasts


def test_a_line_goes_on_and_its_error_on_unseen_periods_is_small() -> None:
    found = outlook([100.0 + 3 * week for week in range(WEEKS)], ahead=8, interval=90)
    assert found is not None
    assert [round(one.value) for one in found.ahead[:2]] == [100 + 3 * WEEKS, 103 + 3 * WEEKS]
    assert found.error < 0.01 < found.naive_error
    assert found.held_out == 8
    assert all(one.low <= one.value <= one.high for one in found.ahead)


def test_the_interval_is_that_of_the_noise() -> None:
    noise = [math.sin(12.9898 * week) * 43758.5453 % 1 - 0.5 for week in range(200)]
    found = outlook([1000 + 100 * one for one in noise], ahead=8, interval=90)
    assert found is not None
    spread = 100 / math.sqrt(12)  # of what lies evenly between -50 and 50
    assert found.ahead[0].high - found.ahead[0].low == pytest.approx(2 * 1.645 * spread, rel=0.15)


def test_one_odd_value_is_found_and_no_other() -> None:
    values = [100.0 + 2 * math.sin(week) for week in range(WEEKS)]
    values[30] = 300.0
    found = outlook(values, ahead=8, interval=90)
    assert found is not None
    assert found.unexpected == (30,)


@pytest.mark.parametrize("values", [[1.0] * WEEKS, [float(week) for week in range(19)], []])
def test_a_series_that_says_nothing_has_no_forecast(values: list[float]) -> None:
    assert outlook(values, ahead=8, interval=90) is None
