"""Whoever is no more leaves the Feature Store wholly; a deletion that fails comes again, and no other record does."""

import base64
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas.feature_removals import handler
from tests.factories.profiles import profile_change
from tests.fakes.wire import LambdaContext

GROUP = "c360-dev-customers"


def removal(person: str) -> dict[str, Any]:
    return {
        "kind": "profile",
        "op": "delete",
        "person_id": person,
        "identity_version": 8,
        "sequence": 9,
        "computed_at": "2026-03-02T12:00:00.000Z",
    }


class Store:
    """Deletes, and refuses some people."""

    def __init__(self) -> None:
        self.deleted: list[dict[str, str]] = []

    def delete_record(self, **request: str) -> None:
        if request["RecordIdentifierValueAsString"] == "p_busy":
            raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "busy"}}, "DeleteRecord")
        self.deleted.append(request)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    store = Store()
    monkeypatch.setattr("lambdas.feature_removals.handler.aws.feature_store", lambda: store)
    monkeypatch.setenv("ENVIRONMENT", "dev")
    monkeypatch.setenv("FEATURE_GROUP_NAME", GROUP)
    handler._settings.cache_clear()
    return store


def batch(*records: bytes) -> dict[str, Any]:
    """Return a batch as Lambda delivers it."""
    return {
        "Records": [
            {
                "eventSource": "aws:kinesis",
                "eventID": f"shardId-0:{number}",
                "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
                "kinesis": {
                    "data": base64.b64encode(data).decode(),
                    "sequenceNumber": str(number),
                    "partitionKey": "p",
                    "approximateArrivalTimestamp": 1.0,
                },
            }
            for number, data in enumerate(records)
        ]
    }


def told(*changes: dict[str, Any]) -> Any:
    return handler.handle(batch(*(json.dumps(one).encode() for one in changes)), LambdaContext())


def test_a_removed_person_is_deleted_for_good(store: Store) -> None:
    assert told(removal("p_1")) == {"batchItemFailures": []}
    [request] = store.deleted
    assert (request["FeatureGroupName"], request["RecordIdentifierValueAsString"]) == (GROUP, "p_1")
    assert request["DeletionMode"] == "HardDelete"
    assert request["EventTime"].endswith("Z")


def test_what_is_no_removal_deletes_nobody(store: Store) -> None:
    assert told(profile_change("p_1"), {**removal("p_2"), "kind": "alias"}) == {"batchItemFailures": []}
    assert store.deleted == []


def test_a_record_that_fails_comes_again_and_no_other(store: Store) -> None:
    broken = {name: value for name, value in removal("p_2").items() if name != "person_id"}
    answered = told(removal("p_1"), removal("p_busy"), broken, removal("p_3"))

    assert answered == {"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "2"}]}
    assert [one["RecordIdentifierValueAsString"] for one in store.deleted] == ["p_1", "p_3"]
