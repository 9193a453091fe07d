"""Writes to a Kinesis stream from Spark: every record arrives at least once, or the job fails."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from c360_aws.kinesis import PERMANENT, StreamRecord, StreamWriter
from glue_jobs.shared import aws, runtime

if TYPE_CHECKING:  # records can be written without Spark
    from pyspark.sql import DataFrame, Row


class StreamWriteError(RuntimeError):
    """A record was refused in every attempt."""


def created_at(client: Any, stream: str) -> int:
    """Return when a stream was created, in epoch milliseconds; its readers may lack everything sent earlier."""
    summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    return int(summary["StreamCreationTimestamp"].timestamp() * 1000)


def put_records(
    client: Any, stream: str, records: Iterable[StreamRecord], *, pause: Callable[[float], None] = time.sleep
) -> int:
    """Write records, in order per key, and return how many were written.

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
        attempts, fix = f" after {writer.attempts} attempts", "raise the capacity of the stream"
        if refusal.code in PERMANENT:
            attempts, fix = "", "check that the stream exists and that the job's role may write to it"
        raise StreamWriteError(
            f"stream {stream}: a record was refused{attempts} ({refusal.code}); {fix}, then run the job again. "
            "Records that arrive twice are dropped by their id"
        )
    return written


def send(frame: "DataFrame", stream: str) -> None:
    """Write every row of a frame with the text columns `partition_key` and `data` to the stream.

    Each Spark partition is sent in order, by a client that its executor creates.
    """
    region = runtime.region()

    def send_partition(rows: "Iterable[Row]") -> None:
        records = (StreamRecord(key=row["partition_key"], data=row["data"].encode()) for row in rows)
        put_records(aws.client("kinesis", region=region), stream, records)

    frame.foreachPartition(send_partition)
