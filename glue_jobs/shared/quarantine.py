"""The writer of quarantine.rejected: the record as received, the reason, and an id derived from the record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from c360_core.digests import digest as text_digest
from c360_core.landing import REJECTED_FILES
from c360_core.names import MAX_REASON_LENGTH, TableName, Zone
from glue_jobs.shared import aws, lake
from glue_jobs.shared.digests import digest

REJECTED_SCHEMA: Final = (
    "rejected_id STRING, source STRING, reason_code STRING, reason STRING, contract_version STRING, "
    "received_at TIMESTAMP, run_id STRING, body STRING, fixed_by STRING"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Values that all rejections of a file share.

    Attributes:
        source: name of the source.
        contract_version: version of its contract.
        received_at: when the run read the file.
        run_id: id of the run.
    """

    source: str
    contract_version: str
    received_at: datetime
    run_id: str


class QuarantineWriter:
    """Keeps rejected rows and files. A rejection has the same id in every run, and is stored once.

    Files are recorded with the next rows, or by `flush`: many bad files share one commit.
    """

    def __init__(self, spark: SparkSession, *, environment: str, bucket: str) -> None:
        """Keep the session.

        Args:
            spark: the session.
            environment: name of the environment.
            bucket: name of the quarantine bucket, for copies of files.
        """
        self._spark = spark
        self._bucket = bucket
        self._table = lake.table_name(environment, Zone.QUARANTINE, TableName.REJECTED)
        self._held: list[tuple[str | datetime | None, ...]] = []

    def add_rows(self, context: Context, rows: DataFrame, *, place: Column) -> None:
        """Store rows with the columns `code`, `reason` and `body`; `place` is their position in the file."""
        self._store(self._rejected(context, rows, place))

    def add_file(self, context: Context, bucket: str, key: str, *, code: str, reason: str) -> None:
        """Copy a rejected file out of the landing bucket, which deletes it after a while; record it with others."""
        copy = {"Bucket": self._bucket, "Key": f"{REJECTED_FILES}{key}"}
        aws.client("s3").copy({"Bucket": bucket, "Key": key}, **copy)
        body = f"s3://{copy['Bucket']}/{copy['Key']}"
        rejected_id = text_digest(context.source, f"s3://{bucket}/{key}", code, body)
        shown = reason[:MAX_REASON_LENGTH]
        facts = (context.contract_version, context.received_at, context.run_id)
        self._held.append((rejected_id, context.source, code, shown, *facts, body, None))

    def flush(self) -> None:
        """Record the files that are not recorded yet."""
        if self._held:
            self._store(None)

    def _store(self, rows: DataFrame | None) -> None:
        """Store rows, and what is held; a rejection that is among them twice is stored once."""
        held = self._spark.createDataFrame(self._held, REJECTED_SCHEMA) if self._held else None
        rejected = held if rows is None else rows if held is None else rows.unionByName(held)
        if rejected is not None:
            lake.append_missing(rejected.dropDuplicates(["rejected_id"]), self._table, "rejected_id")
        self._held.clear()

    def _rejected(self, context: Context, rows: DataFrame, place: Column) -> DataFrame:
        return rows.select(
            digest(F.lit(context.source), place, F.col("code"), F.col("body")).alias("rejected_id"),
            F.lit(context.source).alias("source"),
            F.col("code").alias("reason_code"),
            F.substring("reason", 1, MAX_REASON_LENGTH).alias("reason"),
            F.lit(context.contract_version).alias("contract_version"),
            F.lit(context.received_at).alias("received_at"),
            F.lit(context.run_id).alias("run_id"),
            F.col("body"),
            F.lit(None).cast("string").alias("fixed_by"),
        )
