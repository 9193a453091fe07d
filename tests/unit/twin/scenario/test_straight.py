"""A system that puts its events straight on a stream: what carries it, what is sent again, and what gives up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from c360_aws import kafka_streams
from c360_aws.kafka_streams import KafkaSender
from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import StreamRecord
from twin.principals import Principal
from twin.scenario import collect, straight
from twin.scenario.collect import StreamRefusedError, produce
from twin.scenario.deployment import Deployment


@dataclass
class Shaky:
    """A stream that refuses what it is told to refuse in each of the coming calls."""

    coming: list[dict[str, str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    stream: str = "events"
    permanent: frozenset[str] = frozenset({"AccessDeniedException"})

    def send(self, records: Sequence[StreamRecord]) -> Sequence[str]:
        refuse = self.coming.pop(0) if self.coming else {}
        codes = [refuse.get(record.data.decode(), "") for record in records]
        self.taken += [record.data.decode() for record, code in zip(records, codes, strict=True) if not code]
        return codes


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "PAUSE_SECONDS", 0.0)


def test_what_was_refused_comes_again_and_counts_once() -> None:
    stream = Shaky(coming=[{"b": "Busy", "c": "Busy"}, {"c": "Busy"}])

    assert produce(stream, ["a", "b", "c"]) == 3
    assert stream.taken == ["a", "b", "c"]


def test_a_right_that_is_missing_ends_it() -> None:
    stream = Shaky(coming=[{"b": "AccessDeniedException"}])

    with pytest.raises(StreamRefusedError, match="events refused 1 records: AccessDeniedException"):
        produce(stream, ["a", "b"])


def test_a_stream_that_never_takes_a_record_ends_it() -> None:
    stream = Shaky(coming=[{"a": "Busy"}] * collect.ATTEMPTS)

    with pytest.raises(StreamRefusedError, match="keeps refusing 1 records"):
        produce(stream, ["a"])


class Nowhere:
    def client(self, service: str, as_: Principal) -> Any:
        return (service, as_)


def deployment(**outputs: str) -> Deployment:
    emulator: Any = Nowhere()
    return Deployment(emulator=emulator, outputs={"EventsStreamName": "c360-dev-events", **outputs})


def test_the_outputs_say_what_carries_the_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_streams, "producer", lambda brokers: brokers)

    kinesis = straight.sender(deployment(), as_=Principal.SOURCE)
    kafka = straight.sender(deployment(StreamBrokers="127.0.0.1:9"))

    assert isinstance(kinesis, KinesisSender)
    assert (kinesis.client, kinesis.stream) == (("kinesis", Principal.SOURCE), "c360-dev-events")
    assert isinstance(kafka, KafkaSender)
    assert (kafka.producer, kafka.stream) == (
        kafka_streams.Brokers(servers="127.0.0.1:9", security="PLAINTEXT"),
        "c360-dev-events",
    )
