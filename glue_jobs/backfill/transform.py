"""Interactions of the lake as records of their stream: frames in, frames out."""

from datetime import UTC, datetime, timedelta
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from c360_core.backfill import Hour
from c360_core.contracts import Table

TIMES: Final = "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'"


def chosen(interactions: DataFrame, source: str, *, start: datetime, end: datetime) -> DataFrame:
    """Return the interactions of a source that arrived from `start` on and before `end`."""
    at = F.col("received_at")
    return interactions.where((F.col("source") == source) & (at >= F.lit(start)) & (at < F.lit(end)))


def hours(interactions: DataFrame) -> list[Hour]:
    """Count what arrived in each hour, in order; hours without anything are left out."""
    hour = F.unix_seconds(F.date_trunc("hour", "received_at")).alias("hour")
    rows = interactions.groupBy(hour).count().orderBy("hour").collect()
    return [Hour(start=datetime.fromtimestamp(row["hour"], tz=UTC), records=row["count"]) for row in rows]


def of_hour(interactions: DataFrame, hour: Hour) -> DataFrame:
    """Return what arrived in an hour."""
    at = F.col("received_at")
    return interactions.where((at >= F.lit(hour.start)) & (at < F.lit(hour.start + timedelta(hours=1))))


def records(interactions: DataFrame, table: Table, *, backfill_id: str) -> DataFrame:
    """Return `partition_key` and `data`: each interaction as `clean` wrote it, with the backfill's id as history.

    Args:
        interactions: rows of the lake.
        table: the contract's table; columns of the lake alone stay there.
        backfill_id: the `replay_id` of all records.
    """
    columns = [
        (F.lit(backfill_id) if field.name == "replay_id" else F.col(field.name)).alias(field.name)
        for field in table.fields
        if not field.lake_only
    ]
    document = F.to_json(F.struct(*columns), {"timestampFormat": TIMES, "timeZone": "UTC"})
    return interactions.select(F.col("customer_key").alias("partition_key"), document.alias("data"))
