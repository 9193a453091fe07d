"""Jobs write records to a stream."""

import os
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from c360_aws import kafka_streams
from c360_aws.kafka_streams import Brokers, KafkaSender
from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import StreamRecord
from glue_jobs.shared import runtime, streams
from glue_jobs.shared.streams import StreamWriteError, created_at, put_records


class FakeKinesis:
    """Accepts records; `refuse` maps the number of a record to how often it is refused."""

    def __init__(self, refuse: dict[int, int] | None = None) -> None:
        self.refuse = refuse or {}
        self.taken: list[bytes] = []
        self.requests: list[int] = []

    def describe_stream_summary(self, *, StreamName: str) -> dict[str, Any]:  # noqa: N803
        made = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
        return {"StreamDescriptionSummary": {"StreamName": StreamName, "StreamCreationTimestamp": made}}

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.requests.append(len(Records))
        return {"Records": [self._answer(record) for record in Records]}

    def _answer(self, record: dict[str, Any]) -> dict[str, str]:
        number = int(record["PartitionKey"])
        if self.refuse.get(number, 0) > 0:
            self.refuse[number] -= 1
            return {"ErrorCode": "ProvisionedThroughputExceededException"}
        self.taken.append(record["Data"])
        return {"SequenceNumber": "1"}


def sender(kinesis: FakeKinesis) -> KinesisSender:
    client: Any = kinesis
    return KinesisSender(client=client, stream="events")


def records(count: int) -> list[StreamRecord]:
    return [StreamRecord(key=str(number), data=f"{number}".encode()) for number in range(count)]


def test_the_creation_time_of_a_stream_is_in_milliseconds_like_run_versions() -> None:
    assert created_at(FakeKinesis(), "events") == 1772357400000


def test_a_topic_is_as_old_as_the_job_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "streams_created_at", lambda: 1772350000000)
    assert created_at(FakeKinesis(), "events") == 1772350000000


def test_a_job_with_brokers_writes_to_kafka_and_counts_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    class Producer:
        def partitions_for(self, topic: str) -> set[int]:
            return {0, 1, 2} if topic == "events" else set()

    brokers = Brokers.of("boot:9098", "SASL_SSL")
    monkeypatch.setattr(runtime, "region", lambda: "eu-west-1")
    monkeypatch.setattr(runtime, "stream_brokers", lambda: brokers)
    monkeypatch.setattr(kafka_streams, "producer", lambda _: Producer())
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    streams._producer.cache_clear()

    made = streams.sender_to("events")

    assert isinstance(made, KafkaSender)
    assert streams.capacity_of("events") == 3
    # The signature of the login needs it, and an executor has no other.
    assert os.environ["AWS_DEFAULT_REGION"] == "eu-west-1"
    monkeypatch.delenv("AWS_DEFAULT_REGION")


def test_all_records_are_put_and_counted() -> None:
    kinesis = FakeKinesis({1: 1, 2: 2})
    assert put_records(sender(kinesis), iter(records(501)), pause=lambda _: None) == 501
    assert sorted(kinesis.taken) == sorted(record.data for record in records(501))


def test_a_record_refused_in_every_attempt_fails_the_job_with_its_code() -> None:
    kinesis = FakeKinesis({0: 99})
    with pytest.raises(StreamWriteError, match=r"events: a record was refused after 8 attempts \(Provisioned"):
        put_records(sender(kinesis), records(2), pause=lambda _: None)


def test_a_missing_stream_fails_the_job_at_once() -> None:
    class Nothing(FakeKinesis):
        def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
            self.requests.append(len(Records))
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": StreamName}}, "PutRecords")

    kinesis = Nothing()
    with pytest.raises(StreamWriteError, match=r"a record was refused \(ResourceNotFoundException\); check that"):
        put_records(sender(kinesis), records(2), pause=lambda _: None)
    assert kinesis.requests == [2]
