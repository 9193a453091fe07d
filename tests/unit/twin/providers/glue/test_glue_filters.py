"""The filter of GetPartitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.providers.glue.errors import CatalogError
from twin.providers.glue.filters import matches

KEYS = [{"Name": "day", "Type": "date"}, {"Name": "store", "Type": "int"}, {"Name": "zone", "Type": "string"}]
VALUES = ["2026-01-02", "10", "eu-west"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("day = '2026-01-02'", True),
        ("day=date '2026-01-02' and store=10", True),
        ("day = cast('2026-01-03' as date)", False),
        ("store > 9", True),  # as numbers: as texts 10 comes before 9
        ("store < '9'", False),
        ("store between 10 and 11", True),
        ("store in (1, 2) or zone in ('eu-west')", True),
        ("not (zone like 'eu%')", False),
        ("zone like 'e_-west'", True),
        ("zone <> 'eu-west'", False),
        ("zone is null", False),
        ("zone is not null", True),
    ],
)
def test_filters_decide(expression: str, expected: bool) -> None:
    assert matches(expression, KEYS, VALUES) is expected


@pytest.mark.parametrize("expression", ["amount = 1", "upper(zone) = 'EU'", "store = ", "store + 1 = 11"])
def test_filters_that_cannot_be_read_are_errors(expression: str) -> None:
    with pytest.raises(CatalogError) as refused:
        matches(expression, KEYS, VALUES)
    assert refused.value.code == "InvalidInputException"


@given(store=st.integers(-1000, 1000), bound=st.integers(-1000, 1000))
def test_numbers_compare_as_numbers(store: int, bound: int) -> None:
    keys = [{"Name": "store", "Type": "bigint"}]
    assert matches(f"store >= {bound}", keys, [str(store)]) is (store >= bound)
    assert matches(f"NOT store >= {bound}", keys, [str(store)]) is (store < bound)
