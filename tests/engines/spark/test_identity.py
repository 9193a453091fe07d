"""Records prepared and resolved on real Spark and Iceberg, with the emulator's streams, secrets and single view."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from c360_aws.stream_writer import StreamWriter
from c360_core import contracts
from c360_core.identity.keys import identifier_key, usable
from c360_core.identity.records import match_record_id, record_from_row
from c360_core.identity.resolve import resolve
from c360_core.identity.stable_ids import IdentityRun
from c360_core.identity.workflow import MATCH_FIELDS
from c360_core.names import IdentifierType, Zone
from glue_jobs.identity_prepare import main as prepare
from glue_jobs.identity_prepare import transform
from glue_jobs.identity_resolve import single_view
from glue_jobs.identity_resolve.main import ResolutionRun, ResolveArguments
from glue_jobs.identity_resolve.size import TooManyRecordsError
from glue_jobs.identity_resolve.transform import run_version
from glue_jobs.shared import lake, streams

Rows = Callable[..., list[dict[str, Any]]]

AT = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
SECRET = "a secret of the tests, long enough"
ER_INPUT = "s3://test-lake/er_input/"
OUTPUT = "s3://test-results/entity-resolution/c360-dev-people"
STREAM = "c360-dev-identity-changes"
VIEW = "single-view"
TABLES = (
    (Zone.RAW, "crm_contacts"),
    (Zone.RAW, "loyalty_members"),
    (Zone.RAW, "support_cases"),
    (Zone.RAW, "demographics"),
    (Zone.RAW, "erp_customers"),
    (Zone.RAW, "erp_orders"),
    (Zone.RAW, "salesforce_contacts"),
    (Zone.RAW, "salesforce_cases"),
    (Zone.RAW, "sap_business_partners"),
    (Zone.RAW, "sap_sales_orders"),
    (Zone.RAW, "marketo_leads"),
    (Zone.RAW, "interactions"),
    (Zone.CURATED, "identity_records"),
    (Zone.CURATED, "identity_map"),
    (Zone.CURATED, "identifier_map"),
    (Zone.CURATED, "latest_identity_changes"),
)


@pytest.fixture
def tables(spark: SparkSession) -> Callable[[Zone, str, list[dict[str, Any]]], None]:
    """Empty all tables, and give a function that fills one: `tables(zone, table, rows)`."""
    for zone, table in TABLES:
        spark.sql(f"DELETE FROM {lake.table_name('dev', zone, table)} WHERE true")  # our own names

    def fill(zone: Zone, table: str, values: list[dict[str, Any]]) -> None:
        name = lake.table_name("dev", zone, table)
        spark.createDataFrame(values, spark.table(name).schema).writeTo(name).append()

    return fill


Fill = Callable[[Zone, str, list[dict[str, Any]]], None]


def contact(number: int, **values: Any) -> dict[str, Any]:
    return {"crm_id": f"C00000{number}", "created_at": AT, "updated_at": AT, "loaded_at": AT, **values}


def member(number: int, **values: Any) -> dict[str, Any]:
    return {"loyalty_id": f"L00000{number}", "joined_at": AT, "updated_at": AT, "loaded_at": AT, **values}


def login(event: str, device: str, email: str, at: datetime = AT, **payload: str) -> dict[str, Any]:
    return {
        "event_id": event,
        "event_type": "identified",
        "source": "web_events",
        "schema_version": 1,
        "occurred_at": at,
        "received_at": at,
        "identifier_keys": [f"email:{email.encode().hex():0<32}"[:38], "device_id:00"],
        "identifiers": json.dumps({"email": [email], "device_id": [device]}),
        "payload": json.dumps(payload),
    }


def prepared(spark: SparkSession) -> dict[str, int]:
    return dict(
        prepare.run(spark, prepare.PrepareArguments(environment="dev", er_input_location=ER_INPUT, run_id="r1"))
    )


def test_rows_of_every_source_become_records_in_one_form(spark: SparkSession, tables: Fill, rows: Rows) -> None:
    typed = {"first_name": " Ann ", "last_name": "Lee", "email": "ANN@Example.com", "phone": "(212) 555-0147"}
    tables(Zone.RAW, "crm_contacts", [contact(1, **typed, birth_date=AT.date(), language="en")])
    tables(Zone.RAW, "loyalty_members", [member(1, email="test@test.com", points=3)])
    case = {"case_id": "K000001", "case_customer_id": "S000001", "customer_name": "Lee, Ann", "topic": "x",
            "channel": "phone", "opened_at": LATER, "loaded_at": LATER}  # fmt: skip
    tables(Zone.RAW, "support_cases", [case])
    bought = {"provider_row_id": "D000001", "last_name": "Lee", "facts_since": AT, "loaded_at": AT}
    tables(Zone.RAW, "demographics", [bought])
    tables(Zone.RAW, "interactions", [login("e1", "device-1", "ann@example.com", first_name="Ann", time_zone="UTC")])

    counts = prepared(spark)

    assert counts == {name: 1 for _, name in TABLES[:4]} | {"web_events": 1}
    records = {row["record_id"]: row for row in rows(Zone.CURATED, "identity_records")}
    ann = records["crm_contacts:C000001"]
    assert (ann["first_name"], ann["email"], ann["phone"]) == ("Ann", "ann@example.com", "+12125550147")
    assert (ann["crm_id"], ann["birth_date"], ann["language"]) == ("C000001", AT.date(), "en")
    assert ann["updated_at"] == AT.replace(tzinfo=None)
    assert (ann["person_key"], ann["household_key"]) == ("ann@example.com", None)
    dropped = records["loyalty_members:L000001"]
    assert dropped["email"] is None
    assert dropped["placeholder_dropped"] == ["email:placeholder"]
    called = records["support_cases:K000001"]
    assert (called["first_name"], called["last_name"], called["case_customer_id"]) == ("Ann", "Lee", "S000001")
    assert called["updated_at"] == LATER.replace(tzinfo=None)
    assert records["demographics:D000001"]["updated_at"] == AT.replace(tzinfo=None)
    web = records["web_events:device-1"]
    assert (web["email"], web["email_verified"], web["device_id"]) == ("ann@example.com", True, "device-1")
    assert (web["first_name"], web["time_zone"]) == ("Ann", "UTC")


def test_rows_are_read_by_their_country_or_the_default_of_the_contract(spark: SparkSession) -> None:
    """A German source with people in Austria, some of whom are very old."""
    crm = contracts.load().source("crm_contacts")
    assert crm.table is not None
    country = replace(crm.table.field("city"), name="land", identity_role="country")
    source = replace(crm, default_country="DE", earliest_birth_date="1890-01-01")
    table = replace(crm.table, fields=(*crm.table.fields, country))
    schema = ("crm_id STRING, land STRING, phone STRING, postal_code STRING, birth_date DATE, "
              "updated_at TIMESTAMP, loaded_at TIMESTAMP")  # fmt: skip
    names = {field.name for field in table.fields} - set(schema.replace(",", "").split())
    rows = spark.createDataFrame(
        [
            ("C000001", None, "(030) 901820", "1067", date(1890, 1, 1), AT, AT),
            ("C000002", "AT", "(01) 58858", "1010", date(1889, 12, 31), AT, AT),
        ],
        schema,
    ).selectExpr("*", *(f"CAST(NULL AS STRING) AS {name}" for name in sorted(names)))

    found = {row["crm_id"]: row for row in transform.records(transform.file_rows(rows, source, table)).collect()}

    read = {key: (row["phone"], row["postal_code"], row["birth_date"]) for key, row in found.items()}
    assert read == {
        "C000001": ("+4930901820", "01067", "1890-01-01"),
        "C000002": ("+43158858", "1010", None),
    }


def test_the_matcher_reads_the_records_in_its_own_columns(spark: SparkSession, tables: Fill) -> None:
    tables(Zone.RAW, "crm_contacts", [contact(1, first_name="Ann", email="ann@example.com", birth_date=AT.date())])
    prepared(spark)

    frame = spark.read.parquet(ER_INPUT)
    assert frame.dtypes == [(field.name, "string") for field in MATCH_FIELDS]
    (row,) = frame.collect()
    assert row["match_record_id"] == match_record_id("crm_contacts:C000001")
    assert (row["record_id"], row["email"], row["birth_date"]) == (
        "crm_contacts:C000001",
        "ann@example.com",
        "2026-03-01",
    )
    objects = boto3.client("s3").list_objects_v2(Bucket="test-lake", Prefix="er_input/")["Contents"]
    assert all(entry["Key"].endswith(".parquet") for entry in objects)


def test_the_second_address_on_a_device_is_a_record_of_its_own(spark: SparkSession, tables: Fill, rows: Rows) -> None:
    logins = [
        login("e1", "device-1", "ann@example.com", AT, first_name="Ann"),
        login("e2", "device-1", "bob@example.com", LATER, first_name="Bob"),
        login("e3", "device-1", "ann@example.com", LATER, first_name="Anna"),
    ]
    tables(Zone.RAW, "interactions", logins)
    prepared(spark)

    records = {row["record_id"]: row for row in rows(Zone.CURATED, "identity_records")}
    names = {record_id: row["first_name"] for record_id, row in records.items()}
    assert names == {"web_events:device-1": "Anna", f"web_events:device-1~{b'bob@'.hex()}": "Bob"}


VISITOR = "5a2f43d4-2c2c-4b5f-8d3e-1f0f5d1f2a3b"


def said(event_id: str, event_type: str, identifiers: dict[str, list[str]]) -> dict[str, Any]:
    """Return the row of an event as `clean` writes it, with keys of all usable identifiers."""
    return {
        "event_id": event_id,
        "event_type": event_type,
        "source": "web_events",
        "schema_version": 1,
        "occurred_at": LATER,
        "received_at": LATER,
        "identifier_keys": [key(kind, value) for kind, value in usable(identifiers)],
        "identifiers": json.dumps(identifiers),
        "payload": json.dumps({"previous": "unclear"} if event_type == "identities_joined" else {}),
    }


def owners(rows: Rows) -> dict[str, str]:
    """Return who has each identifier, by what the records say: the key of a person is their first record."""
    found = [record_from_row(row) for row in rows(Zone.CURATED, "identity_records")]
    run = IdentityRun(run_id="r1", version=run_version("2026-03-03T00:00:00Z"))
    resolution = resolve(found, [], [], run, secret=SECRET.encode())
    names = {person.person_id: person.record_ids[0] for person in resolution.persons}
    return {key: names[person] for key, person in resolution.owners.items()}


def key(kind: str, value: str) -> str:
    return identifier_key(SECRET.encode(), IdentifierType(kind), value)


def test_an_alias_makes_a_visitor_and_a_user_one_person(spark: SparkSession, tables: Fill, rows: Rows) -> None:
    tables(Zone.RAW, "loyalty_members", [member(1, first_name="Ann", last_name="Lee")])
    alias = {"loyalty_id": ["L000001"], "device_id": [VISITOR]}
    tables(Zone.RAW, "interactions", [said("e1", "identities_joined", alias)])
    prepared(spark)

    assert owners(rows)[key("device_id", VISITOR)] == "loyalty_members:L000001"


def test_an_alias_makes_two_accounts_one_person(spark: SparkSession, tables: Fill, rows: Rows) -> None:
    tables(Zone.RAW, "loyalty_members", [member(1, first_name="Ann", last_name="Lee"), member(2)])
    alias = {"loyalty_id": ["L000001", "L000002"], "device_id": ["L000002"]}
    twice = [said("e1", "identities_joined", alias), said("e2", "identities_joined", alias)]
    tables(Zone.RAW, "interactions", twice)

    assert prepared(spark)["web_events"] == 2
    found = owners(rows)
    assert found[key("loyalty_id", "L000001")] == found[key("loyalty_id", "L000002")] == "loyalty_members:L000001"


def test_an_alias_never_makes_one_person_of_two_whose_names_differ(
    spark: SparkSession, tables: Fill, rows: Rows
) -> None:
    people = [member(1, first_name="Ann", last_name="Lee"), member(2, first_name="Zoltan", last_name="Kodaly")]
    tables(Zone.RAW, "loyalty_members", people)
    tables(Zone.RAW, "interactions", [said("e1", "identities_joined", {"loyalty_id": ["L000001", "L000002"]})])
    prepared(spark)

    found = owners(rows)
    assert found[key("loyalty_id", "L000001")] == "loyalty_members:L000001"
    assert found[key("loyalty_id", "L000002")] == "loyalty_members:L000002"


def test_a_login_without_an_address_joins_the_device_to_the_user(spark: SparkSession, tables: Fill, rows: Rows) -> None:
    tables(Zone.RAW, "loyalty_members", [member(1, first_name="Ann"), member(2, first_name="Zoltan")])
    logins = [
        said("e1", "identified", {"loyalty_id": ["L000001"], "device_id": ["d-own"]}),
        said("e2", "identified", {"loyalty_id": ["L000001"], "device_id": ["d-shared"]}),
        said("e3", "identified", {"loyalty_id": ["L000002"], "device_id": ["d-shared"]}),
    ]
    tables(Zone.RAW, "interactions", logins)
    prepared(spark)

    found = owners(rows)
    assert found[key("device_id", "d-own")] == "loyalty_members:L000001"
    assert key("device_id", "d-shared") not in found


def test_records_deleted_in_their_source_are_deleted_from_the_table(
    spark: SparkSession, tables: Fill, rows: Rows
) -> None:
    tables(Zone.RAW, "crm_contacts", [contact(1, email="ann@example.com"), contact(2, email="bob@example.com")])
    prepared(spark)
    spark.sql("DELETE FROM glue_catalog.c360_dev_raw.crm_contacts WHERE crm_id = 'C000002'")
    prepared(spark)

    assert [row["record_id"] for row in rows(Zone.CURATED, "identity_records")] == ["crm_contacts:C000001"]
    assert spark.read.parquet(ER_INPUT).count() == 1


class Identity:
    """Runs the resolution on CRM contacts, with matcher output from the test."""

    def __init__(self, spark: SparkSession, fill: Fill, rows: Rows, secret_arn: str) -> None:
        self.spark, self.fill, self.rows, self.secret_arn = spark, fill, rows, secret_arn

    def resolve(
        self,
        run_id: str,
        started_at: str,
        groups: list[list[int]],
        numbers: list[int],
        *,
        most_records: int = 10_000,
        **of_the_first: Any,
    ) -> dict[str, int]:
        self.spark.sql("DELETE FROM glue_catalog.c360_dev_curated.identity_records WHERE true")
        values = [
            {"record_id": f"crm_contacts:C00000{n}", "source": "crm_contacts", "loaded_at": AT, "crm_id": f"C00000{n}",
             "email": f"user{n}@example.com", "first_name": "Ann", "last_name": "Lee", "email_verified": False,
             "placeholder_dropped": [], **(of_the_first if n == numbers[0] else {})}
            for n in numbers
        ]  # fmt: skip
        self.fill(Zone.CURATED, "identity_records", values)
        self._write_output(run_id, groups, numbers)
        arguments = ResolveArguments(
            environment="dev",
            identity_changes_stream=STREAM,
            single_view_table=VIEW,
            hash_secret_arn=self.secret_arn,
            most_records=str(most_records),
            run_id=run_id,
            started_at=started_at,
            match_output=f"{OUTPUT}/{run_id}/",
        )
        return dict(ResolutionRun(self.spark, arguments).run())

    def _write_output(self, run_id: str, groups: list[list[int]], numbers: list[int]) -> None:
        alone = [[n] for n in numbers if not any(n in group for group in groups)]
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["InputSourceARN", "RecordId", "MatchID", "MatchRule", "match_record_id", "record_id"])
        for members in [*groups, *alone]:
            rule = "name-birth-date" if len(members) > 1 else ""
            for n in members:
                identity = match_record_id(f"crm_contacts:C00000{n}")
                record_id = f"crm_contacts:C00000{n}"
                writer.writerow(["arn:x", identity, f"m{members[0]}", rule, identity, record_id])
        key = f"entity-resolution/c360-dev-people/{run_id}/success/part-0.csv"
        boto3.client("s3").put_object(Bucket="test-results", Key=key, Body=text.getvalue().encode())

    def persons(self) -> dict[str, str]:
        """Record number -> current person."""
        current = self.rows(Zone.CURATED, "identity_map", "valid_to IS NULL")
        return {row["record_id"][-1]: row["person_id"] for row in current}


@pytest.fixture
def identity(spark: SparkSession, tables: Fill, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    created_at = streams.created_at  # the real one; tests pretend that the stream is older than their runs
    long_ago = run_version("2026-01-01T00:00:00Z")
    monkeypatch.setattr(streams, "created_at", lambda *given: min(created_at(*given), long_ago))
    boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
    secret = boto3.client("secretsmanager").create_secret(Name="hash", SecretString=SECRET)
    dynamodb = boto3.client("dynamodb")
    dynamodb.create_table(
        TableName=VIEW,
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
        BillingMode="PAY_PER_REQUEST",
    )
    yield Identity(spark, tables, rows, secret["ARN"])
    dynamodb.delete_table(TableName=VIEW)
    boto3.client("kinesis").delete_stream(StreamName=STREAM)
    boto3.client("secretsmanager").delete_secret(SecretId=secret["ARN"], ForceDeleteWithoutRecovery=True)


def messages() -> list[dict[str, Any]]:
    kinesis = boto3.client("kinesis")
    shard = kinesis.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=start["ShardIterator"], Limit=1000)["Records"]
    return [json.loads(record["Data"]) for record in records]


def view() -> dict[tuple[str, str], str]:
    items = boto3.resource("dynamodb").Table(VIEW).scan()["Items"]
    return {(item["PK"], item["SK"]): item["person_id"] for item in items if not item.get("removed")}


def email_item(number: int) -> tuple[str, str]:
    kind, digest = identifier_key(SECRET.encode(), IdentifierType.EMAIL, f"user{number}@example.com").split(":")
    return (f"ID#{kind}#{digest}", "PERSON")


def assert_nothing_is_written(rows: Rows) -> None:
    for table in ("identity_map", "identifier_map", "latest_identity_changes"):
        assert rows(Zone.CURATED, table) == [], table
    assert view() == {}


def test_matched_records_are_one_person_and_all_readers_get_the_changes(identity: Identity, rows: Rows) -> None:
    counts = identity.resolve("run-1", "2026-03-01T09:30:00.123Z", [[1, 2]], [1, 2, 3])

    persons = identity.persons()
    assert persons["1"] == persons["2"] != persons["3"]
    opened = rows(Zone.CURATED, "identity_map")
    assert {(row["run_id"], row["version"], row["valid_to"]) for row in opened} == {("run-1", 1772357400123, None)}
    assert {row["valid_from"].isoformat() for row in opened} == {"2026-03-01T09:30:00.123000"}
    sent = messages()
    assert len(sent) == counts["messages"]
    people = [message for message in sent if message["kind"] == "person"]
    assert {(m["op"], m["person_id"], m["record_count"]) for m in people} == {
        ("upsert", persons["1"], 2),
        ("upsert", persons["3"], 1),
    }
    assert all(message["version"] == 1772357400123 for message in sent)
    keys = {row["identifier_key"]: row["person_id"] for row in rows(Zone.CURATED, "identifier_map")}
    assert keys[identifier_key(SECRET.encode(), IdentifierType.CRM_ID, "C000002")] == persons["1"]
    assert {m["key"]: m["person_id"] for m in sent if m["kind"] == "identifier"} == keys
    assert view()[email_item(2)] == persons["1"]
    assert len(view()) == len(keys) == 6


def test_a_repeated_run_leaves_the_same_state(identity: Identity, rows: Rows) -> None:
    identity.resolve("run-1", "2026-03-01T09:30:00Z", [[1, 2]], [1, 2, 3])
    identity.resolve("run-2", "2026-03-02T09:30:00Z", [[1, 2, 3]], [1, 2, 3])

    def state() -> list[Any]:
        names = ("identity_map", "identifier_map", "latest_identity_changes")
        tables = [rows(Zone.CURATED, name) for name in names]
        return [sorted(map(repr, table)) for table in tables] + [view()]

    before, sent = state(), messages()
    identity.resolve("run-2", "2026-03-02T09:30:00Z", [[1, 2, 3]], [1, 2, 3])

    assert state() == before
    assert messages() == sent


def test_a_merge_creates_an_alias_and_undoing_it_removes_the_alias(identity: Identity, rows: Rows) -> None:
    identity.resolve("run-1", "2026-03-01T09:30:00Z", [[1, 2]], [1, 2, 3])
    first = identity.persons()
    identity.resolve("run-2", "2026-03-02T09:30:00Z", [[1, 2, 3]], [1, 2, 3])

    assert set(identity.persons().values()) == {first["1"]}
    assert view()[f"PERSON#{first['3']}", "ALIAS"] == first["1"]
    assert view()[email_item(3)] == first["1"]
    gone = [m for m in messages() if m["kind"] == "person" and m["op"] == "delete"]
    assert [(m["person_id"], m["survivor_id"]) for m in gone] == [(first["3"], first["1"])]
    (closed,) = rows(Zone.CURATED, "identity_map", "valid_to IS NOT NULL")
    assert (closed["record_id"], closed["person_id"]) == ("crm_contacts:C000003", first["3"])
    assert closed["valid_to"].isoformat() == "2026-03-02T09:30:00"

    identity.resolve("run-3", "2026-03-03T09:30:00Z", [[1, 2]], [1, 2, 3])

    assert identity.persons() == first
    assert (f"PERSON#{first['3']}", "ALIAS") not in view()
    assert view()[email_item(3)] == first["3"]


def test_identifiers_of_a_deleted_record_have_no_owner(identity: Identity, rows: Rows) -> None:
    identity.resolve("run-1", "2026-03-01T09:30:00Z", [], [1, 2])
    identity.resolve("run-2", "2026-03-02T09:30:00Z", [], [1])

    assert email_item(2) not in view()
    deleted = [m["key"] for m in messages() if m["kind"] == "identifier" and m["op"] == "delete"]
    assert identifier_key(SECRET.encode(), IdentifierType.EMAIL, "user2@example.com") in deleted
    assert len(rows(Zone.CURATED, "identifier_map")) == 2


def test_a_run_without_its_stream_writes_nothing(identity: Identity, rows: Rows) -> None:
    kinesis = boto3.client("kinesis")
    kinesis.delete_stream(StreamName=STREAM)

    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        identity.resolve("run-1", "2026-03-01T09:30:00Z", [], [1, 2])

    assert_nothing_is_written(rows)
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)


def test_a_run_too_large_for_its_driver_fails_and_writes_nothing(identity: Identity, rows: Rows) -> None:
    message = r"at most 1 rows of a table, but curated\.identity_records has 2; nothing was written\. If unification"
    with pytest.raises(TooManyRecordsError, match=message):
        identity.resolve("run-1", "2026-03-01T09:30:00Z", [], [1, 2], most_records=1)

    assert_nothing_is_written(rows)
    assert messages() == []


def test_messages_of_an_older_stream_are_published_again(identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    identity.resolve("run-1", "2026-03-01T09:30:00Z", [[1, 2, 3]], [1, 2, 3])
    identity.resolve("run-2", "2026-03-02T09:30:00Z", [[1, 2]], [1, 2])
    known = {message.get("key") or message["person_id"]: message for message in messages()}

    monkeypatch.setattr(streams, "created_at", lambda *_: run_version("2026-03-02T18:00:00Z"))
    sent = len(messages())
    identity.resolve("run-3", "2026-03-03T09:30:00Z", [[1, 2]], [1, 2])

    version = run_version("2026-03-03T09:30:00Z")
    again = {message.get("key") or message["person_id"]: message for message in messages()[sent:]}
    assert again == {about: {**message, "version": version} for about, message in known.items()}
    assert identity.resolve("run-4", "2026-03-04T09:30:00Z", [[1, 2]], [1, 2])["messages"] == 0


def test_a_run_publishes_only_changes(identity: Identity, rows: Rows) -> None:
    identity.resolve("run-1", "2026-03-01T09:30:00Z", [[1, 2]], [1, 2, 3])
    sent = len(messages())
    items = boto3.resource("dynamodb").Table(VIEW).scan()["Items"]

    assert identity.resolve("run-2", "2026-03-02T09:30:00Z", [[1, 2]], [1, 2, 3])["messages"] == 0
    assert boto3.resource("dynamodb").Table(VIEW).scan()["Items"] == items
    moved = identity.resolve("run-3", "2026-03-03T09:30:00Z", [[1, 2]], [1, 2, 3], city="Elm", birth_date=AT.date())

    assert moved["messages"] == 1
    (message,) = messages()[sent:]
    person = identity.persons()["1"]
    assert message.items() >= {
        "kind": "person", "op": "upsert", "person_id": person, "city": "Elm", "birth_date": "2026-03-01",
        "version": run_version("2026-03-03T09:30:00Z"),
    }.items()  # fmt: skip
    (row,) = rows(Zone.CURATED, "latest_identity_changes", f"subject = '{person}'")
    assert {**row, "birth_date": str(row["birth_date"])}.items() >= message.items()
    assert all(row["told_at"] for row in rows(Zone.CURATED, "latest_identity_changes"))


STOPS = {
    "changes": (lake, "upsert", 1),
    "messages": (streams, "put_records", 0),
    "half of the messages": (StreamWriter, "put", 0),
    "former ids": (single_view, "write", 0),
    "single view": (single_view, "write", 1),
    "identifier map": (lake, "replace", 0),
    "mark": (lake, "update", 0),
}


class StopError(RuntimeError):
    """The run was stopped here."""


@pytest.mark.parametrize("repeated", [True, False], ids=["repeated", "followed"])
@pytest.mark.parametrize("stop", STOPS)
def test_a_run_that_stops_loses_nothing(
    identity: Identity, rows: Rows, monkeypatch: pytest.MonkeyPatch, stop: str, *, repeated: bool
) -> None:
    identity.resolve("run-1", "2026-03-01T09:30:00Z", [[1, 2]], [1, 2, 3])
    with monkeypatch.context() as patched:
        stop_at(patched, stop)
        with pytest.raises(StopError):
            identity.resolve("run-2", "2026-03-02T09:30:00Z", [[1, 2, 3]], [1, 2, 3], city="Elm")
    if repeated:
        identity.resolve("run-2", "2026-03-02T09:30:00Z", [[1, 2, 3]], [1, 2, 3], city="Elm")
    else:  # the same state as before the stopped run
        identity.resolve("run-3", "2026-03-03T09:30:00Z", [[1, 2]], [1, 2, 3])

    latest: dict[str, dict[str, Any]] = {}
    for message in sorted(messages(), key=lambda m: m["version"]):
        latest[message.get("key") or message["person_id"]] = message
    persons = identity.persons()
    people = {m["person_id"]: m["city"] for m in latest.values() if (m["kind"], m["op"]) == ("person", "upsert")}
    city = "Elm" if repeated else None
    assert people == {person: city if person == persons["1"] else None for person in persons.values()}
    keys = {row["identifier_key"]: row["person_id"] for row in rows(Zone.CURATED, "identifier_map")}
    assert {key: m["person_id"] for key, m in latest.items() if m["kind"] == "identifier"} == keys
    assert keys == {
        identifier_key(SECRET.encode(), kind, value): persons[n]
        for n in "123"
        for kind, value in [(IdentifierType.CRM_ID, f"C00000{n}"), (IdentifierType.EMAIL, f"user{n}@example.com")]
    }
    aliases = {pk for pk, sk in view() if sk == "ALIAS"}
    merged = [m for m in latest.values() if (m["kind"], m["op"]) == ("person", "delete")]
    assert aliases == {f"PERSON#{m['person_id']}" for m in merged}
    assert len(merged) == int(repeated)
    assert {view()[email_item(int(n))] for n in "123"} == set(persons.values())


def stop_at(patched: pytest.MonkeyPatch, stop: str) -> None:
    """Stop a run at one of its writes; `put` stops after the first record."""
    owner, name, calls = STOPS[stop]
    real: Any = getattr(owner, name)
    seen = 0

    def stopped(*arguments: Any, **named: Any) -> Any:
        nonlocal seen
        seen += 1
        if owner is StreamWriter:
            writer, records = arguments
            list(real(writer, islice(records, 1)))
            raise StopError
        if seen > calls:
            raise StopError
        return real(*arguments, **named)

    patched.setattr(owner, name, stopped)


def test_messages_older_than_the_table_of_changes_are_published_once_more(identity: Identity, rows: Rows) -> None:
    identity.resolve("run-1", "2026-03-01T09:30:00Z", [], [1, 2, 3])
    identity.spark.sql("DELETE FROM glue_catalog.c360_dev_curated.latest_identity_changes WHERE true")
    sent = len(messages())

    identity.resolve("run-2", "2026-03-02T09:30:00Z", [], [1, 2])

    again = Counter((message["kind"], message["op"]) for message in messages()[sent:])
    assert again == {
        ("person", "upsert"): 2, ("person", "delete"): 1, ("identifier", "upsert"): 4, ("identifier", "delete"): 2,
    }  # fmt: skip
    assert len(rows(Zone.CURATED, "latest_identity_changes")) == 9
    assert len(rows(Zone.CURATED, "identifier_map")) == 4


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no zone; end it with Z"):
        run_version("2026-03-01T09:30:00")
    assert run_version("2026-03-01T09:30:00.5Z") == 1772357400500
