"""Glue job: put the interactions of past days on the stream `interactions` again, as history.

Arguments: environment, progress_table, interactions_stream, share_percent, settled_minutes and remembered_days from the
template; backfill_id, source, first_day, last_day and mode (`count` or `send`) for the run.

Interactions go hour by hour of their arrival. An hour is done when the stream has taken all of it; only then is it
noted, so that a run that is killed is repeated from there and skips nothing. What arrives twice is dropped by its id.
"""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from pyspark.sql import DataFrame, SparkSession

from c360_core import contracts
from c360_core.backfill import BackfillMode, Span, left
from c360_core.names import TableName, Zone
from glue_jobs.backfill import transform
from glue_jobs.backfill.progress import Progress
from glue_jobs.shared import lake, runtime, streams

LOG = logging.getLogger("backfill")
# What a shard takes in a second.
SHARD_RECORDS: Final = 1000
SHARD_BYTES: Final = 1024 * 1024
# More tasks at once than this would each send too slowly to be worth their requests.
MOST_WRITERS: Final = 16
# A stream that is busy with live traffic may refuse a record for minutes.
ATTEMPTS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillArguments:
    """Arguments from the template and of the run."""

    environment: str
    progress_table: str
    interactions_stream: str
    share_percent: str
    settled_minutes: str
    remembered_days: str
    backfill_id: str
    source: str
    first_day: str
    last_day: str
    mode: str

    @property
    def span(self) -> Span:
        """Return which interactions it is about."""
        first, last = date.fromisoformat(self.first_day), date.fromisoformat(self.last_day)
        return Span(source=self.source, first=first, last=last)


def run(spark: SparkSession, arguments: BackfillArguments, *, run_id: str) -> dict[str, int]:
    """Count or send; return the counts: what there is, and what this run sent.

    Raises:
        BackfillRefusedError: the days would not have one effect.
        UnknownContractError: no contract has the source.
        StreamWriteError: the stream refused a record in every attempt; run it again.
    """
    now, span = datetime.now(UTC), arguments.span
    contracts.load().source(span.source)
    span.check(today=now.date(), remembered_days=int(arguments.remembered_days))
    progress = Progress(table=arguments.progress_table, backfill_id=arguments.backfill_id)
    settled = now - timedelta(minutes=int(arguments.settled_minutes))
    end = progress.begin(span, settled=settled, run_id=run_id)
    table = lake.table_name(arguments.environment, Zone.RAW, TableName.INTERACTIONS)
    rows = transform.chosen(lake.current(spark, table), span.source, start=span.start, end=end)
    hours = transform.hours(rows)
    progress.found(sum(hour.records for hour in hours))
    counts = {"records": sum(hour.records for hour in hours), "sent": 0}
    if BackfillMode(arguments.mode) is BackfillMode.COUNT:
        return counts
    form = contracts.load().product(TableName.INTERACTIONS).table
    for hour in left(hours, progress.read().get("done")):
        records = transform.records(transform.of_hour(rows, hour), form, backfill_id=arguments.backfill_id)
        _send(records, arguments)
        progress.done(hour, run_id=run_id)
        counts["sent"] += hour.records
        LOG.info("%s: the hour %s has arrived, with %d records", arguments.backfill_id, hour.name, hour.records)
    progress.complete()
    return counts


def _send(records: DataFrame, arguments: BackfillArguments) -> None:
    """Send records at the share of what the stream takes, whatever its number of shards is by now."""
    stream = arguments.interactions_stream
    shards = streams.capacity_of(stream)
    writers = min(shards, MOST_WRITERS)
    share = int(arguments.share_percent) / 100 * shards / writers
    rate = streams.Rate(records=share * SHARD_RECORDS, size=share * SHARD_BYTES)
    # By key, so that no two writers send records of one customer.
    streams.send(records.repartition(writers, "partition_key"), stream, rate=rate, attempts=ATTEMPTS)


def main() -> None:
    """Read the arguments, fill again, log the counts."""
    runtime.start_logging("backfill")
    arguments = runtime.read_arguments(BackfillArguments)
    counts = run(runtime.spark_session(), arguments, run_id=runtime.glue_run_id())
    LOG.info("%s: %s", arguments.backfill_id, json.dumps(counts))


if __name__ == "__main__":
    main()
