"""Carries streams between the emulator's Kinesis and the Kafka topics of the same names.

`python -m twin.bridge.bridge --config FILE`: one process, one thread for each stream and direction. Records of one
partition key keep their order, nothing is lost, and after a crash some may come twice: a position is stored only when
the other side has acknowledged everything before it. For Kinesis the positions are files under the state folder; for
Kafka they are the consumer group's, so that they live and die with the topic.

A stream may go both ways. A record that came from the other side does not go back: in Kafka a header says so, and what
is put into Kinesis is known by its sequence number.
"""

import argparse
import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import OFFSET_STORED, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

LOGGER: Final = logging.getLogger("twin.bridge.bridge")

GROUP: Final = "c360-bridge"
READ_RECORDS: Final = 5_000
WRITE_RECORDS: Final = 500  # Kinesis takes no more in one request
WRITE_BYTES: Final = 4_500_000  # nor more than 5 MB
LONGEST_KEY: Final = 256
BUSY_PAUSE_SECONDS: Final = 0.05
IDLE_PAUSE_SECONDS: Final = 0.25
PATIENCE_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 0.5
REPORT_SECONDS: Final = 10.0
STALE_ITERATOR: Final = "ExpiredIteratorException"
CARRIED: Final = "carried-from-kinesis"  # a header of a Kafka message

Record = Mapping[str, Any]
Sessions = Mapping[str, Mapping[str, str]]


class BridgeError(RuntimeError):
    """The plan is invalid, or a record cannot be carried; the message says what to fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which streams are carried, and in which direction.

    Attributes:
        endpoint: address of the emulator.
        bootstrap_servers: Kafka brokers.
        state: folder of the positions.
        to_kafka: streams that go from Kinesis to Kafka; with each, the variables of the session that reads it.
        to_kinesis: topics that go from Kafka to Kinesis; with each, the variables of the session that writes there.
    """

    endpoint: str
    bootstrap_servers: str
    state: Path
    to_kafka: Sessions
    to_kinesis: Sessions

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a plan; raises BridgeError that names the file and the field."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BridgeError(f"{path}: cannot be read as JSON ({error})") from error
        missing = [name for name in cls.__slots__ if name not in document]
        if missing:
            raise BridgeError(f"{path}: `{missing[0]}` is missing; a plan has: {', '.join(cls.__slots__)}")
        return cls(
            endpoint=document["endpoint"],
            bootstrap_servers=document["bootstrap_servers"],
            state=Path(document["state"]),
            to_kafka=document["to_kafka"],
            to_kinesis=document["to_kinesis"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """How far each shard of one stream has been carried: a small file that is replaced as a whole.

    Attributes:
        path: the file.
        born: when the stream was created; the positions of a stream that was created again since then are dropped.
    """

    path: Path
    born: str
    _shards: dict[str, str] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, *, born: str) -> Self:
        """Read the positions of a stream, or begin at its beginning."""
        stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return cls(path=path, born=born, _shards=dict(stored["shards"]) if stored.get("born") == born else {})

    def of(self, shard: str) -> str | None:
        """Return the sequence number of the last record that was carried, or None."""
        return self._shards.get(shard)

    def store(self, shard: str, sequence_number: str) -> None:
        """Store that everything up to this record has arrived."""
        self._shards[shard] = sequence_number
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps({"born": self.born, "shards": self._shards}), encoding="utf-8")
        draft.replace(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returning:
    """What the bridge itself has put into a Kinesis stream and has not met there yet.

    Whoever puts or gets records of the stream holds the lock: nothing is met before it is noted. After a crash a record
    may go back once, and then has the header.

    Attributes:
        both_ways: the stream is carried to Kafka, too; otherwise nobody meets a record, and none is noted.
    """

    both_ways: bool
    lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: set[tuple[str, str]] = field(default_factory=set)

    def note(self, answer: Mapping[str, Any]) -> None:
        """Note what a request has put."""
        if not self.both_ways:
            return
        self._waiting.update(
            (result["ShardId"], result["SequenceNumber"]) for result in answer["Records"] if "ErrorCode" not in result
        )

    def meet(self, shard: str, sequence_number: str) -> bool:
        """Return whether a record is the bridge's own, and forget it: it is met once."""
        known = (shard, sequence_number) in self._waiting
        self._waiting.discard((shard, sequence_number))
        return known


class Carrier(Protocol):
    """One stream in one direction."""

    name: str

    def carry(self) -> int:
        """Carry what is there, store the position, and return how many records it was."""


class ToKafka:
    """Carries a Kinesis stream to its topic, shard by shard.

    The shards are read once: the templates fix their number.

    Args:
        returning: what the bridge puts into the stream, which stays there.
    """

    def __init__(self, stream: str, *, kinesis: Any, producer: Producer, state: Path, returning: Returning) -> None:
        self.name = f"{stream} to Kafka"
        self._returning = returning
        self._stream = stream
        self._kinesis = kinesis
        self._producer = producer
        summary = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
        # An iterator does not say to the emulator which stream it belongs to, and the reader's permission is on that.
        self._arn = str(summary["StreamARN"])
        self._positions = Positions.open(state / f"{stream}.json", born=str(summary["StreamCreationTimestamp"]))
        pages = kinesis.get_paginator("list_shards").paginate(StreamName=stream)
        self._iterators: dict[str, str | None] = {shard["ShardId"]: None for page in pages for shard in page["Shards"]}

    def carry(self) -> int:
        """Carry one batch of every shard."""
        return sum(self._carry_shard(shard) for shard in self._iterators)

    def _carry_shard(self, shard: str) -> int:
        iterator = self._iterators[shard] or self._open(shard)
        self._iterators[shard] = None  # whatever fails below, the next attempt begins at the stored position
        try:
            with self._returning.lock:
                answer = self._kinesis.get_records(ShardIterator=iterator, StreamARN=self._arn, Limit=READ_RECORDS)
        except ClientError as error:
            if error.response["Error"]["Code"] != STALE_ITERATOR:
                raise
            return 0
        records = answer["Records"]
        if records:
            others = [one for one in records if not self._returning.meet(shard, one["SequenceNumber"])]
            send(self._producer, self._stream, ((record["PartitionKey"], record["Data"]) for record in others))
            self._positions.store(shard, records[-1]["SequenceNumber"])
        self._iterators[shard] = answer["NextShardIterator"]
        return len(records)

    def _open(self, shard: str) -> str:
        position = self._positions.of(shard)
        start: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if position is not None:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": position}
        answer = self._kinesis.get_shard_iterator(StreamName=self._stream, ShardId=shard, **start)
        return str(answer["ShardIterator"])


class ToKinesis:
    """Carries a topic to its Kinesis stream.

    A batch that could not be put is kept and tried again, since the consumer has already moved past it.

    Args:
        returning: what it puts into the stream is noted there.
    """

    def __init__(self, topic: str, *, kinesis: Any, consumer: Consumer, returning: Returning) -> None:
        self.name = f"{topic} to Kinesis"
        self._returning = returning
        self._topic = topic
        self._kinesis = kinesis
        self._consumer = consumer
        self._waiting: list[Message] = []
        partitions = consumer.list_topics(topic, timeout=PATIENCE_SECONDS).topics[topic].partitions
        # Assigned, not subscribed: one reader, which need not wait for a group to form.
        consumer.assign([TopicPartition(topic, partition, OFFSET_STORED) for partition in partitions])

    def carry(self) -> int:
        """Carry one batch."""
        self._waiting = self._waiting or self._consumer.consume(WRITE_RECORDS, timeout=BUSY_PAUSE_SECONDS)
        if not self._waiting:
            return 0
        ours = [_record(message) for message in self._waiting if not _was_carried(message)]
        for batch in batches(ours):
            put(self._kinesis, self._topic, batch, self._returning)
        ends = {message.partition() or 0: (message.offset() or 0) + 1 for message in self._waiting}
        offsets = [TopicPartition(self._topic, partition, offset) for partition, offset in ends.items()]
        self._consumer.commit(offsets=offsets, asynchronous=False)
        count, self._waiting = len(self._waiting), []
        return count


def send(producer: Producer, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
    """Send records to a topic, with the header that keeps them there, and return when the broker has all of them.

    Raises:
        BridgeError: the broker did not take a record.
    """
    refused: list[KafkaError] = []

    def noted(error: KafkaError | None, _: object) -> None:
        if error is not None:
            refused.append(error)

    for key, value in records:
        _produce(producer, topic, key, value, noted)
    producer.flush()
    if refused:
        raise BridgeError(f"Kafka did not take {len(refused)} records of {topic}: {refused[0]}")


def _produce(producer: Producer, topic: str, key: str, value: bytes, noted: Callable[..., None]) -> None:
    while True:
        try:
            producer.produce(topic, key=key, value=value, headers={CARRIED: b""}, on_delivery=noted)
        except BufferError:  # the producer's queue is full: let it send
            producer.poll(BUSY_PAUSE_SECONDS)
        else:
            return


def _was_carried(message: Message) -> bool:
    return CARRIED in dict(message.headers() or {})


def _record(message: Message) -> Record:
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    key = message.key()
    text = key.decode("utf-8") if isinstance(key, bytes) else key
    if not text or len(text) > LONGEST_KEY:
        where = f"{message.topic()}, partition {message.partition()}, offset {message.offset()}"
        raise BridgeError(f"{where}: a record needs a key of 1 to {LONGEST_KEY} characters to go to Kinesis")
    return {"Data": message.value() or b"", "PartitionKey": text}


def batches(
    records: Sequence[Record], *, most: int = WRITE_RECORDS, weight: int = WRITE_BYTES
) -> Iterator[list[Record]]:
    """Split records into requests within the limits of Kinesis on records and bytes."""
    batch: list[Record] = []
    size = 0
    for record in records:
        length = len(record["Data"]) + len(record["PartitionKey"].encode())
        if batch and (len(batch) == most or size + length > weight):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += length
    if batch:
        yield batch


def put(kinesis: Any, stream: str, batch: Sequence[Record], returning: Returning) -> None:
    """Put records into a stream, note them, and return when it has all of them.

    When Kinesis takes only some of them, everything from the first refused one on is sent again: a repeat does no
    harm, a later record before an earlier one of the same key would.

    Raises:
        BridgeError: Kinesis keeps refusing a record.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while batch:
        with returning.lock:
            answer = kinesis.put_records(StreamName=stream, Records=list(batch))
            returning.note(answer)
        if not answer["FailedRecordCount"]:
            return
        first = next(index for index, result in enumerate(answer["Records"]) if "ErrorCode" in result)
        if time.monotonic() > deadline:
            raise BridgeError(f"Kinesis keeps refusing records of {stream}: {answer['Records'][first]}")
        batch = batch[first:]
        time.sleep(BUSY_PAUSE_SECONDS)


def run(carrier: Carrier, stop: threading.Event) -> None:
    """Carry until a signal stops it. An engine that does not answer for a while is waited for, and then is an error."""
    pause = BUSY_PAUSE_SECONDS
    failing_since: float | None = None
    carried = reported = 0
    report_at = time.monotonic() + REPORT_SECONDS
    while not stop.is_set():
        try:
            count = carrier.carry()
            failing_since = None
        except (BotoCoreError, ClientError, KafkaException) as error:
            failing_since = failing_since or time.monotonic()
            if time.monotonic() - failing_since > PATIENCE_SECONDS:
                raise
            LOGGER.warning("%s: %s; trying again", carrier.name, error)
            stop.wait(RETRY_SECONDS)
            continue
        carried += count
        if time.monotonic() > report_at:
            if carried > reported:
                LOGGER.info("%s: %d records", carrier.name, carried)
            reported, report_at = carried, time.monotonic() + REPORT_SECONDS
        pause = BUSY_PAUSE_SECONDS if count else min(2 * pause, IDLE_PAUSE_SECONDS)
        if count < WRITE_RECORDS:
            stop.wait(pause)
    LOGGER.info("%s: %d records, stopped", carrier.name, carried)


def carriers(plan: Plan) -> list[Callable[[], Carrier]]:
    """Return what opens each carrier of a plan, with clients of its own."""
    plan.state.mkdir(parents=True, exist_ok=True)
    both = plan.to_kafka.keys() & plan.to_kinesis.keys()
    returning = {one: Returning(both_ways=one in both) for one in (*plan.to_kafka, *plan.to_kinesis)}

    def to_kafka(stream: str) -> Carrier:
        return ToKafka(
            stream,
            kinesis=_kinesis(plan, plan.to_kafka[stream]),
            producer=_producer(plan),
            state=plan.state,
            returning=returning[stream],
        )

    def to_kinesis(topic: str) -> Carrier:
        return ToKinesis(
            topic,
            kinesis=_kinesis(plan, plan.to_kinesis[topic]),
            consumer=_consumer(plan),
            returning=returning[topic],
        )

    return [
        *(partial(to_kafka, stream) for stream in plan.to_kafka),
        *(partial(to_kinesis, topic) for topic in plan.to_kinesis),
    ]


def _kinesis(plan: Plan, session: Mapping[str, str]) -> Any:
    once = Config(retries={"total_max_attempts": 1})  # `run` retries, and can be stopped between two attempts
    return boto3.Session().client(
        "kinesis",
        endpoint_url=plan.endpoint,
        config=once,
        aws_access_key_id=session["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=session["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=session.get("AWS_SESSION_TOKEN"),
    )


def _producer(plan: Plan) -> Producer:
    return Producer(
        {
            "bootstrap.servers": plan.bootstrap_servers,
            "enable.idempotence": True,
            "linger.ms": 5,
            "message.timeout.ms": int(PATIENCE_SECONDS * 1000),
            "partitioner": "murmur2_random",  # as the Java clients: Flink and we agree on a key's partition
        }
    )


def _consumer(plan: Plan) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": plan.bootstrap_servers,
            "group.id": GROUP,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100,
        }
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry until SIGTERM; return 0, or 1 when a stream could not be carried on."""
    parser = argparse.ArgumentParser(prog="python -m twin.bridge.bridge", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the plan, JSON")
    plan = Plan.read(parser.parse_args(arguments).config)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    stop, failed = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def carry_on(opened: Callable[[], Carrier]) -> None:
        try:
            run(opened(), stop)
        except Exception:  # whatever the error is: a single stream that stands still could go unnoticed, so all stop
            LOGGER.exception("a stream cannot be carried on")
            failed.set()
            stop.set()

    threads = [threading.Thread(target=carry_on, args=(opened,)) for opened in carriers(plan)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1 if failed.is_set() else 0


if __name__ == "__main__":
    sys.exit(main())
