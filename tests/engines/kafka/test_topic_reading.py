"""A topic is read to its end and no further, and a later reading goes on where the one before has ended."""

from collections import defaultdict

from confluent_kafka import Producer

from twin.engines.kafka import Kafka
from twin.engines.kafka_topics import TopicRecord, is_topic, read_topic

TOPIC = "read-once"


def write(broker: Kafka, keys: list[str]) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for key in keys:
        producer.produce(TOPIC, key=key, value=f"value of {key}".encode())
    producer.flush()


def read(broker: Kafka, after: dict[int, int]) -> list[TopicRecord]:
    """Read what is new, and note how far."""
    found = list(read_topic(broker.bootstrap_servers, TOPIC, after))
    after.update({one.partition: one.offset for one in found})
    return found


def test_each_record_is_read_once_and_what_is_not_committed_is_read_later(broker: Kafka) -> None:
    assert not is_topic(broker.bootstrap_servers, TOPIC)
    broker.create_topics([TOPIC], partitions=2)
    assert is_topic(broker.bootstrap_servers, TOPIC)
    after: dict[int, int] = {}
    assert read(broker, after) == []

    first = [f"key {number}" for number in range(1_200)]
    write(broker, first)
    found = read(broker, after)
    assert {one.key: one.data.decode() for one in found} == {key: f"value of {key}" for key in first}
    offsets = defaultdict(list)
    for one in found:
        offsets[one.partition].append(one.offset)
    assert len(offsets) == 2
    assert all(each == list(range(len(each))) for each in offsets.values())

    transactions = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "open"})
    transactions.init_transactions()
    transactions.begin_transaction()
    transactions.produce(TOPIC, key="uncommitted", value=b"")
    transactions.flush()
    assert read(broker, after) == []
    transactions.commit_transaction()
    assert [one.key for one in read(broker, after)] == ["uncommitted"]
    assert read(broker, after) == []
