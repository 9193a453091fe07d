"""Past interactions go on their stream again: all of them, as history, once more after a death, and no faster."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from c360_core.backfill import KEY, BackfillRefusedError, Span
from c360_core.names import Zone
from glue_jobs.backfill import main as job
from glue_jobs.backfill.progress import Progress
from glue_jobs.shared import aws, lake, streams

TABLE = lake.table_name("dev", Zone.RAW, "interactions")
STREAM, PROGRESS = "test-backfill", "test-backfill-progress"
NOON = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
SPAN = Span(source="web_events", first=NOON.date(), last=NOON.date())
ID = SPAN.identifier()
Fill = Callable[[list[dict[str, Any]]], None]


def interaction(number: int, hour: int = 0, **values: Any) -> dict[str, Any]:
    at = NOON + timedelta(hours=hour, minutes=number % 60, milliseconds=120)
    return {
        "event_id": f"e-{number}",
        "event_type": "order_placed",
        "source": "web_events",
        "schema_version": 1,
        "occurred_at": at - timedelta(days=30),
        "received_at": at,
        "customer_key": f"email:{number % 7:032x}",
        "identifier_keys": [f"email:{number % 7:032x}"],
        "session_id": None,
        "session_start": False,
        "order_id": f"o-{number}",
        "amount": Decimal("12.30"),
        "currency": "USD",
        "payload": json.dumps({"order_id": f"o-{number}", "total": "12.30"}),
        "identifiers": json.dumps({"email": [f"{number}@example.com"]}),
        **values,
    }


@pytest.fixture(scope="module", autouse=True)
def progress_table(emulator: str) -> None:
    boto3.client("dynamodb", endpoint_url=emulator).create_table(
        TableName=PROGRESS,
        KeySchema=[{"AttributeName": KEY, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": KEY, "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def fill(spark: SparkSession, emulator: str) -> Iterator[Fill]:
    """Empty the table, the progress and the stream, and give a function that fills the table."""
    spark.sql(f"DELETE FROM {TABLE} WHERE true")  # our own name
    kinesis = boto3.client("kinesis", endpoint_url=emulator)
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    boto3.client("dynamodb", endpoint_url=emulator).delete_item(TableName=PROGRESS, Key={KEY: {"S": ID}})
    yield lambda rows: spark.createDataFrame(rows, spark.table(TABLE).schema).writeTo(TABLE).append()
    kinesis.delete_stream(StreamName=STREAM)
    spark.sql(f"DELETE FROM {TABLE} WHERE true")


def arguments(**values: str) -> job.BackfillArguments:
    given = {
        "environment": "dev", "progress_table": PROGRESS, "interactions_stream": STREAM, "share_percent": "100",
        "settled_minutes": "60", "remembered_days": "400", "backfill_id": ID, "source": "web_events",
        "first_day": NOON.date().isoformat(), "last_day": NOON.date().isoformat(), "mode": "send",
    }  # fmt: skip
    return job.BackfillArguments(**{**given, **values})


def on_the_stream(emulator: str) -> list[dict[str, Any]]:
    kinesis = boto3.client("kinesis", endpoint_url=emulator)
    shard = kinesis.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
    position = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    found, iterator = [], position["ShardIterator"]
    while answer := kinesis.get_records(ShardIterator=iterator, Limit=1000):
        found += [{**json.loads(each["Data"]), "key": each["PartitionKey"]} for each in answer["Records"]]
        iterator = answer["NextShardIterator"]
        if not answer["Records"]:
            break
    return found


def test_a_record_is_the_one_that_clean_wrote_but_for_its_mark(spark: SparkSession, emulator: str, fill: Fill) -> None:
    fill([interaction(1, replay_id="of an old file")])

    assert job.run(spark, arguments(), run_id="run") == {"records": 1, "sent": 1}

    at = NOON + timedelta(minutes=1)
    assert on_the_stream(emulator) == [
        {
            "key": f"email:{1:032x}",
            "event_id": "e-1", "event_type": "order_placed", "source": "web_events", "schema_version": 1,
            "occurred_at": f"{at - timedelta(days=30):%Y-%m-%dT%H:%M:%S}.120Z",
            "received_at": f"{at:%Y-%m-%dT%H:%M:%S}.120Z",
            "replay_id": ID, "customer_key": f"email:{1:032x}", "identifier_keys": [f"email:{1:032x}"],
            "session_start": False, "order_id": "o-1", "amount": 12.30, "currency": "USD",
            "payload": '{"order_id": "o-1", "total": "12.30"}',
        }
    ]  # fmt: skip


def test_the_days_and_the_source_alone_are_sent(spark: SparkSession, emulator: str, fill: Fill) -> None:
    fill(
        [
            interaction(1, -13, event_id="the day before"),
            interaction(0, -12, event_id="its first"),
            interaction(59, 11, event_id="its last"),
            interaction(0, 12, event_id="the day after"),
            interaction(2, source="pos_transactions", event_id="of another source"),
        ]
    )

    job.run(spark, arguments(), run_id="run")

    assert sorted(each["event_id"] for each in on_the_stream(emulator)) == ["its first", "its last"]


def test_counting_sends_nothing(spark: SparkSession, emulator: str, fill: Fill) -> None:
    fill([interaction(number, number % 3) for number in range(9)])

    assert job.run(spark, arguments(mode="count"), run_id="run") == {"records": 9, "sent": 0}

    assert on_the_stream(emulator) == []
    assert int(Progress(table=PROGRESS, backfill_id=ID).read()["records"]) == 9


class KilledError(Exception):
    """The job ended here."""


@pytest.mark.parametrize("sent_before", [True, False], ids=["after the hour was sent", "before it was sent"])
def test_a_killed_run_goes_on_and_skips_nothing(
    spark: SparkSession, emulator: str, fill: Fill, monkeypatch: pytest.MonkeyPatch, sent_before: bool
) -> None:
    fill([interaction(number, number % 4) for number in range(40)])
    send, hours = streams.send, []

    def dying(*given: Any, **named: Any) -> None:
        hours.append(len(hours))
        if len(hours) == 3 and not sent_before:
            raise KilledError
        send(*given, **named)
        if len(hours) == 3:
            raise KilledError

    monkeypatch.setattr(streams, "send", dying)
    with pytest.raises(KilledError):
        job.run(spark, arguments(), run_id="first")
    progress = Progress(table=PROGRESS, backfill_id=ID)
    assert int(progress.read()["sent"]) == 20
    monkeypatch.setattr(streams, "send", send)

    assert job.run(spark, arguments(), run_id="second") == {"records": 40, "sent": 20}

    counts = Counter(each["event_id"] for each in on_the_stream(emulator))
    assert set(counts) == {f"e-{number}" for number in range(40)}
    twice = {f"e-{number}" for number in range(40) if number % 4 == 2} if sent_before else set()
    assert {event for event, count in counts.items() if count == 2} == twice
    held = progress.read()
    assert (int(held["sent"]), int(held["records"]), "completed_at" in held) == (40, 40, True)
    assert job.run(spark, arguments(), run_id="third") == {"records": 40, "sent": 0}
    assert len(on_the_stream(emulator)) == sum(counts.values())


def test_what_belongs_to_it_is_decided_by_the_first_run(spark: SparkSession, fill: Fill) -> None:
    now = datetime.now(UTC)
    today = {"first_day": now.date().isoformat(), "last_day": now.date().isoformat()}
    fill([interaction(1, received_at=now - timedelta(seconds=1))])

    assert job.run(spark, arguments(**today, settled_minutes="60"), run_id="first")["records"] == 0
    assert job.run(spark, arguments(**today, settled_minutes="0"), run_id="second")["records"] == 0


def test_progress_only_moves_forward(fill: Fill) -> None:  # which empties it
    progress = Progress(table=PROGRESS, backfill_id=ID)
    progress.begin(SPAN, settled=datetime.now(UTC), run_id="run")
    first, second = (job.transform.Hour(start=NOON + timedelta(hours=hour), records=5) for hour in (1, 2))

    assert progress.done(second, run_id="run")
    assert not progress.done(first, run_id="run")
    assert not progress.done(second, run_id="run")
    assert (progress.read()["done"], int(progress.read()["sent"])) == (second.name, 5)


def test_it_keeps_its_share_of_the_stream(spark: SparkSession, emulator: str, fill: Fill) -> None:
    fill([interaction(number, customer_key=f"email:{number:032x}") for number in range(60)])
    before = time.monotonic()

    job.run(spark, arguments(share_percent="1"), run_id="run")

    # One per cent of a shard is ten records a second, and the first ten go at once.
    assert time.monotonic() - before > 4.5
    assert len(on_the_stream(emulator)) == 60


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"first_day": "2020-01-01"}, "would count twice.*rebuild profiles"),
        ({"last_day": "2999-01-01"}, "has not come"),
        ({"first_day": NOON.date().isoformat(), "last_day": "2026-01-01"}, "exchange them"),
    ],
)
def test_days_that_would_not_have_one_effect_are_refused(
    spark: SparkSession, values: dict[str, str], complaint: str
) -> None:
    with pytest.raises(BackfillRefusedError, match=complaint):
        job.run(spark, arguments(**values), run_id="run")


def test_a_stream_that_is_not_there_fails_the_run_and_its_hour_is_not_done(spark: SparkSession, fill: Fill) -> None:
    fill([interaction(1)])
    with pytest.raises(aws.client("kinesis").exceptions.ResourceNotFoundException):
        job.run(spark, arguments(interactions_stream="gone"), run_id="run")
    assert "done" not in Progress(table=PROGRESS, backfill_id=ID).read()
