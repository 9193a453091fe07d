"""The stand-in of the Feature Store answers as AWS does: the newest record, kinds, deletions, expiry, errors."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from twin.emulator.wire import ServiceError, Wire
from twin.providers.sagemaker.features import FeatureGroups, OnlineStore, Records

NOW = datetime(2026, 3, 3, 8, tzinfo=UTC)
GROUP: dict[str, Any] = {
    "FeatureGroupName": "customers",
    "RecordIdentifierFeatureName": "person_id",
    "EventTimeFeatureName": "recorded_at",
    "FeatureDefinitions": [
        {"FeatureName": "person_id", "FeatureType": "String"},
        {"FeatureName": "orders", "FeatureType": "Integral"},
        {"FeatureName": "spend", "FeatureType": "Fractional"},
        {"FeatureName": "recorded_at", "FeatureType": "String"},
    ],
    "OnlineStoreConfig": {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Days", "Value": 62}},
    "RoleArn": "arn:aws:iam::000000000000:role/offline",
}


class World:
    """The stand-in behind its wire, with a clock that a test moves."""

    def __init__(self, folder: Path) -> None:
        self.now, self._path = NOW, folder / "records.jsonl"
        self.store = self.opened()
        groups = FeatureGroups(
            deployed=lambda: [GROUP, {**GROUP, "FeatureGroupName": "offline", "OnlineStoreConfig": {}}]
        )
        self._wire = Wire("sagemaker-featurestore-runtime", Records(groups, self.store))
        self.control = Wire("sagemaker", groups)

    def opened(self) -> OnlineStore:
        return OnlineStore(self._path, now=lambda: self.now)

    def __call__(self, operation: str, **request: Any) -> Any:
        return self._wire.invoke(operation, {"FeatureGroupName": "customers", **request})

    def put(self, person: str, orders: object = 3, at: str = "2026-03-03T07:00:00Z", **more: str) -> None:
        texts = {"person_id": person, "orders": str(orders), "recorded_at": at, **more}
        self("PutRecord", Record=[{"FeatureName": name, "ValueAsString": text} for name, text in texts.items()])

    def get(self, person: str, **more: Any) -> dict[str, str]:
        record = self("GetRecord", RecordIdentifierValueAsString=person, **more).get("Record", [])
        return {one["FeatureName"]: one["ValueAsString"] for one in record}

    def delete(self, person: str, at: str, mode: str = "HardDelete") -> None:
        self("DeleteRecord", RecordIdentifierValueAsString=person, EventTime=at, DeletionMode=mode)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ServiceError) as error:
        call()
    return error.value.code, error.value.message


def test_the_newest_record_is_answered_however_they_come(world: World) -> None:
    world.put("p_1", 5, "2026-03-03T07:30:00.000Z")
    world.put("p_1", 4)
    assert world.get("p_1") == {"person_id": "p_1", "orders": "5", "recorded_at": "2026-03-03T07:30:00.000Z"}
    assert world.get("p_1", FeatureNames=["orders"]) == {"orders": "5"}
    assert world.get("p_2") == {}


def test_a_record_replaces_the_whole_one_before(world: World) -> None:
    world.put("p_1", spend="1.5")
    world.put("p_1", at="2026-03-03T07:00:01Z")
    assert "spend" not in world.get("p_1")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"orders": "1.5"}, "'1.5' is not Integral"),
        ({"orders": str(2**63)}, "is not Integral"),
        ({"spend": "much"}, "'much' is not Fractional"),
        ({"colour": "red"}, "Feature colour does not exist in customers"),
        ({"at": "yesterday"}, "recorded_at: 'yesterday' is no time"),
        ({"at": "2026-03-03"}, "is no time"),
    ],
)
def test_a_record_that_is_not_as_its_group_says_is_refused(world: World, changed: dict[str, str], said: str) -> None:
    code, message = refused(lambda: world.put("p_1", **changed))
    assert code == "ValidationError"
    assert said in message
    assert world.get("p_1") == {}


@pytest.mark.parametrize("missing", ["person_id", "recorded_at"])
def test_who_and_when_must_be_there(world: World, missing: str) -> None:
    texts = {"person_id": "p_1", "recorded_at": "2026-03-03T07:00:00Z"}
    record = [{"FeatureName": name, "ValueAsString": text} for name, text in texts.items() if name != missing]
    code, message = refused(lambda: world("PutRecord", Record=record))
    assert (code, message) == ("ValidationError", f"Missing required feature: {missing}")


def test_a_hard_deletion_takes_all_and_must_be_later(world: World) -> None:
    world.put("p_1")
    assert refused(lambda: world.delete("p_1", "2026-03-03T07:00:00Z"))[0] == "ValidationError"
    assert world.get("p_1")
    world.delete("p_1", "2026-03-03T07:00:01Z")
    world.delete("p_1", "2026-03-03T07:00:01Z")  # nothing is there any more
    assert world.get("p_1") == {}
    world.put("p_1")
    assert world.get("p_1"), "nothing is remembered of a record that was deleted wholly"


def test_a_soft_deletion_keeps_its_time_and_one_that_is_not_later_does_nothing(world: World) -> None:
    world.put("p_1")
    world.delete("p_1", "2026-03-03T06:00:00Z", "SoftDelete")
    assert world.get("p_1")
    world.delete("p_1", "2026-03-03T07:30:00Z", "SoftDelete")
    world.put("p_1", at="2026-03-03T07:15:00Z")
    assert world.get("p_1") == {}
    world.put("p_1", at="2026-03-03T07:45:00Z")
    assert world.get("p_1")


def test_a_record_expires_after_its_own_time_or_that_of_the_group(world: World) -> None:
    world.put("p_1")
    answer = world("GetRecord", RecordIdentifierValueAsString="p_1", ExpirationTimeResponse="Enabled")
    assert answer["ExpiresAt"] == "2026-05-04T07:00:00Z"
    texts = {"person_id": "p_2", "recorded_at": "2026-03-03T07:00:00Z"}
    record = [{"FeatureName": name, "ValueAsString": text} for name, text in texts.items()]
    world("PutRecord", Record=record, TtlDuration={"Unit": "Hours", "Value": 2})
    world.now += timedelta(hours=2)
    assert (bool(world.get("p_1")), world.get("p_2")) == (True, {})
    world.now += timedelta(days=62)
    assert world.get("p_1") == {}


def test_what_is_only_for_the_offline_store_is_not_online(world: World) -> None:
    texts = {"person_id": "p_1", "recorded_at": "2026-03-03T07:00:00Z"}
    record = [{"FeatureName": name, "ValueAsString": text} for name, text in texts.items()]
    world("PutRecord", Record=record, TargetStores=["OfflineStore"])
    assert world.get("p_1") == {}


def test_a_batch_answers_those_that_are_there(world: World) -> None:
    world.put("p_1")
    world.put("p_2", 7)
    asked = [{"FeatureGroupName": "customers", "RecordIdentifiersValueAsString": ["p_2", "p_3", "p_1"]}]
    answer = world._wire.invoke("BatchGetRecord", {"Identifiers": asked})
    assert [one["RecordIdentifierValueAsString"] for one in answer["Records"]] == ["p_2", "p_1"]
    assert (answer["Errors"], answer["UnprocessedIdentifiers"]) == ([], [])
    many = [{**asked[0], "RecordIdentifiersValueAsString": [f"p_{number}" for number in range(101)]}]
    assert refused(lambda: world._wire.invoke("BatchGetRecord", {"Identifiers": many}))[0] == "ValidationError"


def test_an_unknown_group_and_one_without_an_online_store_are_refused(world: World) -> None:
    def get(group: str) -> Callable[[], Any]:
        return lambda: world("GetRecord", FeatureGroupName=group, RecordIdentifierValueAsString="p")

    assert refused(get("nobody"))[0] == "ResourceNotFound"
    assert refused(get("offline"))[0] == "ValidationError"


def test_records_outlive_the_emulator_and_a_group_takes_them_along(world: World) -> None:
    world.put("p_1")
    world.put("p_2")
    world.delete("p_2", "2026-03-03T07:30:00Z")
    again = world.opened()
    assert (again.get("customers", "p_1") is not None, again.get("customers", "p_2")) == (True, None)
    again.forget("customers")
    assert world.opened().get("customers", "p_1") is None


def test_a_group_is_described_as_its_template_states_it(world: World) -> None:
    told = world.control.invoke("DescribeFeatureGroup", {"FeatureGroupName": "customers"})
    assert (told["FeatureGroupStatus"], told["FeatureDefinitions"]) == ("Created", GROUP["FeatureDefinitions"])
    assert (
        refused(lambda: world.control.invoke("DescribeFeatureGroup", {"FeatureGroupName": "no"}))[0]
        == "ResourceNotFound"
    )
