"""A question in words is answered by the metric that it names, or not at all."""

from pathlib import Path

import pytest

from c360_metrics.reader import read
from c360_metrics.words import NotUnderstoodError, understand

SQL = Path(__file__).resolve().parents[3] / "sql"
METRICS = read(SQL)


@pytest.mark.parametrize(
    ("question", "metrics", "by", "where"),
    [
        ("How many customers do we have?", ["customers"], [], {}),
        ("people by state", ["customers"], ["state"], {}),
        ("What was our turnover in EUR?", ["revenue"], [], {"currency": "EUR"}),
        ("revenue and orders by currency", ["revenue", "orders"], ["currency"], {}),
        ("average basket per currency", ["average_order"], ["currency"], {}),
        ("Show me the repeat rate by loyalty tier", ["retention"], ["loyalty_tier"], {}),
        ("segment size by segments", ["segment_size"], ["segment"], {}),
        ("number of returned orders in USD", ["returns"], [], {"currency": "USD"}),
    ],
)
def test_a_question_is_understood(question, metrics, by, where) -> None:
    asked = understand(question, METRICS)
    assert [one.name for one in asked.metrics] == metrics
    assert (list(asked.by), dict(asked.where)) == (by, where)
    assert asked.statement.startswith("SELECT ")


@pytest.mark.parametrize("metric", METRICS.metrics.values(), ids=lambda one: one.name)
def test_every_name_and_synonym_means_its_metric(metric) -> None:
    across = "".join(
        f" by {one.name.replace('_', ' ')}"
        for one in metric.model.dimensions
        if one.column.name in metric.model.not_across
    )
    for name in (metric.label, metric.name.replace("_", " "), *metric.synonyms):
        assert [one.name for one in understand(f"{name}{across}", METRICS).metrics] == [metric.name]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("How is the weather?", "I do not know what number is meant; I know Average order"),
        ("customers last month", "I do not know `last`"),
        ("customers without an order", "I do not know `without`"),
        ("customers in California", "I do not know `California`"),
        ("not returning customers", "I do not know `not`"),
        ("revenue", "not added up across currency"),
        ("revenue by state", "I do not know `state`; this number can be divided by currency, source, traded on"),
        ("customers by", "by what to divide"),
        ("customers and revenue", "different tables"),
        ("customers over 65", "I do not know `over`"),
        ("", "I do not know what number is meant"),
    ],
)
def test_what_is_not_understood_is_not_answered(question, message: str) -> None:
    with pytest.raises(NotUnderstoodError) as caught:
        understand(question, METRICS)
    assert message in str(caught.value)
