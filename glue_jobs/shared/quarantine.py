"""Rows of quarantine.rejected: the record as received, the reason, and an id that is the same for the same record."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

MAX_REASON: Final = 2000
ID_LENGTH: Final = 32
FILE_FINDING_SCHEMA: Final = "code STRING, reason STRING, place STRING, body STRING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What all rejections of a run have in common."""

    source: str
    contract_version: str
    received_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFinding:
    """A rejection that concerns a file as a whole.

    Attributes:
        code: reason code.
        reason: names the column and the fix.
        place: address of the file.
        body: what to keep of it, usually the address of its copy.
    """

    code: str
    reason: str
    place: str
    body: str


def rejected(frame: DataFrame, context: Context, *, place: Column) -> DataFrame:
    """Return rows of quarantine.rejected for a frame with the columns code, reason and body.

    The id is a hash of source, place, code and body: the same file loaded twice is rejected once.
    """
    parts = F.concat_ws("|", F.lit(context.source), place, F.col("code"), F.col("body"))
    return frame.select(
        F.substring(F.sha2(parts, 256), 1, ID_LENGTH).alias("rejected_id"),
        F.lit(context.source).alias("source"),
        F.col("code").alias("reason_code"),
        F.substring("reason", 1, MAX_REASON).alias("reason"),
        F.lit(context.contract_version).alias("contract_version"),
        F.lit(context.received_at).alias("received_at"),
        F.lit(context.run_id).alias("run_id"),
        F.col("body"),
        F.lit(None).cast("string").alias("fixed_by"),
    )


def rejected_files(spark: SparkSession, findings: Sequence[FileFinding], context: Context) -> DataFrame:
    """Return rows of quarantine.rejected for findings on a whole file."""
    frame = spark.createDataFrame([asdict(finding) for finding in findings], FILE_FINDING_SCHEMA)
    return rejected(frame, context, place=F.col("place"))
