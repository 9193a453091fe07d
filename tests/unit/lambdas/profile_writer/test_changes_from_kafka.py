"""The profile writer behind a topic of MSK: the same changes have the same effect, and positions are Kafka's."""

import json
from typing import Any

import pytest

from lambdas.profile_writer import handler
from tests.factories.profiles import profile_change
from tests.fakes.wire import LambdaContext, kafka_event, kinesis_event
from tests.unit.lambdas.conftest import TABLE, Cloud

TOPIC = "c360-dev-profile-changes"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("SINGLE_VIEW_TABLE", TABLE)
    monkeypatch.setenv("TIMELINE_TTL_DAYS", "90")


def change(number: int, person: str, **fields: Any) -> tuple[str, bytes]:
    return str(number), json.dumps({"sequence": number, **profile_change(person, **fields)}).encode()


def handle(event: dict[str, Any]) -> list[Any]:
    return [failure["itemIdentifier"] for failure in handler.handle(event, LambdaContext())["batchItemFailures"]]


def kept(cloud: Cloud) -> list[dict[str, Any]]:
    """Return what is stored, without the moments at which it was stored."""
    items = [
        {name: value for name, value in item.items() if name not in {"stored_at", "since"}} for item in cloud.items()
    ]
    return sorted(items, key=lambda item: (item["PK"], item["SK"]))


def test_changes_have_the_effect_that_they_have_from_kinesis(cloud: Cloud) -> None:
    changes = [change(number, f"p_{number % 3}", orders=number) for number in range(1, 10)]

    assert handle(kafka_event(changes)) == []
    from_kafka = kept(cloud)
    for item in cloud.items():
        cloud.dynamodb.delete_item(TableName=TABLE, Key={name: item[name] for name in ("PK", "SK")})
    assert handle(kinesis_event(changes)) == []

    assert from_kafka
    assert from_kafka == kept(cloud)


def test_the_same_offset_of_two_partitions_is_two_records(cloud: Cloud) -> None:
    (first,), (second,) = ([change(7, person)] for person in ("p_1", "p_2"))

    assert handle(kafka_event([first, second])) == []

    assert {item["person_id"] for item in cloud.items() if item["SK"] == "PROFILE"} == {"p_1", "p_2"}


def test_a_person_who_cannot_be_written_is_named_by_partition_and_offset(cloud: Cloud) -> None:
    too_big = change(41, "p_big", first_name="x" * 500_000)

    assert handle(kafka_event([change(40, "p_1"), too_big])) == [{"partition": f"{TOPIC}-1", "offset": 41}]
    assert {item["person_id"] for item in cloud.items() if item["SK"] == "PROFILE"} == {"p_1"}


@pytest.mark.parametrize("data", [b"\xff", b"[1]", b"{", b""])
def test_what_is_no_change_is_set_aside_in_the_words_of_lambda(cloud: Cloud, data: bytes) -> None:
    assert handle(kafka_event([("5", data)])) == []

    (letter,) = cloud.set_aside()
    assert letter["requestContext"]["condition"] == "Unreadable"
    assert letter["KafkaBatchInfo"] == {
        "batchSize": 1,
        "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/c360-dev/0c1d-7",
        "bootstrapServers": "boot-1.kafka-serverless.us-east-1.amazonaws.com:9098",
        "payloadSize": len(data),
        "recordsInfo": {
            f"{TOPIC}-0": {
                "firstRecordOffset": "5",
                "lastRecordOffset": "5",
                "firstRecordTimestamp": "2026-02-02T02:40:00.000Z",
                "lastRecordTimestamp": "2026-02-02T02:40:00.000Z",
            }
        },
    }


def test_a_record_without_a_value_is_no_change(cloud: Cloud) -> None:
    event = kafka_event([("5", b"")])
    del event["records"][f"{TOPIC}-0"][0]["value"]

    assert handle(event) == []
    assert len(cloud.set_aside()) == 1
