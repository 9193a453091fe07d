"""Tables at rest: each planted fault breaks exactly the rules that it has to break, and no other table's."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from c360_core.names import QUALITY_EVENT, QUALITY_METRIC, Zone
from glue_jobs.check_tables import main as job
from glue_jobs.shared import aws, lake

INTERACTIONS = lake.table_name("dev", Zone.RAW, "interactions")
CONTACTS = lake.table_name("dev", Zone.RAW, "crm_contacts")
RESULTS = lake.table_name("dev", Zone.PRODUCTS, "quality_results")
START = datetime(2026, 3, 2, 3, tzinfo=UTC)
ROWS_A_DAY = 150


@dataclass
class Told:
    """What a run says to other services."""

    events: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # boto3's name
        assert len(Entries) <= 10
        self.events += Entries
        return {"FailedEntryCount": 0, "Entries": []}

    def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:  # noqa: N803  # boto3's names
        assert Namespace == "Customer360"
        self.metrics += MetricData


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    recorder = Told()
    monkeypatch.setattr(aws, "client", lambda _service: recorder)
    return recorder


@pytest.fixture(autouse=True)
def empty(spark: SparkSession) -> Iterator[None]:
    def clear() -> None:
        for table in (INTERACTIONS, CONTACTS, RESULTS):
            spark.sql(f"DELETE FROM {table} WHERE true")

    clear()
    yield
    clear()


def add_interactions(spark: SparkSession, day: int, count: int = ROWS_A_DAY, **changes: Any) -> None:
    """Add a day's interactions; every third has a session."""
    rows = [
        {
            "event_id": f"e-{day}-{number}",
            "event_type": "page_viewed",
            "source": "web_events",
            "schema_version": 1,
            "occurred_at": START + timedelta(days=day - 1, hours=2),
            "received_at": START + timedelta(days=day - 1, hours=2),
            "customer_key": "email:00",
            "identifier_keys": ["email:00"],
            "session_id": None if number % 3 else f"s-{number}",
            "session_start": False,
            "payload": "{}",
            **changes,
        }
        for number in range(count)
    ]
    spark.createDataFrame(rows, spark.table(INTERACTIONS).schema).coalesce(1).writeTo(INTERACTIONS).append()


def check(spark: SparkSession, day: int, tables: str = "raw.interactions") -> dict[str, job.Verdict]:
    arguments = job.CheckArguments(environment="dev", event_bus="bus", tables=tables, window_days="1")
    verdicts = job.check_all(spark, arguments, run_id=f"run-{day}", now=START + timedelta(days=day))
    return {verdict.dataset: verdict for verdict in verdicts}


def broken(verdict: job.Verdict) -> set[str]:
    return {str(rule.rule) for rule in verdict.failures}


def days_of_history(spark: SparkSession, days: int) -> None:
    for day in range(1, days + 1):
        add_interactions(spark, day)
        assert broken(check(spark, day)["raw.interactions"]) == set()


def test_a_table_as_its_contract_wants_it_breaks_nothing_and_first_learns(
    spark: SparkSession, told: Told, rows: Callable[..., list[dict[str, Any]]]
) -> None:
    days_of_history(spark, 4)
    kept = rows(Zone.PRODUCTS, "quality_results", "kind = 'volume'")
    of_days = [
        (row["run_id"], row["outcome"], row["measured"], row["rule"])
        for row in sorted(kept, key=lambda row: row["run_id"])
    ]
    assert of_days == [
        *[(f"run-{day}", "learning", ROWS_A_DAY, None) for day in (1, 2, 3)],
        ("run-4", "passed", ROWS_A_DAY, f"RowCount >= {ROWS_A_DAY // 2}"),
    ]
    shares = rows(Zone.PRODUCTS, "quality_results", "run_id = 'run-4' AND column_name = 'session_id'")
    assert [(f"{row['measured']:.6f}", row["rule"]) for row in shares] == [
        ("0.666667", 'Completeness "session_id" >= 0.1333')
    ]
    outcomes = [json.loads(event["Detail"])["outcome"] for event in told.events]
    assert outcomes == ["passed"] * 4
    assert {(event["DetailType"], event["EventBusName"]) for event in told.events} == {(QUALITY_EVENT, "bus")}
    assert [metric["Value"] for metric in told.metrics] == [0] * 4


def test_each_planted_fault_breaks_the_rules_of_its_own(spark: SparkSession, told: Told) -> None:
    days_of_history(spark, 3)
    add_interactions(spark, 4, count=ROWS_A_DAY - 4, customer_key="email:01")
    add_interactions(spark, 4, count=1, event_id="no key", customer_key=None)
    add_interactions(spark, 4, count=1, event_id="no list", identifier_keys=None)
    add_interactions(spark, 4, count=1, event_id="unknown", event_type="page_burnt")
    add_interactions(spark, 4, count=1)  # an id that is there already, of the same source
    add_interactions(spark, 4, count=1, source="pos_transactions")  # and of another one, which is none of its business
    verdict = check(spark, 4)["raw.interactions"]
    assert {rule.split(" [", 1)[0] for rule in broken(verdict)} == {
        'IsComplete "customer_key"',
        'IsComplete "identifier_keys"',
        'ColumnValues "event_type" in',
        'IsPrimaryKey "event_id" "source"',
    }
    assert told.metrics[-1] == {
        "MetricName": QUALITY_METRIC,
        "Dimensions": [{"Name": "Environment", "Value": "dev"}, {"Name": "Dataset", "Value": "raw.interactions"}],
        "Timestamp": START + timedelta(days=4),
        "Value": 4,
        "Unit": "Count",
    }


def test_fewer_rows_more_empty_values_and_old_data_break_what_is_usual(spark: SparkSession, told: Told) -> None:
    days_of_history(spark, 3)
    add_interactions(spark, 4, count=ROWS_A_DAY // 2 - 1, session_id=None)
    fewer = check(spark, 4)["raw.interactions"]
    assert broken(fewer) == {f"RowCount >= {ROWS_A_DAY // 2}", 'Completeness "session_id" >= 0.1333'}
    # A day later there is nothing new. What failed is no example of what is usual.
    nothing = check(spark, 5)["raw.interactions"]
    assert broken(nothing) == {f"RowCount >= {ROWS_A_DAY // 2}", "the newest data is at most 34.0 hours old"}
    add_interactions(spark, 6)
    assert check(spark, 6)["raw.interactions"].outcome == "recovered"
    assert [json.loads(event["Detail"])["outcome"] for event in told.events][-3:] == ["failed", "failed", "recovered"]


def test_a_table_of_a_file_is_as_old_as_its_last_load_even_if_that_changed_nothing(
    spark: SparkSession, told: Told
) -> None:
    contact = {
        "crm_id": "C000001",
        "created_at": START,
        "updated_at": START,
        "loaded_at": START,
    }
    frame = spark.createDataFrame([contact], spark.table(CONTACTS).schema)
    lake.upsert(frame, CONTACTS, ["crm_id"], newer="updated_at", ignore=["loaded_at"])
    before = spark.table(f"{CONTACTS}.snapshots").count()
    lake.upsert(frame, CONTACTS, ["crm_id"], newer="updated_at", ignore=["loaded_at"])
    [table] = job.asked("raw.crm_contacts")
    loaded = job.last_load(spark, table, CONTACTS)
    assert loaded is not None
    snapshots = spark.table(f"{CONTACTS}.snapshots").orderBy("committed_at").collect()
    assert len(snapshots) == before + 1
    assert loaded == snapshots[-1]["committed_at"]
    arguments = job.CheckArguments(environment="dev", event_bus="bus", tables="raw.crm_contacts")

    def verdict(hours: float) -> job.Verdict:
        now = loaded.replace(tzinfo=UTC) + timedelta(hours=hours)
        return job.check_all(spark, arguments, run_id=f"after {hours}", now=now)[0]

    assert broken(verdict(35.9)) == set()
    assert broken(verdict(36.1)) == {"the newest data is at most 36.0 hours old"}
    assert {event["DetailType"] for event in told.events} == {QUALITY_EVENT}


def test_one_table_that_cannot_be_read_keeps_no_other_from_its_check(
    spark: SparkSession, told: Told, rows: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_interactions(spark, 1)
    really = lake.current

    def gone(session: SparkSession, table: str) -> Any:
        if table == CONTACTS:
            raise OSError("gone")
        return really(session, table)

    monkeypatch.setattr(lake, "current", gone)
    with pytest.raises(job.CheckError, match=r"1 tables could not be checked.*raw\.crm_contacts: OSError: gone"):
        check(spark, 1, "raw.crm_contacts,raw.interactions")
    assert {row["table_name"] for row in rows(Zone.PRODUCTS, "quality_results")} == {"interactions"}
    assert [json.loads(event["Detail"])["dataset"] for event in told.events] == ["raw.interactions"]


def test_only_tables_that_are_checked_can_be_asked_for() -> None:
    assert [table.name for table in job.asked("raw.interactions, curated.profiles")] == ["interactions", "profiles"]
    assert {table.zone for table in job.asked("all")} == {Zone.RAW, Zone.CURATED}
    with pytest.raises(job.UnknownTableError, match=r"products\.rfm: not checked"):
        job.asked("raw.interactions,products.rfm")
