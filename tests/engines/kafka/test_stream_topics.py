"""Topics on a real broker are as the template wants them, whatever was there."""

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from kafka.errors import KafkaError

from c360_aws import kafka_streams
from c360_aws.kafka_streams import PLAIN, Brokers
from lambdas.stream_topics.logic import LARGEST_MESSAGE, Topic, TopicKeeper
from twin.engines.kafka import Kafka

KEEPER = TopicKeeper(connect=kafka_streams.administrator)


@pytest.fixture
def brokers(broker: Kafka) -> Brokers:
    return Brokers.of(broker.bootstrap_servers, PLAIN)


def found(brokers: Brokers, name: str) -> tuple[int, str, str] | None:
    """Return how many partitions a topic has, its retention and its largest message; None without one."""
    admin = AdminClient({"bootstrap.servers": brokers.servers})
    topics = admin.list_topics(timeout=20).topics
    if name not in topics:
        return None
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    settings = admin.describe_configs([resource])[resource].result(20)
    return len(topics[name].partitions), settings["retention.ms"].value, settings["max.message.bytes"].value


def test_a_topic_is_made_changed_and_deleted_and_each_may_be_repeated(brokers: Brokers) -> None:
    small = Topic(name="c360-dev-events", partitions=1, retention_hours=24)
    large = Topic(name="c360-dev-events", partitions=3, retention_hours=168)

    for wanted, told in ((small, (1, "86400000")), (large, (3, "604800000"))):
        for _ in range(2):
            KEEPER.keep(brokers, wanted)
            assert found(brokers, wanted.name) == (*told, str(LARGEST_MESSAGE))
    for _ in range(2):
        KEEPER.drop(brokers, large.name)
    assert found(brokers, large.name) is None


def test_fewer_partitions_are_refused_and_nothing_is_lost(brokers: Brokers) -> None:
    KEEPER.keep(brokers, Topic(name="shrinking", partitions=2, retention_hours=24))

    with pytest.raises(KafkaError):
        KEEPER.keep(brokers, Topic(name="shrinking", partitions=1, retention_hours=24))

    assert found(brokers, "shrinking") == (2, "86400000", str(LARGEST_MESSAGE))
