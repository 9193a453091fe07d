"""The metrics of the project are right, and a wrong one is refused with the file, the field and the fix."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from c360_metrics.expressions import ExpressionError, columns_of, quicksight, row_in_quicksight, sql
from c360_metrics.reader import MetricsError, read
from c360_metrics.statements import QuestionError, statement
from tools import metrics as command
from tools.metrics.payloads import EVENTS, check_payloads

SQL = Path(__file__).resolve().parents[3] / "sql"
FILE = Path("models") / "marts" / "metrics.yml"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def metrics():
    return read(SQL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the descriptions, to be changed."""
    copy = tmp_path / "sql"
    shutil.copytree(SQL, copy, ignore=shutil.ignore_patterns("target", "logs", "models"))
    shutil.copytree(SQL / "models", copy / "models", ignore=shutil.ignore_patterns("*.sql"))
    return copy


def change(project: Path, how: Change, file: Path = FILE) -> None:
    document = yaml.safe_load((project / file).read_text(encoding="utf-8"))
    how(document)
    (project / file).write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def model(document, name):
    return next(one for one in document["semantic_models"] if one["name"] == name)


def measure(document, name):
    return next(one for each in document["semantic_models"] for one in each["measures"] if one["name"] == name)


def metric(document, name):
    return next(one for one in document["metrics"] if one["name"] == name)


WRONG: dict[str, tuple[Change, str, str, str]] = {
    "a renamed column": (
        lambda d: measure(d, "net_amount").update(expr="net_spend"),
        "semantic_models.trading.measures.net_amount.expr",
        "`orders_by_day` has no column `net_spend`",
        "use one of day, source",
    ),
    "a column that is a list": (
        lambda d: measure(d, "persons").update(expr="segments"),
        "semantic_models.customers.measures.persons.expr",
        "`customer_360` has no column `segments` of a simple type",
        "use one of",
    ),
    "a mart that is not there": (
        lambda d: model(d, "trading").update(model="ref('spend')"),
        "semantic_models.trading.model",
        "no model `spend` is described",
        "name a model of sql/models/marts",
    ),
    "a measure of no column": (
        lambda d: measure(d, "persons").update(expr="1"),
        "semantic_models.customers.measures.persons.expr",
        "reads no column",
        "name what is counted",
    ),
    "a sum of texts": (
        lambda d: measure(d, "persons").update(agg="sum"),
        "semantic_models.customers.measures.persons.agg",
        "`person_id` is text, which has no sum",
        "count it",
    ),
    "an aggregation that the dashboards lack": (
        lambda d: measure(d, "persons").update(agg="percentile"),
        "semantic_models.customers.measures.persons.agg",
        "do not know `percentile`",
        "use one of sum, count",
    ),
    "an expression that the dashboards cannot say": (
        lambda d: measure(d, "orders_placed").update(expr="log10(orders)"),
        "semantic_models.trading.measures.orders_placed.expr",
        "has no translation for QuickSight",
        "compute it in the mart",
    ),
    "an aggregation in the expression": (
        lambda d: measure(d, "orders_placed").update(expr="sum(orders)"),
        "semantic_models.trading.measures.orders_placed.expr",
        "more than an expression of one row",
        "compute it in the mart",
    ),
    "no grain": (
        lambda d: model(d, "customers")["config"]["meta"].pop("grain"),
        "semantic_models.customers.config.meta.grain",
        "is missing",
        "say what a row of the model is",
    ),
    "a sum across nothing": (
        lambda d: model(d, "trading")["config"]["meta"].update(not_across=["money"]),
        "semantic_models.trading.config.meta.not_across",
        "has no column `money`",
        "use one of",
    ),
    "a key that is no column": (
        lambda d: model(d, "customers")["entities"][0].update(expr="customer_id"),
        "semantic_models.customers.entities.person",
        "has no column `customer_id`",
        "use one of",
    ),
    "a dimension that is no column": (
        lambda d: model(d, "customers")["dimensions"][0].update(expr="province"),
        "semantic_models.customers.dimensions.state",
        "has no column `province`",
        "use one of",
    ),
    "a time that is a text": (
        lambda d: model(d, "customers")["dimensions"][0].update(type_params={"time_granularity": "day"}),
        "semantic_models.customers.dimensions.state.type",
        "`state` is text",
        "write `type: categorical`",
    ),
    "no owner": (
        lambda d: metric(d, "revenue")["config"]["meta"].pop("owner"),
        "metrics.revenue.config.meta.owner",
        "is missing",
        "name who answers for the number",
    ),
    "no description": (
        lambda d: metric(d, "revenue").pop("description"),
        "metrics.revenue.description",
        "is missing",
        "say what exactly is counted",
    ),
    "no unit": (
        lambda d: metric(d, "revenue")["config"]["meta"].update(unit="dollars"),
        "metrics.revenue.config.meta.unit",
        "`dollars` is no unit",
        "use one of count, money",
    ),
    "a measure that is not there": (
        lambda d: metric(d, "revenue")["type_params"].update(measure="amount"),
        "metrics.revenue.type_params.measure",
        "there is no measure `amount`",
        "name a measure",
    ),
    "a filter": (
        lambda d: metric(d, "revenue").update(filter="{{ Dimension('trading_day__currency') }} = 'USD'"),
        "metrics.revenue.filter",
        "cannot apply it to one metric",
        "case when",
    ),
    "a ratio of two marts": (
        lambda d: metric(d, "return_rate")["type_params"].update(denominator="customers"),
        "metrics.return_rate.type_params",
        "are of different marts",
        "make a mart that has both",
    ),
    "a ratio of ratios": (
        lambda d: metric(d, "return_rate")["type_params"].update(denominator="average_order"),
        "metrics.return_rate.type_params.denominator",
        "there is no simple metric `average_order`",
        "name a simple metric",
    ),
    "a kind of metric that the dashboards lack": (
        lambda d: metric(d, "return_rate").update(type="cumulative"),
        "metrics.return_rate.type",
        "have no `cumulative` metrics",
        "write `simple` or `ratio`",
    ),
    "a synonym of two metrics": (
        lambda d: metric(d, "visits")["config"]["meta"]["synonyms"].append("Turnover"),
        "metrics.visits.config.meta.synonyms",
        "`turnover` means `revenue`, too",
        "give the words to one of the two",
    ),
    "a synonym that is another's label": (
        lambda d: metric(d, "visits")["config"]["meta"]["synonyms"].append("orders"),
        "metrics.visits.config.meta.synonyms",
        "`orders` means `orders`, too",
        "give the words to one of the two",
    ),
    "a synonym that is another's with a hyphen": (
        lambda d: metric(d, "visits")["config"]["meta"]["synonyms"].append("Net-Sales"),
        "metrics.visits.config.meta.synonyms",
        "`net sales` means `revenue`, too",
        "give the words to one of the two",
    ),
    "a synonym that is a dimension": (
        lambda d: metric(d, "visits")["config"]["meta"]["synonyms"].append("segments"),
        "metrics.visits.config.meta.synonyms",
        "`segments` means the dimension `segment` of",
        "give the words to one of the two",
    ),
    "a synonym without a word": (
        lambda d: metric(d, "visits")["config"]["meta"]["synonyms"].append("%"),
        "metrics.visits.config.meta.synonyms",
        "`%` is no word",
        "write what people say",
    ),
    "money of two currencies in one sum": (
        lambda d: model(d, "trading")["config"]["meta"].pop("not_across"),
        "metrics.revenue.config.meta.unit",
        "`trading` would add up amounts of two currencies, between which no rate is known",
        "write `not_across: [currency]`",
    ),
    "money of no currency": (
        lambda d: metric(d, "reviews")["config"]["meta"].update(unit="money"),
        "metrics.reviews.config.meta.unit",
        "`product_ratings` does not say in which currency",
        "give the mart a column `currency`",
    ),
    "a synonym that is said twice": (
        lambda d: metric(d, "visits")["config"]["meta"]["synonyms"].append("sessions"),
        "metrics.visits.config.meta.synonyms",
        "`sessions` is there more than once",
        "write each word once",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_metric_is_refused_with_the_file_the_field_and_the_fix(
    project: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    how, field, message, fix = WRONG[name]
    change(project, how)

    with pytest.raises(MetricsError) as caught:
        read(project)

    [found, *_] = [one for one in caught.value.problems if one.field == field]
    assert found.file == "sql/models/marts/metrics.yml"
    assert message in found.message
    assert fix in found.fix
    caplog.set_level("ERROR")
    assert command.main(["--project", str(project)]) == 1
    assert str(found) in caplog.text


def test_a_column_that_the_mart_loses_is_found_where_it_is_used(project: Path) -> None:
    def rename(document: dict[str, Any]) -> None:
        mart = next(one for one in document["models"] if one["name"] == "orders_by_day")
        next(column for column in mart["columns"] if column["name"] == "returns")["name"] = "returned"

    change(project, rename, Path("models") / "marts" / "numbers.yml")

    with pytest.raises(MetricsError) as caught:
        read(project)
    assert "semantic_models.trading.measures.orders_returned.expr" in {one.field for one in caught.value.problems}


def renamed(document: dict[str, Any], mart: str, column: str) -> None:
    described = next(one for one in document["models"] if one["name"] == mart)
    next(one for one in described["columns"] if one["name"] == column)["name"] = f"{column}_now"


def refused(project: Path, caplog: pytest.LogCaptureFixture) -> str:
    caplog.set_level("ERROR")
    assert command.main(["--project", str(project)]) == 1
    return caplog.text


@pytest.mark.parametrize(
    ("mart", "column", "problem"),
    [
        (
            "decisions",
            "reasons",
            "sql/prepared_statements/decisions_about.sql: reasons: `decisions` has no column `reasons`; use one of",
        ),
        (
            "customer_360",
            "segments",
            "sql/named_queries/best_customers.sql: segments: `customer_360` has no column `segments`; use one of",
        ),
        (
            "customer_360",
            "time_zone",
            "sql/warehouse/30_load_people.sql: c.time_zone: `customer_360` has no column `time_zone`; use one of",
        ),
        (
            "attribution",
            "paths",
            "sql/prepared_statements/attribution_of.sql: paths: `attribution` has no column `paths`; use one of amount",
        ),
    ],
)
def test_a_column_that_a_statement_still_reads_is_refused(
    project: Path, mart: str, column: str, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    """No metric reads these columns, so that only the statements can tell."""
    for path in (project / "models").rglob("*.yml"):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        if any(one["name"] == mart for one in document.get("models", ())):
            change(project, lambda document: renamed(document, mart, column), path.relative_to(project))
    assert problem in refused(project, caplog)


def test_a_mart_that_a_statement_still_reads_is_refused(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = project / "named_queries" / "segment_overview.sql"
    path.write_text("-- name: N\n-- description: D.\nSELECT 1 FROM segment_members\n", encoding="utf-8")
    problem = "segment_overview.sql: segment_members: there is no mart `segment_members`; name a model of sql/models"
    assert problem in refused(project, caplog)


@pytest.mark.parametrize(
    ("how", "problem"),
    [
        (
            lambda d: metric(d, "satisfaction").update(name="happiness"),
            "executive: there is no metric `satisfaction`; name one of the project, such as case_satisfaction",
        ),
        (
            lambda d: next(one for one in model(d, "segment_members")["dimensions"] if one["name"] == "segment").update(
                name="group", expr="segment"
            ),
            "executive: segment_members has no dimension `segment`; it has group, since",
        ),
        (
            lambda d: model(d, "decided").update(name="decided_now"),
            "detail: there is no semantic model `decided`; name one of the project, such as decided_now",
        ),
    ],
    ids=["metric", "dimension", "model"],
)
def test_a_name_that_a_dashboard_still_uses_is_refused(
    project: Path, how: Change, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    change(project, how)
    assert f"stacks/analytics/dashboards/boards.py: {problem}" in refused(project, caplog)


def test_a_column_that_a_dashboard_still_lists_is_refused(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    change(project, lambda d: renamed(d, "customer_360", "email_masked"), Path("models") / "marts" / "marts.yml")
    said = refused(project, caplog)
    assert "boards.py: detail: customers has no column `email_masked`; it has person_id, email_masked_now" in said


def test_a_field_that_no_event_has_any_more_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An engine would find nothing in every row, and say nothing."""
    contract = tmp_path / "events.odcs.yaml"
    stated = EVENTS.read_text(encoding="utf-8")
    assert "- name: csat\n" in stated
    contract.write_text(stated.replace("- name: csat\n", "- name: csats\n"), encoding="utf-8")
    found = [str(one) for one in check_payloads(SQL, contract)]
    message = "no event of events.odcs.yaml has the field `csat`, so that nothing would be found; read csats"
    assert found == [
        f"sql/{file}: $.csat: {message}"
        for file in ("macros/payload.sql", "models/intermediate/interactions_by_key_day.sql")
    ]
    assert list(check_payloads(SQL)) == []


def test_the_metrics_of_the_project_are_right(metrics, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert command.main([]) == 0
    assert f"{len(metrics.metrics)} metrics of {len(metrics.models)} semantic models are right" in caplog.text


def test_every_measure_belongs_to_a_metric(metrics) -> None:
    used = {one.numerator.name for one in metrics.metrics.values()}
    assert {one.name for model in metrics.models.values() for one in model.measures} == used


def test_a_metric_says_the_same_in_both_languages(metrics) -> None:
    retention = metrics.metrics["retention"]
    assert sql(retention) == (
        "cast(sum(CASE WHEN orders > 1 THEN 1 ELSE 0 END) AS double)"
        " / nullif(sum(CASE WHEN orders > 0 THEN 1 ELSE 0 END), 0)"
    )
    assert quicksight(retention) == ("sum(ifelse({orders} > 1, 1, 0)) / nullIf(sum(ifelse({orders} > 0, 1, 0)), 0)")
    assert sql(metrics.metrics["segment_size"]) == "count(DISTINCT person_id)"
    assert quicksight(metrics.metrics["segment_size"]) == "distinct_count({person_id})"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("a + b * 2", "{a} + {b} * 2"),
        ("(a + b) * -2", "({a} + {b}) * -2"),
        ("coalesce(a, 0)", "coalesce({a}, 0)"),
        (
            "case when a = 'x' and not b is null then 1 when c then 2 else 0 end",
            "ifelse({a} = 'x' AND NOT(isNull({b})), 1, {c}, 2, 0)",
        ),
        ("case when c = true then 1 else 0 end", "ifelse({c} = true, 1, 0)"),
    ],
)
def test_an_expression_of_a_row_is_translated(expression: str, said: str) -> None:
    assert row_in_quicksight(expression) == said
    assert columns_of(expression) == tuple(sorted({part[0] for part in said.split("{")[1:]}))


@pytest.mark.parametrize(
    "expression", ["case a when 1 then 2 else 3 end", "case when a > 1 then 1 end", "a is true", "a ||", "upper(a)"]
)
def test_what_cannot_be_said_is_refused(expression: str) -> None:
    with pytest.raises(ExpressionError):
        row_in_quicksight(expression)


def test_a_question_becomes_a_statement(metrics) -> None:
    asked = [metrics.metrics["revenue"], metrics.metrics["orders"]]
    assert statement(asked, by=["currency"]) == (
        'SELECT "currency" AS "currency", sum(net_amount) AS "revenue", sum(orders) AS "orders"\n'
        'FROM "orders_by_day"\nGROUP BY 1\nORDER BY 1'
    )
    assert statement(asked[:1], where={"currency": "it's"}) == (
        'SELECT sum(net_amount) AS "revenue"\nFROM "orders_by_day"\nWHERE "currency" = \'it\'\'s\''
    )


@pytest.mark.parametrize(
    ("names", "by", "message"),
    [
        (["revenue"], [], "trading is not added up across currency"),
        (["revenue", "customers"], ["currency"], "ask for metrics of one semantic model, not of customers, trading"),
        (["revenue"], ["currency", "state"], "trading has no dimension `state`"),
        ([], [], "not of none"),
    ],
)
def test_a_question_without_a_meaning_is_refused(metrics, names, by, message: str) -> None:
    with pytest.raises(QuestionError, match=message):
        statement([metrics.metrics[name] for name in names], by=by)
