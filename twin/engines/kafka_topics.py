"""Read a topic once, from given positions to its present end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

_SECONDS: Final = 20.0
_AT_ONCE: Final = 500
_GROUP: Final = "twin-reader"  # librdkafka wants one; nothing is committed under it


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRecord:
    """A record of a topic."""

    partition: int
    offset: int
    written: datetime
    key: str
    data: bytes


def is_topic(bootstrap_servers: str, topic: str) -> bool:
    """Tell whether the broker has a topic."""
    consumer = _consumer(bootstrap_servers)
    try:
        return topic in consumer.list_topics(timeout=_SECONDS).topics
    finally:
        consumer.close()


def read_topic(bootstrap_servers: str, topic: str, after: Mapping[int, int]) -> Iterator[TopicRecord]:
    """Yield the committed records of a topic, those of each partition in their order.

    Args:
        after: by partition the offset of the last record that was read; a partition that is missing is read whole.

    Raises:
        KafkaException: the broker refuses, or does not answer in time.
    """
    consumer = _consumer(bootstrap_servers)
    try:
        partitions = list(consumer.list_topics(topic, timeout=_SECONDS).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, one, after.get(one, -1) + 1) for one in partitions])
        unread = set(partitions)
        while unread:
            messages = consumer.consume(_AT_ONCE, timeout=_SECONDS)
            if not messages:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{topic} was not read to its end"))
            for message in messages:
                error = message.error()
                if error is None:
                    yield _record(message)
                elif error.code() == KafkaError._PARTITION_EOF:  # its name in the library
                    unread.discard(message.partition())
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()


def _consumer(bootstrap_servers: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": _GROUP,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )


def _record(message: Message) -> TopicRecord:
    _, milliseconds = message.timestamp()
    key = message.key()
    return TopicRecord(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        written=datetime.fromtimestamp(milliseconds / 1000, UTC),
        key=key.decode("utf-8") if isinstance(key, bytes) else key or "",
        data=message.value() or b"",
    )
