"""Texts that people changed or took back leave the interactions in the lake; everything else stays as it is."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from c360_core.names import Zone
from glue_jobs.remove_texts import main as job
from glue_jobs.shared import lake

Rows = Callable[..., list[dict[str, Any]]]
TABLE = lake.table_name("dev", Zone.RAW, "interactions")
START = datetime(2026, 3, 1, 9, tzinfo=UTC)
SAID: dict[str, Any] = {"product_id": "1029743", "rating": 2, "text": "It leaks.", "title": "Ada writes"}


@pytest.fixture
def interactions(spark: SparkSession) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Empty the table, and give a function that fills it."""
    spark.sql(f"DELETE FROM {TABLE} WHERE true")  # our own name
    yield lambda values: spark.createDataFrame(values, spark.table(TABLE).schema).writeTo(TABLE).append()
    spark.sql(f"DELETE FROM {TABLE} WHERE true")


def told(
    event_id: str, event_type: str, minute: int, source: str = "product_reviews", **payload: Any
) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "event_type": event_type,
        "source": source,
        "schema_version": 1,
        "occurred_at": START + timedelta(minutes=minute),
        "received_at": START + timedelta(minutes=minute),
        "customer_key": "email:00",
        "identifier_keys": ["email:00"],
        "session_start": False,
        "payload": json.dumps(payload, separators=(",", ":")),
    }


def payloads(rows: Rows) -> dict[str, dict[str, Any]]:
    return {row["event_id"]: json.loads(row["payload"]) for row in rows(Zone.RAW, "interactions")}


def removed(spark: SparkSession, minutes: int = 60) -> int:
    return job.run(spark, job.RemoveArguments(environment="dev", settled_minutes=str(minutes)))


def test_a_deleted_review_has_no_text_and_an_edited_one_its_newest(
    spark: SparkSession, interactions: Callable[..., None], rows: Rows
) -> None:
    newest: dict[str, Any] = {"review_id": "r-2", **SAID, "text": "It leaks no more."}
    kept = [
        told("edited", "review_edited", 2, **newest),
        told("alone", "review_posted", 1, review_id="r-3", **SAID),
        told("other source", "review_posted", 1, source="web_events", review_id="r-1", **SAID),
        told("without an id", "review_posted", 1, source="web_events", **SAID),
        told("again", "review_posted", 9, review_id="r-4", **SAID),
        told("order", "order_placed", 1, source="web_events", review_id="r-1", total="1.00", text="leave it"),
        told("mention", "brand_mentioned", 1, mention_id="r-1", network="chirper", text="Love it."),
    ]
    gone = [
        told("first", "review_posted", 0, review_id="r-1", **SAID),
        told("second", "review_edited", 1, review_id="r-1", **SAID),
        told("deletion", "review_deleted", 3, review_id="r-1", reason="by its author", note="Ada moved to Paris"),
        told("before", "review_posted", 0, review_id="r-2", **SAID),
        told("brought back later", "review_posted", 0, review_id="r-4", **SAID),
        told("deleted once", "review_deleted", 5, review_id="r-4"),
        # It came late, and is from before the deletion.
        told("late", "review_edited", 2, review_id="r-1", **SAID),
        told("post", "brand_mentioned", 0, mention_id="n-2", network="chirper", text="Hate it.", url="https://x/1"),
        told("post gone", "mention_deleted", 0, mention_id="n-2"),
    ]
    interactions([*kept, *gone])

    assert removed(spark) == 7
    after = payloads(rows)
    assert {event["event_id"]: json.loads(event["payload"]) for event in kept}.items() <= after.items()
    assert (
        after["first"] == after["second"] == after["late"] == {"review_id": "r-1", "product_id": "1029743", "rating": 2}
    )
    assert after["deletion"] == {"review_id": "r-1", "reason": "by its author"}
    assert after["post"] == {"mention_id": "n-2", "network": "chirper"}
    assert "text" not in after["before"] | after["brought back later"]
    assert len(after) == len(kept) + len(gone)
    assert removed(spark) == 0


def test_what_has_just_arrived_is_left_for_the_next_run(
    spark: SparkSession, interactions: Callable[..., None], rows: Rows
) -> None:
    now = datetime.now(UTC)
    posted = told("first", "review_posted", 0, review_id="r-1", **SAID) | {"received_at": now - timedelta(minutes=5)}
    interactions([posted, told("deletion", "review_deleted", 3, review_id="r-1")])

    assert removed(spark, minutes=60) == 0
    assert removed(spark, minutes=1) == 1
    assert "text" not in payloads(rows)["first"]
