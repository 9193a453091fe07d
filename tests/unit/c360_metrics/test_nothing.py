"""A question without data is answered with the reason, and a 0 that is one is a 0."""

from pathlib import Path

import pytest

from c360_metrics.nothing import reason, rows_behind, says_nothing
from c360_metrics.reader import read
from c360_metrics.words import understand

METRICS = read(Path(__file__).resolve().parents[3] / "sql")
NO_YEN = "there is no row with currency JPY; there are rows with"


@pytest.mark.parametrize(
    ("question", "rows", "behind", "why"),
    [
        ("customers", [("0",)], ("0",), "there is no row of customers"),
        ("revenue in JPY", [(None,)], ("9", "0", "EUR, USD"), f"{NO_YEN} EUR, USD"),
        ("revenue in JPY by source", [], ("9", "0", "EUR"), f"{NO_YEN} EUR"),
        ("revenue in JPY", [(None,)], ("0", "0", None), "there is no row of trading"),
        ("return rate in USD", [(None,)], ("9", "4", "EUR, USD"), "there is nothing to divide by"),
        ("satisfaction", [(None,)], ("9",), "no row has a number"),
        ("returns in USD", [("0",)], ("9", "4", "EUR, USD"), None),
        ("revenue in USD by source", [("a", "0.00"), ("b", None)], ("9", "4", "USD"), None),
    ],
)  # fmt: skip
def test_why_there_is_no_number(question: str, rows, behind, why: str | None) -> None:
    asked = understand(question, METRICS)
    assert says_nothing(asked, rows)
    assert reason(asked, rows, behind) == why


@pytest.mark.parametrize("rows", [[("3",)], [("-3.5",)]])
def test_a_number_needs_no_reason(rows) -> None:
    assert not says_nothing(understand("revenue in USD", METRICS), rows)


def test_the_text_of_a_group_is_no_number() -> None:
    assert says_nothing(understand("revenue by currency", METRICS), [("USD", None)])


def test_the_rows_behind_a_question_are_counted() -> None:
    assert rows_behind(understand("customers", METRICS)) == 'SELECT count(*) FROM "customer_360"'
    assert rows_behind(understand("revenue in JPY", METRICS)) == (
        "SELECT count(*), count_if(\"currency\" = 'JPY'), "
        'array_join(array_sort(array_agg(DISTINCT "currency")), \', \') FROM "orders_by_day"'
    )
