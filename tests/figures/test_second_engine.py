"""Every figure of every mart is what DuckDB computes from the same Iceberg files, exactly."""

import pytest
import yaml

from tests.engines.trino.stack import Stack
from tests.figures.second_engine import SecondEngine, marts
from twin.settings import ROOT


@pytest.fixture(scope="module")
def second_engine(stack: Stack, numbers: None) -> SecondEngine:
    """DuckDB on the lake of the marts' people."""
    return SecondEngine(stack)


def test_every_mart_has_an_answer() -> None:
    """Views have no files to read."""
    folder = ROOT / "sql" / "models" / "marts"
    described = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*.yml")]
    models = [model for document in described for model in document.get("models", [])]
    views = {model["name"] for model in models if model.get("config", {}).get("materialized") == "view"}
    assert set(marts()) == {path.stem for path in folder.glob("*.sql")} - views


@pytest.mark.parametrize("mart", marts())
def test_duckdb_computes_the_same_rows(second_engine: SecondEngine, mart: str) -> None:
    assert second_engine.count(mart) > 0
    assert second_engine.differences(mart)[:5] == []


def test_one_wrong_row_is_found_on_both_sides(second_engine: SecondEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    right = second_engine.answer("customer_lifetime")
    wrong = f"SELECT * REPLACE (spend + if(person_id = 'p_4', 0.01, 0) AS spend) FROM ({right})"
    monkeypatch.setattr(second_engine, "answer", lambda _: wrong)
    found = second_engine.differences("customer_lifetime")
    assert [(row[0], row[1]) for row in found] == [("Trino", "p_4"), ("DuckDB", "p_4")]
