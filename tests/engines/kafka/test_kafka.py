"""The broker starts, keeps what it was given over a restart, and ends."""

from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from twin.engines import kafka
from twin.engines.kafka import Kafka, KafkaError


def read(broker: Kafka, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "test"})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    messages = consumer.consume(count, timeout=30)
    consumer.close()
    return [message.value() for message in messages]


def test_topics_are_made_once_with_their_partitions(broker: Kafka) -> None:
    broker.create_topics(["c360-test-made"], partitions=3)
    broker.create_topics(["c360-test-made", "c360-test-other"], partitions=1)

    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "test"})
    topics = consumer.list_topics(timeout=20).topics
    consumer.close()

    assert len(topics["c360-test-made"].partitions) == 3
    assert len(topics["c360-test-other"].partitions) == 1


def test_a_name_that_kafka_refuses_is_named(broker: Kafka) -> None:
    with pytest.raises(KafkaError, match="c360 test"):
        broker.create_topics(["c360 test"])


def test_a_stopped_broker_starts_again_with_its_records(tmp_path: Path) -> None:
    first = kafka.start(tmp_path)
    port = int(first.bootstrap_servers.rpartition(":")[2])
    first.create_topics(["c360-test-kept"])
    producer = Producer({"bootstrap.servers": first.bootstrap_servers})
    producer.produce("c360-test-kept", key="k", value=b"kept")
    producer.flush()
    first.stop()
    assert first.child.poll() is not None

    second = kafka.start(tmp_path, port=port)
    try:
        assert second.bootstrap_servers == first.bootstrap_servers
        assert read(second, "c360-test-kept", 1) == [b"kept"]
    finally:
        second.stop()
