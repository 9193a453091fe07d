"""The relay: what of a command's records reaches a topic, and what it says about each."""

import base64
from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka.errors import KafkaError, MessageSizeTooLargeError

from c360_aws import kafka_streams
from c360_aws.stream_writer import StreamRecord
from lambdas.shared import stream_senders
from lambdas.stream_relay import handler
from tests.fakes.wire import LambdaContext

EVENTS = "c360-dev-events"


@dataclass
class Sent:
    exception: KafkaError | None = None


@dataclass
class Producer:
    """A topic with three partitions."""

    taken: list[tuple[str, bytes, bytes, int | None]] = field(default_factory=list)

    def partitions_for(self, _topic: str) -> set[int]:
        return {2, 0, 1}

    def send(self, topic: str, *, key: bytes, value: bytes, partition: int | None = None) -> Sent:
        if value == b"big":
            raise MessageSizeTooLargeError
        self.taken.append((topic, key, value, partition))
        return Sent()

    def flush(self) -> None:
        pass


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> Producer:
    made = Producer()
    for name, value in {
        "ENVIRONMENT": "dev",
        "STREAM_BROKERS": "boot:9098",
        "STREAM_SECURITY": "SASL_SSL",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(kafka_streams, "producer", lambda _brokers: made)
    stream_senders.kafka_producer.cache_clear()
    return made


def asked(**request: Any) -> Any:
    return handler.handle(request, LambdaContext())


def entry(key: str, data: bytes) -> dict[str, str]:
    return {"key": key, "data": base64.b64encode(data).decode()}


def test_records_go_where_their_keys_lead(producer: Producer) -> None:
    answer = asked(stream=EVENTS, records=[entry("a", b"one"), entry("b", b"big"), entry("ä", b"two")])

    assert answer == {"codes": ["", "MessageSizeTooLargeError", ""], "partitions": [0, 1, 2]}
    assert producer.taken == [(EVENTS, b"a", b"one", None), (EVENTS, "ä".encode(), b"two", None)]


def test_a_partition_may_be_named(producer: Producer) -> None:
    asked(stream=EVENTS, records=[entry("a", b"end")], partition=0)

    assert producer.taken == [(EVENTS, b"a", b"end", 0)]


def test_without_records_it_tells_the_partitions(producer: Producer) -> None:
    assert asked(stream=EVENTS) == {"codes": [], "partitions": [0, 1, 2]}
    assert producer.taken == []


@pytest.mark.parametrize("stream", ["c360-prod-events", "c360-dev-interactions", "other", None])
def test_only_streams_that_commands_write_are_written(producer: Producer, stream: str | None) -> None:
    with pytest.raises(ValueError, match="stream: expected one of c360-dev-events, c360-dev-profile-changes"):
        asked(stream=stream, records=[entry("a", b"one")])
    assert producer.taken == []


@pytest.mark.parametrize("wrong", [{"key": "a"}, {"key": "a", "data": "not base64!"}])
def test_a_wrong_record_is_named_and_none_is_sent(producer: Producer, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"records\[1\]: expected `key`, and `data` in base64"):
        asked(stream=EVENTS, records=[entry("a", b"one"), wrong])
    assert producer.taken == []


CHANGES = "c360-dev-profile-changes"


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """Return the positions that were looked at; there is a record at the first of each partition."""
    looked: list[tuple[str, int, int]] = []

    def read_one(_brokers: Any, stream: str, *, partition: int, offset: int) -> StreamRecord | None:
        looked.append((stream, partition, offset))
        return StreamRecord(key="p_1", data=b"{") if offset == 0 else None

    monkeypatch.setattr(kafka_streams, "read_one", read_one)
    return looked


def test_a_position_of_a_dead_letter_shows_its_record(
    producer: Producer, asked_for: list[tuple[str, int, int]]
) -> None:
    assert asked(stream=CHANGES, partition=0, offset=0) == {"records": [entry("p_1", b"{")]}
    assert asked(stream=CHANGES, partition=2, offset=7) == {"records": []}
    assert asked_for == [(CHANGES, 0, 0), (CHANGES, 2, 7)]
    assert producer.taken == []


@pytest.mark.parametrize("request_", [{"stream": EVENTS, "partition": 0}, {"stream": CHANGES}])
def test_only_changes_are_shown_and_only_at_a_position(
    producer: Producer, asked_for: list[tuple[str, int, int]], request_: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="offset: expected with a partition, and one of the streams c360-dev-profile"):
        asked(**request_, offset=0)
    assert (asked_for, producer.taken) == ([], [])
