"""What carries a function's stream follows from the environment that its stack gives it."""

from typing import Any

import pytest

from c360_aws import kafka_streams
from c360_aws.kafka_streams import KafkaSender
from c360_aws.kinesis import KinesisSender
from lambdas.shared import stream_senders


@pytest.fixture
def producers(monkeypatch: pytest.MonkeyPatch) -> list[kafka_streams.Brokers]:
    """Return the clusters to which a producer was made."""
    made: list[kafka_streams.Brokers] = []

    def producer(brokers: kafka_streams.Brokers) -> Any:
        made.append(brokers)
        return object()

    monkeypatch.setattr(kafka_streams, "producer", producer)
    stream_senders.kafka_producer.cache_clear()
    return made


def test_without_brokers_it_is_kinesis(producers: list[kafka_streams.Brokers], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("STREAM_BROKERS", raising=False)

    sender = stream_senders.stream_sender("c360-dev-events")

    assert isinstance(sender, KinesisSender)
    assert sender.stream == "c360-dev-events"
    assert producers == []


def test_with_brokers_it_is_kafka_and_all_streams_share_a_producer(
    producers: list[kafka_streams.Brokers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_BROKERS", "boot:9098")

    senders = [
        stream_senders.stream_sender(name) for name in ("c360-dev-events", "c360-dev-interactions", "c360-dev-events")
    ]

    assert [type(sender) for sender in senders] == [KafkaSender] * 3
    assert producers == [kafka_streams.Brokers(servers="boot:9098", security="SASL_SSL")]


def test_a_connection_of_an_unknown_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_BROKERS", "boot:9098")
    monkeypatch.setenv("STREAM_SECURITY", "SASL_PLAIN")

    with pytest.raises(ValueError, match="SASL_PLAIN"):
        stream_senders.stream_sender("c360-dev-events")
