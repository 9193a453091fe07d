"""The benchmark of the marts: by hand the same tables are made, each when those are there that it reads."""

import json
import threading
from pathlib import Path

import pytest

from benchmarks.lake_rows import DAYS, news, statements
from benchmarks.marts import BARE, Model, by_hand, compiled_models, created

RFM = Model(
    name="rfm",
    statement='select * from "awsdatacatalog"."c360_dev_products"."activity"\n'
    'left join "awsdatacatalog"."c360_dev_products"."quality_results" on true '
    'left join "awsdatacatalog"."c360_dev_curated"."stg_persons" on true',
    reads=frozenset({"activity"}),
    partitioned_by=("year(day)",),
)
ACTIVITY = Model(name="activity", statement="select 1 as one", reads=frozenset(), partitioned_by=())


def test_a_table_by_hand_reads_the_tables_by_hand_and_else_the_same() -> None:
    statement = created(RFM, {"rfm", "activity"})
    assert statement.startswith(f'CREATE TABLE "awsdatacatalog"."{BARE}"."rfm" WITH (format = \'PARQUET\', location =')
    assert "partitioning = ARRAY['year(day)']" in statement
    assert f'from "awsdatacatalog"."{BARE}"."activity"\n' in statement
    assert '"c360_dev_products"."quality_results"' in statement, "a source that nobody builds"
    assert '"c360_dev_curated"."stg_persons"' in statement


def test_a_table_is_made_after_those_that_it_reads() -> None:
    made: list[str] = []
    lock = threading.Lock()

    def run(statement: str) -> None:
        with lock:
            made.append(statement.split('"')[5])

    by_hand(run, [RFM, ACTIVITY])
    assert made == ["activity", "rfm"]


def test_a_table_that_fails_ends_the_whole() -> None:
    def run(_statement: str) -> None:
        raise OSError("no such column")

    with pytest.raises(OSError, match="no such column"):
        by_hand(run, [ACTIVITY])


def test_the_stored_models_are_read_from_what_dbt_compiled(tmp_path: Path) -> None:
    def node(name: str, kind: str, **config: object) -> dict[str, object]:
        path = f"models/{name}.sql"
        file = tmp_path / "compiled" / "p" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"select '{name}'", encoding="utf-8")
        stated = {"materialized": kind, **config}
        return {
            "name": name,
            "resource_type": "model",
            "config": stated,
            "package_name": "p",
            "original_file_path": path,
        }

    nodes = {
        "model.p.days": node("days", "view"),
        "model.p.kept": node("kept", "incremental", partitioned_by=["year(day)"]),
        "model.p.mart": node("mart", "table"),
    }
    parents = {
        "model.p.days": ["model.p.kept"],
        "model.p.kept": ["source.p.raw.interactions"],
        "model.p.mart": ["model.p.days"],
    }
    manifest = {"nodes": nodes, "parent_map": parents}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    kept, mart = compiled_models(tmp_path)
    assert (kept.name, kept.reads, kept.partitioned_by) == ("kept", frozenset(), ("year(day)",))
    assert (mart.name, mart.reads, mart.statement) == ("mart", frozenset({"kept"}), "select 'mart'")


def test_the_rows_are_the_same_in_every_run_and_of_a_year() -> None:
    made = list(statements(20_000))
    assert made == list(statements(20_000))
    events = [one for one in made if "WITH numbers" in one]
    assert len(events) == -(-DAYS // 28)
    assert "< 20000" in events[-1]
    [later] = news(20_000)
    assert "SELECT 20000 + b * 1000 + i AS n" in later
