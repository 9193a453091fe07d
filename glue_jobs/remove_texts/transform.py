"""Which rows of the interactions still have a text that is no longer there: frames in, frames out."""

from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from c360_core.texts import ENDS, EVENT_TYPES, EVENTS, without_text


def outdated_texts(interactions: DataFrame, *, settled: datetime) -> DataFrame:
    """Return source, id and new payload of each row whose text was changed or taken back since.

    The newest event about a text by its own time counts, whatever came first; of two at one time the deletion does. A
    row that is as it should be is not returned, so that a second run changes nothing.

    Args:
        interactions: the table.
        settled: rows that arrived later are left for the next run.
    """
    without = F.udf(without_text, "STRING")
    about = Window.partitionBy("source", "kind", "subject")
    latest = about.orderBy(F.desc("occurred_at"), F.col("event_type").isin(*ENDS).desc(), F.desc("event_id"))
    told = (
        interactions.where(F.col("event_type").isin(*EVENT_TYPES))
        .select("source", "event_id", "event_type", "occurred_at", "received_at", "payload", *_subject())
        .where("subject IS NOT NULL")
        .withColumn("recency", F.row_number().over(latest))
    )
    outdated = told.where((F.col("recency") > 1) | F.col("event_type").isin(*ENDS)).where(
        F.col("received_at") < F.lit(settled)
    )
    return (
        outdated.withColumn("left", without("event_type", "payload"))
        .where("payload <> left")
        .select("source", "event_id", F.col("left").alias("payload"))
    )


def _subject() -> tuple[Column, Column]:
    """Return which kind of text an event is about, and which one."""
    kinds, subjects = [], []
    for field, events in EVENTS.items():
        is_about = F.col("event_type").isin(*events)
        kinds.append(F.when(is_about, F.lit(field)))
        subjects.append(F.when(is_about, F.get_json_object("payload", f"$.{field}")))
    return F.coalesce(*kinds).alias("kind"), F.coalesce(*subjects).alias("subject")
