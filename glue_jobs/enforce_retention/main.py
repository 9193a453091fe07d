"""Glue job: delete the rows that are older than the retention of their contract, and the files that still hold them.

Arguments: environment; snapshot_days: so long a table can still be read as it was, and its files keep what it was.

A row is kept for whole days: it goes with the day (UTC) in which its time has come. Rows without a time stay. What is
deleted is not in the table from then on, and not in the bucket once its snapshot has expired: the job expires the
snapshots itself, because AWS's optimizer keeps a number of them whatever their age, and a table that changes rarely
would keep its deleted rows for years. The bucket's lifecycle then removes the earlier versions of the objects.

A run that is repeated changes nothing.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pyspark.sql import SparkSession

from c360_core import contracts
from c360_core.contracts import Retention, Table
from glue_jobs.shared import lake, runtime

LOG = logging.getLogger("enforce_retention")
MAX_FAILURE_LENGTH: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionArguments:
    """Arguments from the template."""

    environment: str
    snapshot_days: str


class RetentionError(RuntimeError):
    """Some tables could not be pruned, the others were; the message lists them with their reasons."""


def enforce(spark: SparkSession, arguments: RetentionArguments, *, now: datetime) -> Mapping[str, int]:
    """Prune every table whose contract has a retention; return how many rows were deleted, by table.

    Raises:
        RetentionError: some tables failed; raised after all were tried.
    """
    deleted: dict[str, int] = {}
    failed: dict[str, str] = {}
    expired_before = now - timedelta(days=int(arguments.snapshot_days))
    for table in contracts.load().lake_tables():
        if table.retention is None:
            continue
        dataset = f"{table.zone}.{table.name}"
        try:
            deleted[dataset] = _prune(spark, arguments.environment, table, table.retention, now)
            lake.expire_snapshots(
                spark, lake.table_name(arguments.environment, table.zone, table.name), older_than=expired_before
            )
        except Exception as error:  # no table may keep another's rows alive
            LOG.exception("%s could not be pruned", dataset)
            failed[dataset] = f"{type(error).__name__}: {str(error)[:MAX_FAILURE_LENGTH]}"
    LOG.info("deleted rows: %s", deleted)
    if failed:
        listed = "; ".join(f"{dataset}: {reason}" for dataset, reason in failed.items())
        raise RetentionError(f"{len(failed)} tables could not be pruned, the others were. {listed}")
    return deleted


def oldest_kept(retention: Retention, now: datetime) -> datetime:
    """Return the beginning of the first day whose rows are kept; a whole day goes without a file being rewritten."""
    return (now - timedelta(days=retention.days)).replace(hour=0, minute=0, second=0, microsecond=0)


def _prune(spark: SparkSession, environment: str, table: Table, retention: Retention, now: datetime) -> int:
    name = lake.table_name(environment, table.zone, table.name)
    moment = oldest_kept(retention, now).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")
    where = f"`{retention.column}` < TIMESTAMP '{moment}'"
    count = int(lake.current(spark, name).where(where).count())
    if count:
        lake.delete_where(spark, name, where)
    return count


def main() -> None:
    """Read the arguments and prune the tables."""
    runtime.start_logging("enforce_retention")
    enforce(runtime.spark_session(), runtime.read_arguments(RetentionArguments), now=datetime.now(UTC))


if __name__ == "__main__":
    main()
