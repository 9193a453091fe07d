"""The sender to Kafka: which errors it tells of each record, and how it connects."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, NotEnoughReplicasError

from c360_aws.kafka_streams import IAM, PERMANENT, PLAIN, Brokers, KafkaSender
from c360_aws.stream_writer import StreamRecord, StreamWriter


@dataclass
class Sent:
    """What the producer gives back for a record."""

    exception: KafkaError | None = None


@dataclass
class Topic:
    """A producer whose topic refuses chosen data as often as is said, at once or when it is flushed."""

    refusals: dict[bytes, list[KafkaError]] = field(default_factory=dict)
    raised: dict[bytes, KafkaError] = field(default_factory=dict)
    unreachable: int = 0
    taken: list[tuple[bytes, bytes]] = field(default_factory=list)
    flushes: int = 0

    def partitions_for(self, topic: str) -> set[int]:
        if self.unreachable:
            self.unreachable -= 1
            raise KafkaTimeoutError(topic)
        return {0}

    def send(self, topic: str, *, key: bytes, value: bytes) -> Sent:
        assert topic == "events"
        if value in self.raised:
            raise self.raised[value]
        if self.refusals.get(value):
            return Sent(self.refusals[value].pop())
        self.taken.append((key, value))
        return Sent()

    def flush(self) -> None:
        self.flushes += 1


def sender(topic: Any) -> KafkaSender:
    return KafkaSender(producer=topic, stream="events")


def records(*data: bytes, key: str = "k") -> list[StreamRecord]:
    return [StreamRecord(key=f"{key}{number}", data=each) for number, each in enumerate(data)]


def _never(_seconds: float) -> None:
    raise AssertionError("nothing is sent again, so nothing waits")


def test_every_record_has_its_own_answer() -> None:
    topic = Topic(refusals={b"b": [NotEnoughReplicasError()]}, raised={b"c": MessageSizeTooLargeError()})

    codes = sender(topic).send(records(b"a", b"b", b"c", b"d"))

    assert codes == ["", "NotEnoughReplicasError", "MessageSizeTooLargeError", ""]
    assert topic.taken == [(b"k0", b"a"), (b"k3", b"d")]


def test_a_cluster_that_is_not_reached_refuses_the_request_after_one_wait() -> None:
    topic = Topic(unreachable=1)

    assert sender(topic).send(records(b"a", b"b")) == ["KafkaTimeoutError"] * 2
    assert topic.flushes == 0


def test_the_writer_sends_again_what_may_be_taken_later_and_nothing_overtakes_it() -> None:
    topic = Topic(refusals={b"1": [NotEnoughReplicasError(), NotEnoughReplicasError()]}, unreachable=1)
    sent = [StreamRecord(key="k", data=data) for data in (b"1", b"2", b"3")]

    assert list(StreamWriter(sender=sender(topic), pause=lambda _: None).put(sent)) == []
    assert [value for _, value in topic.taken] == [b"1", b"2", b"3"]


def test_the_writer_gives_up_at_once_on_what_is_never_taken() -> None:
    topic = Topic(raised={b"1": MessageSizeTooLargeError()})
    sent = [StreamRecord(key="k", data=data) for data in (b"1", b"2")]

    refused = list(StreamWriter(sender=sender(topic), pause=_never).put(sent))

    assert [(each.index, each.code) for each in refused] == [(0, "MessageSizeTooLargeError"), (1, "")]
    assert topic.taken == []


def test_every_permanent_error_is_one_of_the_library() -> None:
    import kafka.errors

    assert {name for name in PERMANENT if not hasattr(kafka.errors, name)} == set()


def test_iam_logs_in_and_a_plain_connection_does_not() -> None:
    given = {"STREAM_BROKERS": "a:9098,b:9098", "STREAM_SECURITY": IAM}
    brokers = Brokers.from_environment(given)
    assert brokers is not None
    assert brokers.connection() == {
        "bootstrap_servers": ["a:9098", "b:9098"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "AWS_MSK_IAM",
    }
    plain = Brokers.of("localhost:9092", PLAIN)
    assert "sasl_mechanism" not in plain.connection()
    assert Brokers.from_environment({}) is None
    with pytest.raises(ValueError, match="write SASL_SSL or PLAINTEXT"):
        Brokers.of("localhost:9092", "SSL")
