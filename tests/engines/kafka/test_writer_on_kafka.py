"""The writer of streams on a real broker: order per key, the partition that Java's clients choose, and refusals."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from c360_aws.event_stream import EventStreamWriter
from c360_aws.kafka_streams import LARGEST_RECORD, PLAIN, Brokers, KafkaSender, producer, read_one
from c360_aws.stream_writer import StreamRecord, StreamWriter
from twin.engines import kafka
from twin.engines.kafka import Kafka

PARTITIONS = 3
KEYS = [f"customer-{number}" for number in range(41)] + ["", "äöü", "k" * 256]
COUNT = 2_000


@pytest.fixture(scope="module")
def sender(broker: Kafka) -> Iterator[KafkaSender]:
    broker.create_topics(["written"], partitions=PARTITIONS)
    client = producer(Brokers.of(broker.bootstrap_servers, PLAIN))
    yield KafkaSender(producer=client, stream="written")
    client.close()


def read(broker: Kafka, topic: str, count: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "test"})
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)])
    found: list[Message] = []
    while len(found) < count and (batch := consumer.consume(count, timeout=20)):
        found += batch
    consumer.close()
    return found


def test_a_key_keeps_its_order_and_its_partition_is_the_one_that_java_chooses(
    broker: Kafka, sender: KafkaSender
) -> None:
    records = [StreamRecord(key=KEYS[number % len(KEYS)], data=str(number).encode()) for number in range(COUNT)]

    assert list(StreamWriter(sender=sender).put(records)) == []

    broker.create_topics(["chosen"], partitions=PARTITIONS)
    java = Producer({"bootstrap.servers": broker.bootstrap_servers, "partitioner": "murmur2_random"})
    for key in KEYS:
        java.produce("chosen", key=key.encode())
    java.flush()
    chosen = {message.key(): message.partition() for message in read(broker, "chosen", len(KEYS))}
    numbers: dict[bytes, list[int]] = defaultdict(list)
    for message in read(broker, "written", COUNT):
        assert message.partition() == chosen[message.key()]
        numbers[message.key() or b""].append(int(message.value() or b""))
    assert sum(map(len, numbers.values())) == COUNT
    assert all(found == sorted(found) for found in numbers.values())


def test_a_record_that_is_too_big_is_refused_at_once_and_the_others_arrive(sender: KafkaSender) -> None:
    sizes = (LARGEST_RECORD + 2_000, 10, LARGEST_RECORD - 100)
    records = [StreamRecord(key=str(number), data=bytes(size)) for number, size in enumerate(sizes)]

    refused = list(StreamWriter(sender=sender, attempts=1).put(records))

    assert [(each.index, each.code) for each in refused] == [(0, "MessageSizeTooLargeError")]


def test_a_topic_that_is_missing_is_reported_after_one_wait(sender: KafkaSender) -> None:
    nowhere = KafkaSender(producer=sender.producer, stream="nowhere")
    records = [StreamRecord(key=str(number), data=b"{}") for number in range(50)]

    assert len(set(nowhere.send(records))) == 1
    assert all(nowhere.send(records))


def test_what_a_broker_that_is_away_does_not_take_is_reported_and_goes_when_it_is_back(tmp_path: Path) -> None:
    first = kafka.start(tmp_path / "kafka")
    port = int(first.bootstrap_servers.rpartition(":")[2])
    first.create_topics(["events"])
    client = producer(Brokers.of(first.bootstrap_servers, PLAIN))
    stream = EventStreamWriter(sender=KafkaSender(producer=client, stream="events"))
    event = StreamRecord(key="k", data=json.dumps({"event_id": "e-1"}).encode())
    try:
        assert stream.publish([event]) == ()
        first.stop()
        once = StreamWriter(sender=stream.sender, attempts=1)
        assert [refusal.index for refusal in once.put([event, event])] == [0, 1]
        second = kafka.start(tmp_path / "kafka", port=port)
        try:
            assert stream.publish([event]) == ()
            there = Consumer({"bootstrap.servers": second.bootstrap_servers, "group.id": "test"})
            there.assign([TopicPartition("events", 0, OFFSET_BEGINNING)])
            assert len(there.consume(10, timeout=10)) >= 2
            there.close()
        finally:
            second.stop()
    finally:
        client.close(timeout=1)


def test_records_go_to_a_partition_by_name_and_are_found_at_their_position(broker: Kafka, sender: KafkaSender) -> None:
    broker.create_topics(["placed"], partitions=PARTITIONS)
    brokers = Brokers.of(broker.bootstrap_servers, PLAIN)
    placed = [StreamRecord(key=f"end-{number}", data=str(number).encode()) for number in range(3)]

    assert KafkaSender(producer=sender.producer, stream="placed", partition=2).send(placed) == ["", "", ""]

    assert read_one(brokers, "placed", partition=2, offset=1) == placed[1]
    assert read_one(brokers, "placed", partition=2, offset=3) is None
    assert read_one(brokers, "placed", partition=0, offset=0) is None
