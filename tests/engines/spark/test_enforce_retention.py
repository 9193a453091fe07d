"""Rows leave the tables when their time has come, and the bucket when their snapshots have expired."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from pyspark.sql import SparkSession

from c360_core import contracts
from c360_core.contracts import Retention
from c360_core.names import Zone
from glue_jobs.check_tables.main import last_load
from glue_jobs.enforce_retention import main as job
from glue_jobs.shared import lake

Rows = Callable[..., list[dict[str, Any]]]
INTERACTIONS = lake.table_name("dev", Zone.RAW, "interactions")
CASES = lake.table_name("dev", Zone.RAW, "support_cases")
MAP = lake.table_name("dev", Zone.CURATED, "identity_map")
NOW = datetime.now(UTC)  # what Iceberg takes for now: snapshots have its time
SNAPSHOT_DAYS = 7
THREE_YEARS = 3 * 365


def days_before(days: float, now: datetime = NOW) -> datetime:
    return now - timedelta(days=days)


def start_of(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture(autouse=True)
def empty(spark: SparkSession) -> Iterator[None]:
    def clear() -> None:
        for table in (INTERACTIONS, CASES, MAP):
            spark.sql(f"DELETE FROM {table} WHERE true")

    clear()
    yield
    clear()


def fill(spark: SparkSession, table: str, values: list[dict[str, Any]]) -> None:
    spark.createDataFrame(values, spark.table(table).schema).coalesce(1).writeTo(table).append()


def interaction(event_id: str, received_at: datetime) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_type": "page_viewed",
        "source": "web_events",
        "schema_version": 1,
        "occurred_at": received_at - timedelta(days=9),
        "received_at": received_at,
        "customer_key": "email:00",
        "identifier_keys": ["email:00"],
        "session_start": False,
        "payload": "{}",
    }


def case(case_id: str, opened_at: datetime) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "case_customer_id": "S000001",
        "topic": "delivery",
        "channel": "phone",
        "opened_at": opened_at,
        "loaded_at": NOW,
    }


def enforce(spark: SparkSession, now: datetime) -> dict[str, int]:
    arguments = job.RetentionArguments(environment="dev", snapshot_days=str(SNAPSHOT_DAYS))
    deleted = job.enforce(spark, arguments, now=now)
    assert deleted.keys() == {f"{t.zone}.{t.name}" for t in contracts.load().lake_tables() if t.retention}
    return {table: count for table, count in deleted.items() if count}


def files(spark: SparkSession, table: str, where: str) -> set[str]:
    return {row[0] for row in spark.sql(f"SELECT DISTINCT _file FROM {table} WHERE {where}").collect()}


def there(paths: set[str]) -> set[str]:
    """Return the files that are in their bucket."""
    s3 = boto3.client("s3")
    found = set()
    for path in paths:
        place = urlsplit(path)
        listed = s3.list_objects_v2(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
        found |= {path for _ in listed.get("Contents", [])}
    return found


def test_what_is_older_than_its_contract_says_is_deleted_and_the_rest_stays(spark: SparkSession, rows: Rows) -> None:
    last_kept = start_of(days_before(THREE_YEARS))
    fill(
        spark,
        INTERACTIONS,
        [
            interaction("young", NOW),
            interaction("last", last_kept),
            interaction("just too old", last_kept - timedelta(milliseconds=1)),
            interaction("old", days_before(THREE_YEARS + 400)),
        ],
    )
    fill(spark, CASES, [case("K000001", days_before(THREE_YEARS - 1)), case("K000002", days_before(THREE_YEARS + 1))])
    records = {"person_id": "p_1", "valid_from": days_before(2000), "run_id": "r", "version": 1}
    fill(
        spark,
        MAP,
        [
            {**records, "record_id": "holds", "valid_to": None},
            {**records, "record_id": "ended", "valid_to": days_before(10)},
            {**records, "record_id": "long ended", "valid_to": days_before(THREE_YEARS + 1)},
        ],
    )
    assert enforce(spark, NOW) == {"raw.interactions": 2, "raw.support_cases": 1, "curated.identity_map": 1}
    assert {row["event_id"] for row in rows(Zone.RAW, "interactions")} == {"young", "last"}
    assert {row["case_id"] for row in rows(Zone.RAW, "support_cases")} == {"K000001"}
    assert {row["record_id"] for row in rows(Zone.CURATED, "identity_map")} == {"holds", "ended"}
    assert enforce(spark, NOW) == {}
    # A day later the time of the next has come.
    assert enforce(spark, NOW + timedelta(days=1)) == {"raw.interactions": 1}
    assert {row["event_id"] for row in rows(Zone.RAW, "interactions")} == {"young"}


def test_the_files_stay_as_long_as_the_snapshots_and_then_leave_the_bucket(spark: SparkSession, rows: Rows) -> None:
    """The rows of the cases share a file, which is rewritten; those of the interactions have one by day."""
    old, recent = days_before(THREE_YEARS + 5), days_before(1)
    fill(spark, INTERACTIONS, [interaction("young", recent), interaction("old", old)])
    fill(spark, CASES, [case("K000001", recent), case("K000002", old)])
    held = files(spark, INTERACTIONS, "event_id = 'old'") | files(spark, CASES, "case_id = 'K000002'")
    kept = files(spark, INTERACTIONS, "event_id = 'young'")
    assert there(held) == held
    assert enforce(spark, NOW) == {"raw.interactions": 1, "raw.support_cases": 1}
    assert there(held) == held  # a mistake can still be taken back
    assert enforce(spark, NOW + timedelta(days=SNAPSHOT_DAYS - 1)) == {}
    assert there(held) == held
    assert enforce(spark, datetime.now(UTC) + timedelta(days=SNAPSHOT_DAYS, minutes=1)) == {}
    assert there(held) == set()
    assert there(kept) == kept
    assert [row["event_id"] for row in rows(Zone.RAW, "interactions")] == ["young"]
    assert [row["case_id"] for row in rows(Zone.RAW, "support_cases")] == ["K000001"]
    assert spark.table(f"{CASES}.snapshots").count() == 1


def test_a_deletion_is_no_load(spark: SparkSession) -> None:
    fill(spark, CASES, [case("K000001", days_before(1)), case("K000002", days_before(THREE_YEARS + 5))])
    table = contracts.load().source("support_cases").table
    assert table is not None
    loaded = last_load(spark, table, CASES)
    assert loaded is not None
    assert enforce(spark, NOW) == {"raw.support_cases": 1}
    assert last_load(spark, table, CASES) == loaded


def test_one_table_that_fails_keeps_no_other_from_its_end(
    spark: SparkSession, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(spark, INTERACTIONS, [interaction("old", days_before(THREE_YEARS + 5))])
    fill(spark, CASES, [case("K000002", days_before(THREE_YEARS + 5))])
    really = lake.delete_where

    def locked(session: SparkSession, table: str, where: str) -> None:
        if table == INTERACTIONS:
            raise OSError("locked")
        really(session, table, where)

    monkeypatch.setattr(lake, "delete_where", locked)
    arguments = job.RetentionArguments(environment="dev", snapshot_days=str(SNAPSHOT_DAYS))
    with pytest.raises(job.RetentionError, match=r"1 tables could not be pruned.*raw.interactions: OSError: locked"):
        job.enforce(spark, arguments, now=NOW)
    assert rows(Zone.RAW, "support_cases") == []
    assert len(rows(Zone.RAW, "interactions")) == 1


def test_a_row_is_kept_for_whole_days() -> None:
    moment = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
    assert job.oldest_kept(Retention(days=31, column="x"), moment) == datetime(2026, 2, 28, tzinfo=UTC)
