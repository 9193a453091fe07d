"""Writing to a Kinesis stream from Spark: every record arrives at least once, or the job fails."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import boto3

if TYPE_CHECKING:  # records can be put where there is no Spark
    from pyspark.sql import DataFrame, Row

MAX_RECORDS: Final = 500  # of one PutRecords request
MAX_BYTES: Final = 4_500_000  # the limit is 5 MiB with keys
ATTEMPTS: Final = 8
FIRST_PAUSE: Final = 0.1


class StreamWriteError(RuntimeError):
    """Records were still refused after all attempts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a stream."""

    partition_key: str
    data: bytes


def created_at(client: Any, stream: str) -> int:
    """Return when a stream was made, in epoch milliseconds: nobody who reads it knows what was sent before."""
    summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    return int(summary["StreamCreationTimestamp"].timestamp() * 1000)


def put_records(
    client: Any, stream: str, records: Iterable[Record], *, pause: Callable[[float], None] = time.sleep
) -> int:
    """Put records in batches, repeat the refused ones, and return how many were written.

    Raises:
        StreamWriteError: records were refused in every attempt.
    """
    written = 0
    for batch in _batches(records):
        _put_batch(client, stream, batch, pause)
        written += len(batch)
    return written


def send(frame: "DataFrame", stream: str) -> None:
    """Put every row of a frame with the columns `partition_key` and `data` (text) on the stream.

    Rows of one partition go out in order; the client is made where the rows are.
    """

    def send_partition(rows: "Iterable[Row]") -> None:
        records = (Record(partition_key=row["partition_key"], data=row["data"].encode()) for row in rows)
        put_records(boto3.client("kinesis"), stream, records)

    frame.foreachPartition(send_partition)


def _batches(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        bytes_of_record = len(record.data) + len(record.partition_key.encode())
        if batch and (len(batch) == MAX_RECORDS or size + bytes_of_record > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += bytes_of_record
    if batch:
        yield batch


def _put_batch(client: Any, stream: str, batch: Sequence[Record], pause: Callable[[float], None]) -> None:
    waiting = list(batch)
    answers: list[dict[str, Any]] = []
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(FIRST_PAUSE * 2 ** (attempt - 1))
        entries = [{"Data": record.data, "PartitionKey": record.partition_key} for record in waiting]
        answers = client.put_records(StreamName=stream, Records=entries)["Records"]
        waiting = [record for record, answer in zip(waiting, answers, strict=True) if answer.get("ErrorCode")]
        if not waiting:
            return
    codes = sorted({answer["ErrorCode"] for answer in answers if answer.get("ErrorCode")})
    raise StreamWriteError(
        f"stream {stream}: {len(waiting)} records refused after {ATTEMPTS} attempts ({', '.join(codes)}); "
        "raise the stream's capacity and run the job again: what arrived twice is dropped by its id"
    )
