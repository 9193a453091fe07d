"""Reads a topic for a function, as the deployed event source mapping says."""

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, Self

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from c360_core.moments import moment_text
from twin.patches.stream_mappings import EXHAUSTED, BatchDelivery, Record, Result

LOGGER: Final = logging.getLogger("twin.topic_reader")
POLL_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 1.0
# With a failure destination and no number of retries, Lambda makes so many.
RETRIES: Final = 10


class MappingError(ValueError):
    """A mapping asks for what is not played here; the message names the property."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMapping:
    """What a deployed mapping says.

    Attributes:
        cluster: ARN of the cluster.
        function: name or ARN of the function.
        topic: name of the topic.
        group: consumer group.
        batch_size: records of a batch at most.
        window_seconds: how long a batch is gathered.
        retries: how often a failing batch is given again; None without end.
        halves: whether a failing batch is halved first.
        names_failures: whether the function answers with the records that failed.
        failures: ARN of the queue for what is given up; None without one.
    """

    cluster: str
    function: str
    topic: str
    group: str
    batch_size: int
    window_seconds: float
    retries: int | None
    halves: bool
    names_failures: bool
    failures: str | None

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Self:
        """Read the resolved properties of a mapping.

        Raises:
            MappingError: it reads several topics, begins elsewhere than at the beginning, or asks of Lambda what only a
                provisioned reader does.
        """
        (topic, *others) = properties["Topics"]
        if others or properties["StartingPosition"] != "TRIM_HORIZON":
            raise MappingError("Topics, StartingPosition: one topic is read here, from TRIM_HORIZON")
        provisioned = properties.get("ProvisionedPollerConfig")
        names = "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ())
        halves = bool(properties.get("BisectBatchOnFunctionError"))
        retries = int(properties.get("MaximumRetryAttempts", -1))
        if not provisioned and (names or halves or retries >= 0):
            raise MappingError(
                "FunctionResponseTypes, BisectBatchOnFunctionError and MaximumRetryAttempts of a mapping on Kafka need "
                "ProvisionedPollerConfig"
            )
        destination = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        return cls(
            cluster=properties["EventSourceArn"],
            function=properties["FunctionName"],
            topic=str(topic),
            group=properties["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"],
            batch_size=int(properties.get("BatchSize", 100)),
            window_seconds=float(properties.get("MaximumBatchingWindowInSeconds", 0.5)),
            retries=retries if retries >= 0 else (RETRIES if destination else None),
            halves=halves,
            names_failures=names,
            failures=destination,
        )


class TopicReader:
    """Gives the records of a topic to a function until it is stopped; the group's offsets say how far it has come.

    Lambda may put records of several partitions into one batch. Here each batch is of one partition.

    Args:
        mapping: what is read, and how.
        bootstrap_servers: the brokers.
        invoke: calls the function with an event.
        put_failure: puts a message into the queue for what is given up.
        may_read: says whether the function's role lets Lambda read.
    """

    def __init__(
        self,
        mapping: TopicMapping,
        *,
        bootstrap_servers: str,
        invoke: Callable[[Mapping[str, Any]], Result],
        put_failure: Callable[[str, str], None],
        may_read: Callable[[], bool] = lambda: True,
    ) -> None:
        self._mapping, self._servers = mapping, bootstrap_servers
        self._invoke, self._put_failure, self._may_read = invoke, put_failure, may_read
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"reader of {mapping.topic}")

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the batch at hand."""
        self._stopped.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": self._mapping.group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "max.poll.interval.ms": 3_600_000,  # a function may take its time, and retries take more
            }
        )
        consumer.subscribe([self._mapping.topic])
        try:
            while not self._stopped.is_set():
                try:
                    self._read(consumer)
                except KafkaException as error:
                    LOGGER.warning("%s: %s; trying again", self._mapping.topic, error)
                    self._stopped.wait(RETRY_SECONDS)
        finally:
            consumer.close()

    def _read(self, consumer: Consumer) -> None:
        if not self._may_read():
            self._stopped.wait(RETRY_SECONDS)
            return
        for partition, batch in self._gather(consumer):
            self._deliver(batch)
            consumer.commit(
                offsets=[TopicPartition(self._mapping.topic, partition, int(batch[-1]["offset"]) + 1)],
                asynchronous=False,
            )

    def _gather(self, consumer: Consumer) -> Iterator[tuple[int, Sequence[Record]]]:
        found: list[Message] = consumer.consume(self._mapping.batch_size, timeout=POLL_SECONDS)
        until = time.monotonic() + self._mapping.window_seconds
        while found and len(found) < self._mapping.batch_size and (left := until - time.monotonic()) > 0:
            found += consumer.consume(self._mapping.batch_size - len(found), timeout=left)
        for message in found:
            if (error := message.error()) is not None:
                raise KafkaException(error)
        ordered = sorted(map(record_of, found), key=lambda record: (record["partition"], record["offset"]))
        for partition, records in groupby(ordered, key=lambda record: int(record["partition"])):
            yield partition, list(records)

    def _deliver(self, records: Sequence[Record]) -> None:
        BatchDelivery(
            invoke=lambda batch: self._invoke(self._event(batch)),
            give_up=self._give_up,
            retries=self._mapping.retries,
            halves=self._mapping.halves,
            names_failures=self._mapping.names_failures,
            position=position_of,
            named=_named,
        ).deliver(records)

    def _event(self, batch: Sequence[Record]) -> dict[str, Any]:
        return {
            "eventSource": "aws:kafka",
            "eventSourceArn": self._mapping.cluster,
            "bootstrapServers": self._servers,
            "records": {_partition_name(batch[0]): list(batch)},
        }

    def _give_up(self, batch: Sequence[Record], tries: int) -> None:
        if self._mapping.failures is None:
            LOGGER.error("%s: %d records given up, and no failure queue", self._mapping.function, len(batch))
            return
        message = given_up(self._mapping, self._servers, batch, tries)
        self._put_failure(self._mapping.failures, json.dumps(message))


def record_of(message: Message) -> Record:
    """Return a record as Lambda hands it to a function."""
    key, value = message.key(), message.value()
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": message.timestamp()[1],
        "timestampType": "CREATE_TIME",
        **({} if key is None else {"key": base64.b64encode(_bytes(key)).decode()}),
        **({} if value is None else {"value": base64.b64encode(_bytes(value)).decode()}),
        "headers": [],
    }


def position_of(record: Record) -> tuple[str, int]:
    """Return where a record stands: its partition and its offset there."""
    return _partition_name(record), int(record["offset"])


def given_up(mapping: TopicMapping, servers: str, batch: Sequence[Record], tries: int) -> dict[str, Any]:
    """Return the message about records that were given up: where they are in their topic, not what they hold."""
    first, last = batch[0], batch[-1]
    place = {
        "firstRecordOffset": str(first["offset"]),
        "lastRecordOffset": str(last["offset"]),
        "firstRecordTimestamp": _moment(first),
        "lastRecordTimestamp": _moment(last),
    }
    return {
        "requestContext": {
            "functionArn": mapping.function,
            "condition": EXHAUSTED,
            "approximateInvokeCount": tries,
        },
        "version": "1.0",
        "timestamp": moment_text(datetime.now(UTC)),
        "KafkaBatchInfo": {
            "batchSize": len(batch),
            "eventSourceArn": mapping.cluster,
            "bootstrapServers": servers,
            "payloadSize": sum(len(record.get("value", "")) for record in batch),
            "recordsInfo": {_partition_name(first): place},
        },
    }


def _named(identifier: Any) -> tuple[str, int] | str:
    """Return the position that an answer names; a text that is none, if it names something else."""
    if isinstance(identifier, Mapping) and {"partition", "offset"} <= identifier.keys():
        return str(identifier["partition"]), int(identifier["offset"])
    return str(identifier)


def _partition_name(record: Record) -> str:
    return f"{record['topic']}-{record['partition']}"


def _moment(record: Record) -> str:
    return moment_text(datetime.fromtimestamp(record["timestamp"] / 1000, UTC))


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data
