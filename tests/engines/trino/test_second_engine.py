"""Every figure of every mart is what DuckDB computes from the same Iceberg files, exactly."""

import pytest

from tests.engines.trino.second_engine import SecondEngine, marts
from tests.engines.trino.stack import Stack


@pytest.fixture(scope="module")
def second_engine(stack: Stack, numbers: None) -> SecondEngine:
    """DuckDB on the lake of the marts' people."""
    return SecondEngine(stack)


@pytest.mark.parametrize("mart", marts())
def test_duckdb_computes_the_same_rows(second_engine: SecondEngine, mart: str) -> None:
    assert second_engine.count(mart) > 0
    assert second_engine.differences(mart)[:5] == []
