"""Features as the Feature Store keeps them: texts of their kind, and the same values again."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c360_core.features import PERSON, RECORDED_AT, FeatureError, FeatureKind, definitions, record_of, row_of

KINDS = {
    PERSON: FeatureKind.STRING,
    "cut_on": FeatureKind.STRING,
    "orders": FeatureKind.INTEGRAL,
    "spend": FeatureKind.FRACTIONAL,
}
AT = datetime(2026, 3, 3, 8, tzinfo=UTC)
ROW: dict[str, Any] = {PERSON: "p_1", "cut_on": "2026-03-01", "orders": 12.0, "spend": 99.5}


def test_a_record_has_texts_of_each_kind_and_when_it_was_made() -> None:
    assert {one["FeatureName"]: one["ValueAsString"] for one in record_of(ROW, KINDS, at=AT)} == {
        PERSON: "p_1",
        "cut_on": "2026-03-01",
        "orders": "12",
        "spend": "99.5",
        RECORDED_AT: "2026-03-03T08:00:00.000Z",
    }


def test_what_is_unknown_or_no_feature_is_left_out_and_unknown_again() -> None:
    record = record_of({**ROW, "spend": None, "churned": True}, KINDS, at=AT)

    assert {one["FeatureName"] for one in record} == {PERSON, "cut_on", "orders", RECORDED_AT}
    assert row_of(record, KINDS) == {PERSON: "p_1", "cut_on": "2026-03-01", "orders": 12, "spend": None}


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({PERSON: None}, "feature person_id: it is missing"),
        ({"orders": 1.5}, "feature orders: 1.5 is no whole number"),
        ({"orders": "many"}, "feature orders: 'many' is no number"),
        ({"spend": float("nan")}, "feature spend: nan is no number"),
    ],
)
def test_a_value_of_another_kind_is_refused(changed: dict[str, Any], fault: str) -> None:
    with pytest.raises(FeatureError, match=fault):
        record_of({**ROW, **changed}, KINDS, at=AT)


def test_a_record_that_cannot_be_read_is_named() -> None:
    with pytest.raises(FeatureError, match="feature orders: 'x' is no number"):
        row_of([{"FeatureName": "orders", "ValueAsString": "x"}], KINDS)


def test_the_time_is_a_feature_of_every_group() -> None:
    assert [name for name, _ in definitions(KINDS)] == [*KINDS, RECORDED_AT]


@given(
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False) | st.decimals("-1e15", "1e15", places=6).map(Decimal),
)
def test_numbers_are_the_same_again(orders: int, spend: float | Decimal) -> None:
    found = row_of(record_of({**ROW, "orders": orders, "spend": spend}, KINDS, at=AT), KINDS)

    assert (found["orders"], found["spend"]) == (orders, float(spend))
