"""Tables of a real PostgreSQL and a real MariaDB, read over TLS and landed; the lake holds what the databases hold."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from c360_core import contracts
from c360_core import landing as landed
from c360_core.names import Zone
from glue_jobs.extract_tables import main
from glue_jobs.extract_tables.database import DatabaseError
from glue_jobs.extract_tables.main import ExtractArguments, Extraction, TooManyGoneError, cut_points, extract
from glue_jobs.ingest_files.main import IngestArguments, ingest
from twin.engines.databases import DatabaseServer, start_mariadb, start_postgresql

PROGRESS = "progress"
STREAM = "c360-dev-events"
BUCKET = "test-landing"
ORDERS, CUSTOMERS = "erp_orders", "erp_customers"
LINES = '[{"product_id": "p1", "quantity": 2, "amount": "12.34"}]'
ORDER_TABLE = """
CREATE SCHEMA IF NOT EXISTS sales;
DROP TABLE IF EXISTS sales.customer_orders;
CREATE TABLE sales.customer_orders (
  order_number text PRIMARY KEY, customer_number text NOT NULL, crm_id text, email text NOT NULL, phone text,
  order_status text NOT NULL, currency char(3) NOT NULL, total numeric(14,2) NOT NULL, lines jsonb NOT NULL,
  ordered_at timestamptz NOT NULL, cancelled_at timestamptz, updated_at timestamptz NOT NULL, internal_note text)
"""
CUSTOMER_TABLE = """
DROP TABLE IF EXISTS customers;
CREATE TABLE customers (
  customer_number varchar(20) PRIMARY KEY, crm_id varchar(20), first_name varchar(100), last_name varchar(100),
  email varchar(320) NOT NULL, phone varchar(64), street varchar(200), city varchar(100), state char(2),
  postal_code varchar(10), newsletter tinyint(1), newsletter_at timestamp(6) NULL,
  updated_at timestamp(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6))
"""

Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module", autouse=True)
def _no_trust_store_is_left() -> Iterator[None]:
    """The job writes trust stores into the working folder, which on AWS ends with the run and here is the clone."""
    yield
    for written in Path().glob("c360-trust-*.p12"):
        written.unlink()


class Sql:
    """Runs SQL on a server, by Java's own driver manager."""

    def __init__(self, spark: SparkSession, server: DatabaseServer, url: str, **properties: str) -> None:
        self._java: Any = spark.sparkContext._jvm
        self.server, self.url = server, url
        self._properties = {"user": server.user, "password": server.password, **properties}

    def __call__(self, *statements: str) -> None:
        properties = self._java.java.util.Properties()
        for name, value in self._properties.items():
            properties.setProperty(name, value)
        connection = self._java.java.sql.DriverManager.getConnection(self.url, properties)
        try:
            for statement in statements:
                connection.createStatement().execute(statement)
        finally:
            connection.close()


@dataclass(frozen=True)
class Place:
    """A source whose database runs: SQL, and how its job runs."""

    sql: Sql
    source: str
    spark: SparkSession

    def arguments(self, **values: str) -> ExtractArguments:
        given = {"mode": "increment", "accept_deletions": "", **values}
        return ExtractArguments(
            environment="dev", connection=f"test-{self.source}", landing_bucket=BUCKET, progress_table=PROGRESS,
            source=self.source, **given,
        )  # fmt: skip

    def extract(self, *, run_id: str = "jr_1", **values: str) -> Mapping[str, int]:
        return extract(self.spark, self.arguments(**values), run_id=run_id)

    def landed(self) -> Sequence[str]:
        listed = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{self.source}/").get("Contents", [])
        return [each["Key"] for each in sorted(listed, key=lambda each: (each["LastModified"], each["Key"]))]

    def ingest(self, *, now: datetime | None = None) -> Mapping[str, int]:
        """Ingest what has landed, as the state machine would; return the sums."""
        total = {"received": 0, "loaded": 0, "rejected": 0, "published": 0}
        for key in self.landed():
            at = now or datetime.now(UTC)
            file = landed.LandedFile(bucket=BUCKET, key=key, landed_at=at.isoformat(), size=1)
            counts = ingest(self.spark, file, INGEST, run_id="jr_i", now=at)
            total = {name: total[name] + counts[name] for name in total}
            boto3.client("s3").delete_object(Bucket=BUCKET, Key=key)
        return total


INGEST = IngestArguments(
    environment="dev",
    events_stream=STREAM,
    quarantine_bucket="test-quarantine",
    results_bucket="test-results",
    manifest="ingestion/files-test.json",
)


def connect(source: str, url: str, server: DatabaseServer, **secret: str) -> None:
    name = f"test-{source}"
    values = {"username": server.user, "password": server.password, "certificate": server.authority, **secret}
    secrets, glue = boto3.client("secretsmanager"), boto3.client("glue")
    secrets.create_secret(Name=name, SecretString=json.dumps(values))
    glue.create_connection(
        ConnectionInput={
            "Name": name,
            "ConnectionType": "JDBC",
            "ConnectionProperties": {"JDBC_CONNECTION_URL": url, "SECRET_ID": name, "JDBC_ENFORCE_SSL": "true"},
        }
    )


@pytest.fixture(scope="module")
def postgres(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sql]:
    server = start_postgresql(tmp_path_factory.mktemp("postgres"), database="erp", password="a b'c")
    url = f"jdbc:postgresql://127.0.0.1:{server.port}/erp"
    connect(ORDERS, url, server)
    yield Sql(spark, server, url, sslmode="require")
    server.stop()


@pytest.fixture(scope="module")
def maria(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sql]:
    server = start_mariadb(tmp_path_factory.mktemp("maria"), database="accounts", password="a b-c")
    url = f"jdbc:mysql://127.0.0.1:{server.port}/accounts"
    connect(CUSTOMERS, url, server)
    yield Sql(spark, server, url, sslMode="REQUIRED", connectionTimeZone="UTC", forceConnectionTimeZoneToSession="true")
    server.stop()


@pytest.fixture
def clean(spark: SparkSession) -> Iterator[None]:
    """Give each test empty tables, an empty stream and no progress."""
    for table in (f"c360_dev_raw.{ORDERS}", f"c360_dev_raw.{CUSTOMERS}", "c360_dev_quarantine.rejected"):
        spark.sql(f"DELETE FROM glue_catalog.{table} WHERE true")
    boto3.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
    boto3.client("dynamodb").create_table(
        TableName=PROGRESS,
        KeySchema=[{"AttributeName": "source", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "source", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield
    boto3.client("kinesis").delete_stream(StreamName=STREAM)
    boto3.client("dynamodb").delete_table(TableName=PROGRESS)
    s3 = boto3.client("s3")
    for source in (ORDERS, CUSTOMERS):
        for each in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{source}/").get("Contents", []):
            s3.delete_object(Bucket=BUCKET, Key=each["Key"])


@pytest.fixture
def orders(spark: SparkSession, postgres: Sql, clean: None) -> Place:
    postgres(ORDER_TABLE)
    return Place(postgres, ORDERS, spark)


@pytest.fixture
def customers(spark: SparkSession, maria: Sql, clean: None) -> Place:
    maria(*CUSTOMER_TABLE.strip().split(";\n"))
    return Place(maria, CUSTOMERS, spark)


def order(number: int, *, updated: str = "now() - interval '1 hour'", **values: str) -> str:
    cells = {
        "order_number": f"'E{number:06d}'", "customer_number": "'D000001'", "email": "'ann@example.com'",
        "order_status": "'open'", "currency": "'USD'", "total": "12.34", "lines": f"'{LINES}'",
        "ordered_at": f"now() - interval '1 day' - interval '{number} minutes'", "updated_at": updated, **values,
    }  # fmt: skip
    return f"INSERT INTO sales.customer_orders ({', '.join(cells)}) VALUES ({', '.join(cells.values())})"


def published() -> list[dict[str, Any]]:
    kinesis = boto3.client("kinesis")
    shard = kinesis.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return [json.loads(r["Data"]) for r in kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]]


def test_rows_arrive_in_ranges_with_their_values_and_become_events(orders: Place, rows: Rows) -> None:
    orders.sql(*[order(number) for number in range(1, 41)])
    orders.sql(order(99, ordered_at="TIMESTAMPTZ '2026-03-01 01:30:00.123456+02'", total="999999999999.99",
                     email="'zo\u00eb,\"q\"@example.com'", order_status="'shipped'"))  # fmt: skip

    assert orders.extract() == {"landed": 41}
    assert len(orders.landed()) > 1  # one file a range
    counts = orders.ingest()

    assert counts == {"received": 41, "loaded": 41, "rejected": 0, "published": 41}
    stored = {row["order_number"]: row for row in rows(Zone.RAW, ORDERS)}
    assert len(stored) == 41
    assert stored["E000099"]["ordered_at"].isoformat() == "2026-02-28T23:30:00.123456"
    assert stored["E000099"]["total"] == Decimal("999999999999.99")
    assert stored["E000099"]["email"] == 'zo\u00eb,"q"@example.com'
    assert stored["E000099"]["phone"] is stored["E000099"]["deleted_at"] is None
    events = published()
    assert {event["event_type"] for event in events} == {"order_placed"}
    assert {event["payload"]["total"] for event in events} == {"12.34", "999999999999.99"}
    assert events[0]["payload"]["lines"] == [{"product_id": "p1", "quantity": 2, "amount": "12.34"}]


def test_an_increment_brings_what_changed_and_an_overlap_duplicates_nothing(orders: Place, rows: Rows) -> None:
    orders.sql(order(1), order(2, updated="now() - interval '5 minutes'"))
    assert orders.extract() == {"landed": 2}
    orders.ingest()
    before = published()

    orders.sql(order(3, updated="now()"))
    orders.sql("UPDATE sales.customer_orders SET total = 20, updated_at = now() WHERE order_number = 'E000001'")
    assert orders.extract(run_id="jr_2") == {"landed": 3}  # the second order lies in the overlap
    orders.ingest()

    stored = {row["order_number"]: row["total"] for row in rows(Zone.RAW, ORDERS)}
    assert stored == {"E000001": Decimal("20.00"), "E000002": Decimal("12.34"), "E000003": Decimal("12.34")}
    ids = [event["event_id"] for event in published()[len(before) :]]
    assert len(set(ids) - {event["event_id"] for event in before}) == 1  # an order is placed once


def test_a_quiet_source_lands_nothing_and_moves_on(orders: Place) -> None:
    orders.sql(order(1))
    orders.extract()
    first = boto3.client("dynamodb").get_item(TableName=PROGRESS, Key={"source": {"S": ORDERS}})["Item"]
    landed_before = orders.landed()

    assert orders.extract(run_id="jr_2") == {"landed": 0}

    second = boto3.client("dynamodb").get_item(TableName=PROGRESS, Key={"source": {"S": ORDERS}})["Item"]
    assert second["read_to"]["S"] > first["read_to"]["S"]
    assert orders.landed() == landed_before


def test_a_run_that_dies_between_landing_and_progress_is_repeated(
    orders: Place, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.sql(*[order(number) for number in range(1, 6)])

    def die(*_arguments: Any, **_values: Any) -> bool:
        raise KeyboardInterrupt("the worker is gone")

    with monkeypatch.context() as patched:
        patched.setattr(main.Progress, "advance", die)
        with pytest.raises(KeyboardInterrupt):
            orders.extract()
    assert len(orders.landed()) > 0  # the rows are there, the progress is not
    orders.sql("UPDATE sales.customer_orders SET total = 1 WHERE order_number = 'E000005'")

    assert orders.extract(run_id="jr_2") == {"landed": 5}
    orders.ingest()

    assert len(rows(Zone.RAW, ORDERS)) == 5
    assert len({event["event_id"] for event in published()}) == 5


def test_rows_that_are_gone_are_marked_and_published_and_come_back(orders: Place, rows: Rows) -> None:
    orders.sql(*[order(number) for number in range(1, 5)])
    orders.extract()
    orders.ingest()

    orders.sql("DELETE FROM sales.customer_orders WHERE order_number = 'E000002'")
    assert orders.extract(mode="comparison", run_id="jr_2") == {"gone": 1, "late": 0}
    assert orders.ingest()["rejected"] == 0

    marked = [row for row in rows(Zone.RAW, ORDERS) if row["deleted_at"] is not None]
    assert [(row["order_number"], row["total"]) for row in marked] == [("E000002", Decimal("12.34"))]
    [returned] = [event for event in published() if event["event_type"] == "order_returned"]
    assert returned["payload"] == {
        "order_id": "E000002", "currency": "USD", "total": "12.34", "reason": "gone from the order system",
    }  # fmt: skip
    assert orders.extract(mode="comparison", run_id="jr_3") == {"gone": 0, "late": 0}

    orders.sql(order(2, updated="now() - interval '1 hour'"))  # restored, with its old time of change
    assert orders.extract(mode="comparison", run_id="jr_4") == {"gone": 0, "late": 1}
    orders.ingest()
    assert [row for row in rows(Zone.RAW, ORDERS) if row["deleted_at"] is not None] == []


def test_a_row_that_was_committed_after_its_overlap_arrives_by_the_comparison(orders: Place, rows: Rows) -> None:
    orders.sql(order(1))
    orders.extract()
    orders.sql(order(2, updated="now() - interval '3 hours'"))  # its transaction was open for three hours
    assert orders.extract(run_id="jr_2") == {"landed": 0}
    orders.ingest()

    assert orders.extract(mode="comparison", run_id="jr_3") == {"gone": 0, "late": 1}
    orders.ingest()

    assert len(rows(Zone.RAW, ORDERS)) == 2


def test_a_table_that_lost_most_rows_marks_none_until_somebody_says_so(
    orders: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "FEW_DELETIONS", 1)
    orders.sql(*[order(number) for number in range(1, 5)])
    orders.extract()
    orders.ingest()
    orders.sql("DELETE FROM sales.customer_orders WHERE order_number <> 'E000001'")

    with pytest.raises(TooManyGoneError, match=r"erp_orders: 3 of 4 rows are gone .*accept_deletions"):
        orders.extract(mode="comparison")
    assert orders.landed() == []
    assert orders.extract(mode="comparison", accept_deletions="yes") == {"gone": 3, "late": 0}


def test_mariadb_is_read_over_tls_with_its_truths_times_and_nulls(customers: Place, rows: Rows) -> None:
    columns = "customer_number, email, first_name, newsletter, newsletter_at, updated_at"
    customers.sql(
        f"INSERT INTO customers ({columns}) VALUES "
        "('D000001', 'ann@example.com', 'Zo\u00eb', 1, '2026-03-01 10:00:00.5', '2026-03-01 11:00:00.25'), "
        "('D000002', 'bob@example.com', NULL, 0, '2026-03-01 10:00:00', '2026-03-01 11:00:00'), "
        "('D000003', 'cyd@example.com', NULL, NULL, NULL, '2026-03-01 11:00:00')"
    )

    assert customers.extract() == {"landed": 3}
    assert customers.ingest(now=datetime(2026, 3, 1, 12, tzinfo=UTC))["rejected"] == 0

    stored = {row["customer_number"]: row for row in rows(Zone.RAW, CUSTOMERS)}
    assert [stored[f"D00000{n}"]["newsletter"] for n in (1, 2, 3)] == [True, False, None]
    assert stored["D000001"]["first_name"] == "Zo\u00eb"
    assert stored["D000001"]["updated_at"].isoformat() == "2026-03-01T11:00:00.250000"
    assert stored["D000003"]["newsletter_at"] is None

    customers.sql("DELETE FROM customers WHERE customer_number = 'D000001'")
    assert customers.extract(mode="comparison", run_id="jr_2") == {"gone": 1, "late": 0}
    customers.ingest()
    answers = [e["payload"]["granted"] for e in published() if e["identifiers"]["email"] == ["ann@example.com"]]
    assert answers == [True, False]  # who is gone has taken the consent back


def test_a_server_that_another_authority_vouches_for_is_not_read(
    orders: Place, spark: SparkSession, tmp_path: Path
) -> None:
    from twin.engines.databases import certificate

    other = certificate(tmp_path).authority
    connect("other", orders.sql.url, orders.sql.server, certificate=other)

    with pytest.raises(DatabaseError, match=r"source erp_orders: .* does not chain with any of the trust anchors"):
        extract(spark, replace(orders.arguments(), connection="test-other"), run_id="jr_1")


def test_what_cannot_be_read_names_the_source_and_the_fix(orders: Place, spark: SparkSession) -> None:
    orders.sql("ALTER TABLE sales.customer_orders DROP COLUMN phone")
    with pytest.raises(DatabaseError, match=r"source erp_orders: sales\.customer_orders has no column phone; add it"):
        orders.extract()

    orders.sql("DROP TABLE sales.customer_orders")
    with pytest.raises(DatabaseError, match=r"source erp_orders: connection test-erp_orders shows no sales\.customer"):
        orders.extract()

    down = "jdbc:postgresql://127.0.0.1:1/erp"
    connect("down", down, orders.sql.server)
    with pytest.raises(
        DatabaseError, match=r"source erp_orders: the database 127\.0\.0\.1:1/erp .* Check that it runs"
    ):
        extract(spark, replace(orders.arguments(), connection="test-down"), run_id="jr_1")
    assert boto3.client("dynamodb").get_item(TableName=PROGRESS, Key={"source": {"S": ORDERS}}).get("Item") is None


def test_times_without_a_zone_need_one_in_the_contract(
    orders: Place, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.sql("ALTER TABLE sales.customer_orders ALTER ordered_at TYPE timestamp, ALTER updated_at TYPE timestamp")
    orders.sql(order(1, ordered_at="'2026-07-01 12:00:00'", updated="'2026-07-01 13:00:00'"))
    with pytest.raises(DatabaseError, match=r"times without a zone \(ordered_at, updated_at\); name the zone"):
        orders.extract()

    known = contracts.load()
    zoned = replace(known.source(ORDERS).file_format, zone="America/Chicago")
    source = replace(known.source(ORDERS), file_format=zoned)
    changed = replace(known, sources={**known.sources, ORDERS: source})
    monkeypatch.setattr(main.contracts, "load", lambda: changed)
    assert orders.extract() == {"landed": 1}
    orders.ingest()
    [row] = rows(Zone.RAW, ORDERS)
    assert row["ordered_at"].isoformat() == "2026-07-01T17:00:00"
    monkeypatch.setattr(Extraction, "_database_time", lambda _self: datetime(2026, 7, 1, 18, 30, tzinfo=UTC))
    assert orders.extract(run_id="jr_2") == {"landed": 0}


def test_a_range_is_cut_into_parts_that_cover_it() -> None:
    assert list(cut_points(0, 99, 4)) == [25, 50, 75]
    assert list(cut_points(1, 2, 4)) == [2]
    day = datetime(2026, 3, 1, tzinfo=UTC).date()
    assert list(cut_points(day, day + timedelta(days=3), 2)) == [day + timedelta(days=2)]
