"""Writing to a Kinesis stream from Spark: every record arrives at least once, or the job fails."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import boto3

from c360_aws.kinesis import PERMANENT, StreamRecord, StreamWriter
from glue_jobs.shared import runtime

if TYPE_CHECKING:  # records can be put where there is no Spark
    from pyspark.sql import DataFrame, Row


class StreamWriteError(RuntimeError):
    """Records were still refused after all attempts."""


def created_at(client: Any, stream: str) -> int:
    """Return when a stream was made, in epoch milliseconds: nobody who reads it knows what was sent before."""
    summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    return int(summary["StreamCreationTimestamp"].timestamp() * 1000)


def put_records(
    client: Any, stream: str, records: Iterable[StreamRecord], *, pause: Callable[[float], None] = time.sleep
) -> int:
    """Put records, those of one key in their order, and return how many were written.

    Raises:
        StreamWriteError: a record was refused in every attempt.
    """
    writer = StreamWriter(client=client, stream=stream, pause=pause)
    written = 0

    def counted() -> Iterator[StreamRecord]:
        nonlocal written
        for record in records:
            written += 1
            yield record

    for refusal in writer.put(counted()):
        how_often, fix = f" after {writer.attempts} attempts", "raise the stream's capacity"
        if refusal.code in PERMANENT:
            how_often, fix = "", "make sure that the stream is there and may be written"
        raise StreamWriteError(
            f"stream {stream}: a record was refused{how_often} ({refusal.code}); {fix} and run the job again: "
            "what arrived twice is dropped by its id"
        )
    return written


def send(frame: "DataFrame", stream: str) -> None:
    """Put every row of a frame with the columns `partition_key` and `data` (text) on the stream.

    Rows of one partition go out in order; the client is made where the rows are.
    """

    region = runtime.region()

    def send_partition(rows: "Iterable[Row]") -> None:
        records = (StreamRecord(key=row["partition_key"], data=row["data"].encode()) for row in rows)
        put_records(boto3.client("kinesis", region_name=region), stream, records)

    frame.foreachPartition(send_partition)
