"""Items of the single view that identity resolution writes."""

from collections.abc import Iterator
from random import Random
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from c360_aws import transactions
from c360_aws.single_view_reader import SingleViewReader
from glue_jobs.identity_resolve import single_view

TABLE = "single-view"
VERSION = 1_772_000_000_000  # the start of a run, in epoch milliseconds

UPSERT = {"kind": "identifier", "op": "upsert", "key": "email:ab12", "person_id": "p_1", "version": 7}
DELETE = {"kind": "identifier", "op": "delete", "key": "phone:cd34", "person_id": "p_1", "version": 7}
PERSON = {"kind": "person", "op": "upsert", "person_id": "p_1", "version": 7, "survivor_id": None}
MERGED = {"kind": "person", "op": "delete", "person_id": "p_old", "version": 7, "survivor_id": "p_1"}
REMOVED = {"kind": "person", "op": "delete", "person_id": "p_none", "version": 7, "survivor_id": None}
CHANGES = [PERSON, UPSERT, DELETE, MERGED, REMOVED]


def test_identifiers_and_aliases_are_written_with_their_person() -> None:
    assert single_view.puts(CHANGES) == [
        {"PK": "ID#email#ab12", "SK": "PERSON", "person_id": "p_1", "version": 7},
        {"PK": "PERSON#p_old", "SK": "ALIAS", "person_id": "p_1", "version": 7},
    ]


def test_a_survivor_knows_the_ids_that_were_merged_into_it() -> None:
    assert single_view.formers(CHANGES) == [
        {"PK": "PERSON#p_1", "SK": "FORMER#p_old", "person_id": "p_old", "version": 7}
    ]


def test_identifiers_without_owner_and_aliases_of_removed_or_restored_persons_are_deleted() -> None:
    assert single_view.deletes(CHANGES, {"p_1", "p_old", "p_of_whom_nothing_is_told"}) == [
        {"PK": "ID#phone#cd34", "SK": "PERSON"},
        {"PK": "PERSON#p_1", "SK": "ALIAS"},
        {"PK": "PERSON#p_none", "SK": "ALIAS"},
    ]
    assert single_view.deletes([PERSON], set()) == []


@pytest.fixture
def dynamodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
    }.items():
        monkeypatch.setenv(name, value)
    # moto's tables are not thread-safe; DynamoDB's are.
    monkeypatch.setattr(single_view, "WRITERS", 1)
    with mock_aws():
        client = boto3.resource("dynamodb").meta.client
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        )
        yield client


def run(client: Any, version: int, *, owner: str | None, alias: str | None = None) -> int:
    """Write the changes of a run for one identifier and one old id; None means that it has no owner."""
    op = "delete" if owner is None else "upsert"
    change = {"kind": "identifier", "op": op, "key": "email:ab12", "person_id": owner or "p_1", "version": version}
    merged = {"kind": "person", "op": "delete", "person_id": "p_old", "version": version, "survivor_id": alias}
    changes = [change, merged if alias else {**merged, "op": "upsert"}]
    puts, gone = single_view.puts(changes), single_view.deletes(changes, {"p_old"})
    return single_view.write(client, TABLE, puts, gone, version=version)


def test_the_latest_run_wins_in_any_order_and_number_of_writes(dynamodb: Any) -> None:
    reader = SingleViewReader(client=dynamodb, table=TABLE)
    runs = [
        {"version": VERSION + 1, "owner": "p_1", "alias": "p_1"},
        {"version": VERSION + 2, "owner": None},
        {"version": VERSION + 3, "owner": "p_2", "alias": "p_2"},
        {"version": VERSION + 4, "owner": None},
    ]
    random = Random(5)
    for last in (runs[:3], runs):
        for _ in range(8):
            for item in dynamodb.scan(TableName=TABLE)["Items"]:
                dynamodb.delete_item(TableName=TABLE, Key={"PK": item["PK"], "SK": item["SK"]})
            for late in random.sample([*last, *last], 2 * len(last)):
                run(dynamodb, **late)

            assert reader.person_of("email:ab12") == last[-1]["owner"]
            assert reader.survivor("p_old") == last[-1].get("alias")
            assert reader.current_id("p_old") == last[-1].get("alias")


def test_a_tombstone_lives_longer_than_a_run_can_be_late(dynamodb: Any) -> None:
    run(dynamodb, VERSION, owner=None)

    items = dynamodb.scan(TableName=TABLE)["Items"]
    assert {item["removed"] for item in items} == {True}
    assert {item["expires_at"] - VERSION // 1000 for item in items} == {370 * 86_400}


def test_one_newer_item_does_not_block_the_rest_of_its_transaction(dynamodb: Any) -> None:
    def change(number: int, version: int) -> dict[str, Any]:
        said = {"kind": "identifier", "op": "upsert", "key": f"email:{number:04d}", "version": version}
        return {**said, "person_id": f"p_{version - VERSION}"}

    newer = single_view.puts([change(7, VERSION + 2)])
    older = single_view.puts([change(number, VERSION + 1) for number in range(250)])

    assert single_view.write(dynamodb, TABLE, newer, [], version=VERSION + 2) == 1
    assert single_view.write(dynamodb, TABLE, older, [], version=VERSION + 1) == 249
    people = [item["person_id"] for item in dynamodb.scan(TableName=TABLE)["Items"]]
    assert (people.count("p_1"), people.count("p_2")) == (249, 1)


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError"])
def test_a_write_that_conflicts_with_another_writer_is_retried(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    monkeypatch.setattr(transactions, "FIRST_PAUSE_SECONDS", 0)

    class Busy:
        times = 3

        def transact_write_items(self, **request: Any) -> None:
            if Busy.times:
                Busy.times -= 1
                reasons = [{"Code": "None"}, {"Code": reason}]
                cancelled = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
                raise ClientError(cancelled, "TransactWriteItems")  # type: ignore[arg-type]
            dynamodb.transact_write_items(**request)

    assert run(Busy(), VERSION, owner="p_1", alias="p_1") == 2


def test_a_permanent_error_is_raised(dynamodb: Any) -> None:
    with pytest.raises(ClientError):
        single_view.write(dynamodb, "no-table", [{"PK": "a", "SK": "b", "version": 1}], [], version=1)
