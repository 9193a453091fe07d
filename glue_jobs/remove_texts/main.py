"""Glue job: remove texts that people changed or took back from raw.interactions.

Arguments: environment, and settled_minutes: rows that arrived so short a time ago are left for the next run, because
`clean` appends to the table all the time, and a commit must not meet one of its own.

A run that is repeated changes nothing. The files of older snapshots keep the texts until the table's upkeep removes
those.
"""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pyspark.sql import SparkSession

from c360_core.names import TableName, Zone
from c360_core.texts import EVENT_TYPES
from glue_jobs.remove_texts import transform
from glue_jobs.shared import lake, runtime

LOG = logging.getLogger("remove_texts")
SETTLED_MINUTES: Final = "60"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveArguments:
    """Arguments from the template."""

    environment: str
    settled_minutes: str = SETTLED_MINUTES


def run(spark: SparkSession, arguments: RemoveArguments) -> int:
    """Remove the texts; return from how many rows."""
    table = lake.table_name(arguments.environment, Zone.RAW, TableName.INTERACTIONS)
    settled = datetime.now(UTC) - timedelta(minutes=int(arguments.settled_minutes))
    found = transform.outdated_texts(lake.current(spark, table), settled=settled).localCheckpoint()
    count = int(found.count())
    if count:
        types = ", ".join(f"'{event_type}'" for event_type in EVENT_TYPES)
        moment = settled.isoformat(sep=" ", timespec="milliseconds")
        lake.update_from(
            found,
            table,
            ["source", "event_id"],
            ["payload"],
            only=f"t.event_type IN ({types}) AND t.received_at < TIMESTAMP '{moment}'",
        )
    return count


def main() -> None:
    """Read the arguments, remove, log the count."""
    runtime.start_logging("remove_texts")
    LOG.info(
        "removed texts from %d interactions", run(runtime.spark_session(), runtime.read_arguments(RemoveArguments))
    )


if __name__ == "__main__":
    main()
