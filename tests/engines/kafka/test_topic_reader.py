"""A function reads a topic of a real broker until each record is processed or given up, and never skips one."""

import base64
import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from confluent_kafka import Producer

from twin.engines.kafka import Kafka
from twin.patches import stream_mappings
from twin.providers.msk.topic_reader import MappingError, TopicMapping, TopicReader
from twin.scenario.waiting import until

CLUSTER = "arn:aws:kafka:us-east-1:123456789012:cluster/c360-dev/0c1d-7"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:failed"


def properties(topic: str, **changed: Any) -> dict[str, Any]:
    return {
        "EventSourceArn": CLUSTER,
        "FunctionName": "writer",
        "Topics": [topic],
        "AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": f"readers-of-{topic}"},
        "ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": 2},
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 50,
        "MaximumBatchingWindowInSeconds": 1,
        "MaximumRetryAttempts": 2,
        "BisectBatchOnFunctionError": True,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
        **changed,
    }


class Function:
    """Processes numbers; some fail so often before they are well."""

    def __init__(self, ailing: Mapping[int, int] | None = None) -> None:
        self.ailing = dict(ailing or {})
        self.processed: list[int] = []
        self.events: list[Mapping[str, Any]] = []

    def __call__(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        self.events.append(event)
        failures = []
        for partition, records in event["records"].items():
            for record in records:
                number = int(base64.b64decode(record["value"]))
                if self.ailing.get(number, 0) > 0:
                    self.ailing[number] -= 1
                    failures.append({"itemIdentifier": {"partition": partition, "offset": record["offset"]}})
                else:
                    self.processed.append(number)
        return {"body": {"batchItemFailures": failures}}


def produce(broker: Kafka, topic: str, numbers: range) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for number in numbers:
        producer.produce(topic, key=f"k{number % 7}", value=str(number))
    producer.flush()


def read(broker: Kafka, topic: str, function: Function, expected: int, lost: list[tuple[str, str]]) -> None:
    reader = TopicReader(
        TopicMapping.of(properties(topic)),
        bootstrap_servers=broker.bootstrap_servers,
        invoke=function,
        put_failure=lambda queue, message: lost.append((queue, message)),
    )
    reader.start()
    try:
        until("all are processed", lambda: len(set(function.processed)), lambda seen: seen >= expected, seconds=60)
    finally:
        reader.stop()


def test_every_record_is_processed_or_given_up_and_a_second_reader_goes_on(
    broker: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_mappings, "RETRY_SECONDS", 0.0)
    broker.create_topics(["read"], partitions=2)
    produce(broker, "read", range(200))
    function = Function({17: 1, 99: 1_000})
    lost: list[tuple[str, str]] = []

    read(broker, "read", function, 199, lost)

    assert set(function.processed) == set(range(200)) - {99}
    ((queue, message),) = lost
    assert queue == QUEUE
    info = json.loads(message)["KafkaBatchInfo"]
    assert (info["batchSize"], info["eventSourceArn"]) == (1, CLUSTER)
    ((partition, place),) = info["recordsInfo"].items()
    assert partition in {"read-0", "read-1"}
    assert place["firstRecordOffset"] == place["lastRecordOffset"]

    produce(broker, "read", range(200, 220))
    second: list[tuple[str, str]] = []
    later = Function()
    read(broker, "read", later, 20, second)
    assert set(later.processed) == set(range(200, 220))


def test_a_reader_waits_for_its_rights(broker: Kafka) -> None:
    broker.create_topics(["guarded"], partitions=1)
    produce(broker, "guarded", range(3))
    allowed, function = threading.Event(), Function()
    reader = TopicReader(
        TopicMapping.of(properties("guarded")),
        bootstrap_servers=broker.bootstrap_servers,
        invoke=function,
        put_failure=lambda *_: None,
        may_read=allowed.is_set,
    )
    reader.start()
    try:
        threading.Event().wait(1.5)
        assert function.events == []
        allowed.set()
        until("they are read", lambda: len(function.processed), lambda seen: seen == 3, seconds=60)
    finally:
        reader.stop()


@pytest.mark.parametrize(
    "changed",
    [
        {"ProvisionedPollerConfig": None},
        {"StartingPosition": "LATEST"},
        {"Topics": ["one", "two"]},
    ],
)
def test_what_lambda_refuses_and_what_is_not_played_is_refused_by_name(changed: dict[str, Any]) -> None:
    with pytest.raises(MappingError):
        TopicMapping.of(properties("x", **changed))
