"""The function: it reads whom the lake names, tells the platform, keeps the outcome in the table, and publishes it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from lambdas.audience_members import handler
from lambdas.audience_members.members import Held, Kind, Member, Status
from lambdas.audience_members.platform import Answer
from lambdas.audience_members.store import MembersTable, StoreBusyError
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import Cloud

TABLE = "audience-members"
BUS = "bus"
NOBODY = {"calls": 0, "added": 0, "removed": 0, "refused": 0}
AUDIENCE = {
    "name": "spenders",
    "segment": "high_spenders",
    "platform": "meta",
    "account": "1",
    "audience_id": "2",
    "secret": "c360/meta",
    "url": "https://graph.example.com",
    "ended": False,
}


@dataclass
class World:
    """AWS in memory, and Meta as a list of what it was sent."""

    sent: list[tuple[str, str, dict[str, Any]]]
    told: list[dict[str, Any]]
    client: Any
    s3: Any

    def call(self, *hashes: str, **changed: Any) -> dict[str, Any]:
        """Call the function with the answer of the lake."""
        rows = "".join(f'"email","{one}"\n' for one in hashes)
        self.s3.put_object(Bucket="results", Key="athena/audiences/1.csv", Body=f'"kind","sha256"\n{rows}')
        event = {
            "audience": {**AUDIENCE, **changed},
            "wanted": "s3://results/athena/audiences/1.csv",
            "run": "run",
            "most_calls": 3,
            "progress": NOBODY,
        }
        return dict(handler.handle(event, LambdaContext()))


@pytest.fixture
def world(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    cloud.dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("audience", "member")],
        KeySchema=[
            {"AttributeName": "audience", "KeyType": "HASH"},
            {"AttributeName": "member", "KeyType": "RANGE"},
        ],
    )
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="results")
    cloud.secrets.create_secret(Name="c360/meta", SecretString=json.dumps({"access_token": "t"}))
    for name, value in {"ENVIRONMENT": "dev", "AUDIENCE_MEMBERS_TABLE": TABLE, "EVENT_BUS_NAME": BUS}.items():
        monkeypatch.setenv(name, value)
    made = World(sent=[], told=[], client=cloud.dynamodb, s3=s3)

    def send(_self: object, method: str, url: str, *, headers: dict[str, str], body: bytes) -> Answer:
        assert headers["Authorization"] == "Bearer t"
        document = json.loads(body)
        made.sent.append((method, url, document))
        rows = document["payload"]["data"]
        return Answer(status=200, body={"num_received": len(rows), "num_invalid_entries": 0})

    class Bus:
        def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, int]:  # noqa: N803  # boto3's name
            made.told += Entries
            return {"FailedEntryCount": 0}

    monkeypatch.setattr("lambdas.audience_members.platform.HttpClient.send", send)
    monkeypatch.setattr("lambdas.shared.aws.event_bridge", Bus)
    yield made
    cloud.dynamodb.delete_table(TableName=TABLE)
    s3.delete_object(Bucket="results", Key="athena/audiences/1.csv")
    s3.delete_bucket(Bucket="results")


def counted(text: str) -> dict[str, float]:
    """Return the metrics in what the function has written."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        document = json.loads(line) if line.startswith("{") else {}
        for metric in document.get("_aws", {}).get("CloudWatchMetrics", []):
            for one in metric["Metrics"]:
                [found[one["Name"]]] = document[one["Name"]]
    return found


def test_who_joins_and_who_leaves_is_told_kept_counted_and_published(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, three = (f"{number:064x}" for number in (1, 2, 3))
    first = world.call(one, two)
    assert first == {"calls": 1, "added": 2, "removed": 0, "refused": 0, "removals_left": 0, "again": False}
    capsys.readouterr()
    assert world.call(two, three)["removed"] == 1
    assert [(method, sorted(document["payload"]["data"])) for method, _, document in world.sent] == [
        ("POST", [[one, ""], [two, ""]]),
        ("DELETE", [[one, ""]]),
        ("POST", [[three, ""]]),
    ]
    assert {url for _, url, _ in world.sent} == {"https://graph.example.com/v25.0/2/users"}
    held = MembersTable(world.client, TABLE).all("meta#1#2")
    assert {member.sha256: kept.status for member, kept in held.items()} == {two: Status.ADDED, three: Status.ADDED}
    assert counted(capsys.readouterr().out) == {
        "AudienceMembersAdded": 1,
        "AudienceMembersRemoved": 1,
        "AudienceMembersRefused": 0,
        "AudienceMembers": 2,
        "AudienceRemovalsLeft": 0,
    }
    entry = world.told[-1]
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == (BUS, "c360.audiences", "AudienceUpdated")
    assert json.loads(entry["Detail"]) == {
        "audience": "spenders",
        "segment": "high_spenders",
        "platform": "meta",
        "members": 2,
        "added": 1,
        "removed": 1,
        "refused": 0,
        "removals_left": 0,
        "open": 0,
    }


def test_an_audience_that_has_ended_loses_everybody(world: World) -> None:
    world.call(f"{1:064x}")
    assert world.call(f"{1:064x}", ended=True)["removed"] == 1
    assert MembersTable(world.client, TABLE).all("meta#1#2") == {}


def test_an_audience_with_a_new_name_is_the_same(world: World) -> None:
    world.call(f"{1:064x}")
    assert world.call(f"{1:064x}", name="renamed")["added"] == 0


def test_no_hash_is_logged_or_published(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.call(f"{1:064x}")
    assert f"{1:064x}" not in capsys.readouterr().out + json.dumps(world.told)


def test_the_table_keeps_more_members_than_one_write_takes(world: World) -> None:
    table = MembersTable(world.client, TABLE)
    many = {
        Member(kind=Kind.PHONE, sha256=f"{number:064x}"): Held(
            status=Status.REMOVING, since="2026", request="r", tried="run", reason="why"
        )
        for number in range(60)
    }
    table.put("a", many)
    table.put("b", dict(list(many.items())[:1]))
    assert table.all("a") == many
    table.drop("a", list(many)[:59])
    assert list(table.all("a")) == list(many)[59:]


class Slow:
    """A table that leaves items over, as often as it is told."""

    def __init__(self, times: int) -> None:
        self.times, self.written = times, 0

    def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803  # boto3's name
        [(table, items)] = RequestItems.items()
        if self.times:
            self.times -= 1
            return {"UnprocessedItems": {table: items[1:]}} if len(items) > 1 else {"UnprocessedItems": {table: items}}
        self.written += len(items)
        return {}


def test_items_that_dynamodb_leaves_over_are_written_again_and_in_the_end_told_of() -> None:
    held = {Member(kind=Kind.EMAIL, sha256="1"): Held(status=Status.ADDED, since="2026")}
    slow = Slow(times=3)
    MembersTable(slow, TABLE).put("a", held)
    assert slow.written == 1
    with pytest.raises(StoreBusyError, match="1 items of audience-members"):
        MembersTable(Slow(times=99), TABLE).put("a", held)
