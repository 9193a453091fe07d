"""What the flows of vendors land becomes rows and interactions, on real Spark and Iceberg: every source, no code."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import boto3
import pytest
from pyspark.sql import SparkSession

from c360_core import contracts
from c360_core import landing as landed
from c360_core.names import Zone
from glue_jobs.identity_prepare import transform
from glue_jobs.ingest_files.main import IngestArguments, ingest
from glue_jobs.shared import lake
from tests.factories import vendors

NOW: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
STREAM: Final = "c360-dev-events"
ARGUMENTS: Final = IngestArguments(
    environment="dev",
    events_stream=STREAM,
    quarantine_bucket="test-quarantine",
    results_bucket="test-results",
    manifest="ingestion/files-test.json",
)
# What each vendor holds, and the events that it means.
HELD: Final[dict[str, tuple[list[dict[str, Any]], dict[str, int]]]] = {
    "salesforce_contacts": ([vendors.contact(1), vendors.contact(2)], {"consent_changed": 1}),
    "salesforce_cases": ([vendors.case(1), vendors.case(2)], {"case_opened": 2, "case_closed": 1}),
    "sap_business_partners": ([vendors.partner(1), vendors.partner(2)], {"identified": 2}),
    "sap_sales_orders": ([vendors.sales_order(1), vendors.sales_order(2)], {"order_placed": 2, "order_returned": 1}),
    "marketo_leads": ([vendors.lead(1), vendors.lead(2)], {"consent_changed": 1}),
    "marketo_activities": (
        [vendors.activity(1, 1), vendors.activity(2, 10), vendors.activity(3, 11)],
        {"page_viewed": 1, "message_opened": 1, "message_clicked": 1},
    ),
    "ga4_sessions": ([dict(vendors.session(1)), dict(vendors.session(2))], {"page_viewed": 2}),
}


@pytest.fixture
def stream() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Give a function that reads all events."""
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)

    def read() -> list[dict[str, Any]]:
        shard = kinesis.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
        start = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        found = kinesis.get_records(ShardIterator=start["ShardIterator"], Limit=1000)["Records"]
        return [json.loads(record["Data"]) for record in found]

    yield read
    kinesis.delete_stream(StreamName=STREAM)


def lines(source: str, records: list[dict[str, Any]]) -> str:
    """Write records as the flow of a source does: the contract's names, and nothing where there is no value."""
    fields = contracts.load().source(source).server.saas
    assert fields is not None
    written = [
        {column: plain(record[field]) for column, field in fields.fields.items() if record[field] not in {None, ""}}
        for record in records
    ]
    return "".join(json.dumps(record) + "\n" for record in written)


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def land(spark: SparkSession, source: str, text: str) -> Any:
    key = f"{source}/c360-dev-{source}/an-execution/2026-03-02T12-00-00-part"
    boto3.client("s3").put_object(Bucket="test-landing", Key=key, Body=text.encode())
    file = landed.LandedFile(bucket="test-landing", key=key, landed_at=NOW.isoformat(), size=len(text))
    return ingest(spark, file, ARGUMENTS, run_id="jr_1", now=NOW)


@pytest.mark.parametrize("source", HELD)
def test_what_a_flow_lands_becomes_rows_and_the_events_of_its_contract(
    spark: SparkSession, stream: Callable[[], list[dict[str, Any]]], rows: Callable[..., Any], source: str
) -> None:
    records, events = HELD[source]
    counts = land(spark, source, lines(source, records))

    assert counts == {
        "received": len(records), "loaded": len(records), "rejected": 0, "published": sum(events.values()),
    }  # fmt: skip
    assert Counter(event["event_type"] for event in stream()) == events
    assert all(event["identifiers"] for event in stream())
    assert len(rows(Zone.RAW, source)) == len(records)

    again = land(spark, source, lines(source, records))
    assert (again["loaded"], again["rejected"]) == (len(records), 0)
    assert len(rows(Zone.RAW, source)) == len(records)
    assert len({event["event_id"] for event in stream()}) == sum(events.values())


def test_every_source_of_a_flow_is_held_here() -> None:
    assert sorted(HELD) == sorted(source.name for source, _ in contracts.load().saas_sources())


def test_contacts_leads_and_partners_become_identity_records(
    spark: SparkSession, stream: Callable[[], list[dict[str, Any]]]
) -> None:
    assert stream() == []
    for name in ("salesforce_contacts", "sap_business_partners", "marketo_leads"):
        land(spark, name, lines(name, HELD[name][0]))
        source = contracts.load().source(name)
        assert source.table is not None
        raw = lake.current(spark, lake.table_name("dev", Zone.RAW, name))
        found = {row["key"]: row for row in transform.file_rows(raw, source, source.table).collect()}
        assert len(found) == 2
        assert all(row["email"] and row["last_name"] and row["updated_at"] for row in found.values())
    assert {row["cookie_id"] for row in found.values()} == {"1", "2"}  # by which activities find the lead
