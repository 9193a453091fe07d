"""Every metric is answered by Athena from the marts that dbt has built, and known answers are right."""

import pytest

from c360_metrics.definitions import Metric, SemanticModel
from c360_metrics.nothing import reason, rows_behind, says_nothing
from c360_metrics.reader import read
from c360_metrics.statements import statement
from c360_metrics.words import understand
from tests.engines.trino.stack import Stack
from twin.settings import ROOT

pytestmark = pytest.mark.usefixtures("built")
METRICS = read(ROOT / "sql")


def _by(model: SemanticModel) -> list[str]:
    return [one.name for one in model.dimensions if one.column.name in model.not_across]


@pytest.mark.parametrize("model", METRICS.models)
def test_every_metric_is_answered(stack: Stack, model: str) -> None:
    metrics = METRICS.of(model)
    by = _by(METRICS.models[model])
    rows = stack.query(statement(metrics, by=by))
    empty = stack.query(f'SELECT count(*) FROM "{METRICS.models[model].mart}"') == [["0"]]
    assert rows or empty
    assert {len(row) for row in rows} <= {len(by) + len(metrics)}


def _answer(stack: Stack, *names: str, **where: str) -> list[str | None]:
    metrics: list[Metric] = [METRICS.metrics[name] for name in names]
    [row] = stack.query(statement(metrics, where=where))
    return list(row)


def test_numbers_are_those_of_the_marts(stack: Stack) -> None:
    assert _answer(stack, "customers", "buyers", "repeat_buyers") == ["5", "4", "3"]
    assert _answer(stack, "revenue", currency="EUR") == ["25.00"]
    assert _answer(stack, "average_order", currency="EUR") == ["12.5"]
    assert _answer(stack, "decisions", "messages") == ["2", "1"]
    assert _answer(stack, "reviews", "bad_reviews") == ["3", "1"]


def _why(stack: Stack, question: str) -> str | None:
    asked = understand(question, METRICS)
    rows = stack.query(asked.statement)
    return reason(asked, rows, stack.query(rows_behind(asked))[0]) if says_nothing(asked, rows) else None


def test_a_question_without_data_says_why(stack: Stack) -> None:
    assert _why(stack, "revenue in JPY") == "there is no row with currency JPY; there are rows with EUR, USD"
    assert _why(stack, "returns in EUR") is None, "nothing was returned: that is a number"
    assert _why(stack, "revenue in EUR") is None


def test_every_day_is_there_once(stack: Stack) -> None:
    [[days, different]] = stack.query("SELECT count(*), count(DISTINCT day) FROM days WHERE day < date '2021-01-01'")
    assert (days, different) == ("366", "366")
