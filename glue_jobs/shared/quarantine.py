"""The writer of quarantine.rejected: the record as received, the reason, and an id derived from the record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from c360_core.landing import REJECTED_FILES
from c360_core.names import MAX_REASON_LENGTH, TableName, Zone
from glue_jobs.shared import aws, lake
from glue_jobs.shared.digests import digest

FINDING_SCHEMA: Final = "code STRING, reason STRING, place STRING, body STRING"


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
    """Keeps rejected rows and files. A rejection has the same id in every run, and is stored once."""

    def __init__(self, spark: SparkSession, context: Context, *, environment: str, bucket: str) -> None:
        """Keep the session and the context.

        Args:
            spark: the session.
            context: values that all rejections share.
            environment: name of the environment.
            bucket: name of the quarantine bucket, for copies of files.
        """
        self._spark = spark
        self._context = context
        self._bucket = bucket
        self._table = lake.table_name(environment, Zone.QUARANTINE, TableName.REJECTED)

    def add_rows(self, rows: DataFrame, *, place: Column) -> None:
        """Store rows with the columns `code`, `reason` and `body`; `place` is their position in the file."""
        lake.append_missing(self._rejected(rows, place), self._table, "rejected_id")

    def add_file(self, bucket: str, key: str, *, code: str, reason: str) -> None:
        """Store a rejection of a file, and copy the file out of the landing bucket, which deletes it after a while."""
        copy = {"Bucket": self._bucket, "Key": f"{REJECTED_FILES}{key}"}
        aws.client("s3").copy({"Bucket": bucket, "Key": key}, **copy)
        finding = (code, reason, f"s3://{bucket}/{key}", f"s3://{copy['Bucket']}/{copy['Key']}")
        self.add_rows(self._spark.createDataFrame([finding], FINDING_SCHEMA), place=F.col("place"))

    def _rejected(self, rows: DataFrame, place: Column) -> DataFrame:
        context = self._context
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
