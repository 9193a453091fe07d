"""Writes to a stream from Spark: every record arrives at least once, or the job fails."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from c360_aws import kafka_streams
from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import Pace, Sender, StreamRecord, StreamWriter
from glue_jobs.shared import aws, runtime

if TYPE_CHECKING:  # records can be written without Spark
    from kafka import KafkaProducer
    from pyspark.sql import DataFrame, Row


ATTEMPTS: Final = 8  # of a record, before it is given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many records and bytes a second."""

    records: float
    size: float


class StreamWriteError(RuntimeError):
    """A record was refused in every attempt."""


def created_at(client: Any, stream: str) -> int:
    """Return when a stream was created, in epoch milliseconds; its readers may lack everything sent earlier.

    A topic does not tell when it was made. The job's arguments say it, if the streams are on Kafka.
    """
    if (told := runtime.streams_created_at()) is not None:
        return told
    summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    return int(summary["StreamCreationTimestamp"].timestamp() * 1000)


def sender_to(stream: str) -> Sender:
    """Return what takes the records of a stream, as the job's arguments say."""
    return _sender(stream, region=runtime.region(), brokers=runtime.stream_brokers())


def capacity_of(stream: str) -> int:
    """Return in how many shards, or partitions of its topic, a stream takes records by now; at least 1."""
    brokers = runtime.stream_brokers()
    if brokers is not None:
        return max(1, len(_producer(brokers).partitions_for(stream)))
    summary = aws.client("kinesis").describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    return max(1, int(summary["OpenShardCount"]))


def _sender(stream: str, *, region: str, brokers: kafka_streams.Brokers | None) -> Sender:
    if brokers is None:
        return KinesisSender(client=aws.client("kinesis", region=region), stream=stream)
    # The signature of a login names the region, which kafka-python reads here; executors have no other default.
    os.environ.setdefault("AWS_DEFAULT_REGION", region)
    return kafka_streams.KafkaSender(producer=_producer(brokers), stream=stream)


@cache
def _producer(brokers: kafka_streams.Brokers) -> "KafkaProducer":
    """Return the producer of this process: Spark runs many partitions in one."""
    return kafka_streams.producer(brokers)


def put_records(
    sender: Sender,
    records: Iterable[StreamRecord],
    *,
    pause: Callable[[float], None] = time.sleep,
    pace: Pace | None = None,
    attempts: int = ATTEMPTS,
) -> int:
    """Write records, in order per key, and return how many were written.

    Args:
        sender: takes the records of the stream.
        records: what to write.
        pause: waits for a number of seconds.
        pace: how fast; without one, as fast as the stream takes it.
        attempts: how often a record is sent before it is given up.

    Raises:
        StreamWriteError: a record was refused in every attempt.
    """
    writer = StreamWriter(sender=sender, pause=pause, pace=pace, attempts=attempts)
    written = 0

    def counted() -> Iterator[StreamRecord]:
        nonlocal written
        for record in records:
            written += 1
            yield record

    for refusal in writer.put(counted()):
        tries, fix = f" after {writer.attempts} attempts", "raise the capacity of the stream"
        if refusal.code in sender.permanent:
            tries, fix = "", "check that the stream exists and that the job's role may write to it"
        raise StreamWriteError(
            f"stream {sender.stream}: a record was refused{tries} ({refusal.code}); {fix}, then run the job again. "
            "Records that arrive twice are dropped by their id"
        )
    return written


def send(frame: "DataFrame", stream: str, *, rate: Rate | None = None, attempts: int = ATTEMPTS) -> None:
    """Write every row of a frame with the text columns `partition_key` and `data` to the stream.

    Each Spark partition is sent in order, by a client that its executor creates.

    Args:
        frame: the rows.
        stream: name of the stream.
        rate: how fast each partition is written at most.
        attempts: how often a record is sent before it is given up.
    """
    # What an executor does not see: it has no arguments.
    region, brokers = runtime.region(), runtime.stream_brokers()

    def send_partition(rows: "Iterable[Row]") -> None:
        records = (StreamRecord(key=row["partition_key"], data=row["data"].encode()) for row in rows)
        pace = None if rate is None else Pace(records=rate.records, size=rate.size)
        put_records(_sender(stream, region=region, brokers=brokers), records, pace=pace, attempts=attempts)

    frame.foreachPartition(send_partition)
