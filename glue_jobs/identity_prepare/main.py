"""Glue job: write curated.identity_records and the matcher's input.

Arguments: environment, er_input_location (s3://bucket/folder/), run_id.

Each run replaces both outputs as a whole, so a run can be repeated.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from c360_core import contracts
from c360_core.contracts import Source
from c360_core.names import TableName, Zone
from glue_jobs.identity_prepare import transform
from glue_jobs.shared import lake, runtime

LOG = logging.getLogger("identity_prepare")
FILES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareArguments:
    """Arguments from the template (the first two) and from the run."""

    environment: str
    er_input_location: str
    run_id: str


def run(spark: SparkSession, arguments: PrepareArguments) -> Mapping[str, int]:
    """Write the records and the matcher's input; return the number of records per source."""
    records = transform.records(_raw(spark, arguments.environment)).localCheckpoint()
    lake.replace(records, lake.table_name(arguments.environment, Zone.CURATED, TableName.IDENTITY_RECORDS))
    (
        transform.match_input(records)
        .coalesce(FILES)
        .write.mode("overwrite")
        .option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")  # or the matcher reads the marker as data
        .parquet(arguments.er_input_location.rstrip("/") + "/")
    )
    counted = records.groupBy("source").agg(F.count("*").alias("records")).collect()
    return {row["source"]: row["records"] for row in counted}


def _raw(spark: SparkSession, environment: str) -> DataFrame:
    frames = [
        transform.file_rows(
            _present(lake.current(spark, lake.table_name(environment, Zone.RAW, source.name)), source),
            source,
            source.table,
        )
        for source in contracts.load().people_sources()
        if source.table is not None
    ]
    interactions = lake.current(spark, lake.table_name(environment, Zone.RAW, TableName.INTERACTIONS))
    said = [transform.login_rows(interactions), transform.joined_rows(interactions)]
    return reduce(DataFrame.unionByName, [*frames, *said])


def _present(rows: DataFrame, source: Source) -> DataFrame:
    """Leave out rows that are gone from their database: they describe nobody any more."""
    database = source.server.database
    return rows if database is None else rows.where(F.col(database.deleted_column).isNull())


def main() -> None:
    """Read the arguments, write, log the counts."""
    runtime.start_logging("identity_prepare")
    arguments = runtime.read_arguments(PrepareArguments)
    counts = run(runtime.spark_session(), arguments)
    LOG.info("run %s: %s", arguments.run_id, json.dumps(counts))


if __name__ == "__main__":
    main()
