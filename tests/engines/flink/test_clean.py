"""`clean` on real Flink: every event goes to exactly one output, once, with its session."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyflink.table import DataTypes, EnvironmentSettings, StreamTableEnvironment, TableEnvironment

from c360_core import contracts
from c360_core.interaction import MAX_EVENT_BYTES, rejected_id
from c360_core.names import Stream
from flink_apps.clean.pipeline import Tables, build
from flink_apps.clean.tables import events_table, interactions_table
from flink_apps.shared.properties import StreamProperties, StreamProvider
from flink_apps.shared.tables import JSON_FORMAT, contract_columns, create_table
from tests.engines.flink.clean_support import JAR, KnownSecret, cluster_configuration, new_environment, rows_of
from tests.factories.events import event

GAP_MINUTES = 30
INTERACTION_COLUMNS = (
    "event_id",
    "event_type",
    "customer_key",
    "identifier_keys",
    "session_id",
    "session_start",
    "amount",
    "payload",
    "identifiers",
)
REJECTED_COLUMNS = (
    "rejected_id",
    "source",
    "reason_code",
    "reason",
    "contract_version",
    "run_id",
    "body",
    "fixed_by",
)


def at(clock: str, **fields: Any) -> dict[str, Any]:
    """Return a page view of device d-1 at a time of one day."""
    return event(occurred_at=f"2026-03-01T{clock}:00.000Z", **{"identifiers": {"device_id": ["d-1"]}, **fields})


ORDER = event("pos_transactions", "order_placed", event_id="order")
RETURN = event("pos_transactions", "order_returned", event_id="return")
VISIT = [
    at("09:00", event_id="first"),
    at("09:30", event_id="at the gap"),
    at("10:01", event_id="after the gap"),
    at("09:10", event_id="late"),
    at("10:20", event_id="after the late one"),
]
OTHER_VISIT = at("10:02", event_id="other device", identifiers={"device_id": ["d-2"]})
COOKIE = at("10:02", event_id="cookie", identifiers={"cookie_id": ["k-1"]})
# A duplicate that arrives after its session has ended, during another one.
COPY = VISIT[0]
UNPLANNED = event(event_id="unplanned", identifiers={"email": ["ada@mail.org"]}) | {"event_type": "Wishlist Shared"}
BARE_ORDER = event("pos_transactions", "order_placed", event_id="bare order", payload={"lines": ...})
JOINED = event(
    event_type="identities_joined", event_id="joined", identifiers={"device_id": ["d-1"], "loyalty_id": ["L0000001"]}
)
SCREEN = event(event_type="screen_viewed", event_id="screen", identifiers={"device_id": ["d-3"]})
GROUP = event(event_type="group_joined", event_id="group", identifiers={"loyalty_id": ["L0000001"]})
WIRE = [UNPLANNED, BARE_ORDER, JOINED, SCREEN, GROUP]
GOOD = [ORDER, *VISIT, OTHER_VISIT, COOKIE, RETURN, *WIRE]
BAD: dict[str, bytes] = {
    "MALFORMED_JSON": b"{broken",
    "WRONG_ENCODING": b'{"source": "caf\xe9"}',
    "OVERSIZE": json.dumps(event(payload={"title": "x" * MAX_EVENT_BYTES})).encode(),
    "UNKNOWN_SOURCE": json.dumps(event() | {"source": "fax"}).encode(),
    "UNKNOWN_EVENT_TYPE": json.dumps(event() | {"event_type": "case_opened"}).encode(),
    "MISSING_FIELD": json.dumps(event(payload={"url": ...})).encode(),
    "WRONG_TYPE": json.dumps(event(payload={"url": 7})).encode(),
    "OUT_OF_RANGE": json.dumps(event(schema_version=2)).encode(),
    "FUTURE_EVENT": json.dumps(event(occurred_at="2999-01-01T00:00:00.000Z")).encode(),
    "NO_IDENTIFIER": json.dumps(event(identifiers={})).encode(),
}
RECORDS = [*(json.dumps(document).encode() for document in [*GOOD, COPY, ORDER]), *BAD.values(), BAD["MALFORMED_JSON"]]


@dataclass(frozen=True)
class Outcome:
    """The content of the sinks after the job."""

    stream: list[dict[str, Any]]
    lake: dict[str, dict[str, Any]]
    duplicates: list[dict[str, Any]]
    rejected: list[dict[str, Any]]


def define(flink: StreamTableEnvironment, folder: Path, records: Sequence[bytes]) -> Tables:
    """Define the literal records as the source, files as the stream, and Iceberg tables as the lake."""
    columns = DataTypes.ROW([DataTypes.FIELD("body", DataTypes.BYTES())])
    flink.create_temporary_view("literal", flink.from_elements([(bytearray(body),) for body in records], columns))
    flink.execute_sql("CREATE TEMPORARY VIEW events AS SELECT body, PROCTIME() AS arrived_at FROM literal")
    products = contracts.load()
    stream = contract_columns(products.product("interactions").table)
    files = {"connector": "filesystem", "path": (folder / "stream").as_uri(), **JSON_FORMAT}
    flink.execute_sql(create_table("interactions", stream, options=files))
    flink.execute_sql(lake_of(folder))
    flink.execute_sql("CREATE DATABASE lake.db")
    for name in ("interactions", "duplicates", "rejected"):
        fields = ", ".join(f"`{n}` {t}" for n, t in contract_columns(products.product(name).table, lake=True))
        # Iceberg stores microseconds, as in the columns of the templates.
        flink.execute_sql(f"CREATE TABLE lake.db.{name} ({fields.replace('LTZ(3)', 'LTZ(6)')})")
    return Tables(
        source="events",
        interactions="interactions",
        lake_interactions="lake.db.interactions",
        duplicates="lake.db.duplicates",
        rejected="lake.db.rejected",
    )


def reading_environment() -> TableEnvironment:
    """Return an environment that reads finished tables."""
    settings = EnvironmentSettings.new_instance().in_batch_mode().with_configuration(cluster_configuration()).build()
    environment = TableEnvironment.create(settings)
    environment.get_config().set("table.local-time-zone", "UTC")
    return environment


def lake_of(folder: Path) -> str:
    """Return a catalog of Iceberg tables in a folder."""
    return (
        "CREATE CATALOG lake WITH ('type'='iceberg', 'catalog-type'='hadoop', "
        f"'warehouse'='{(folder / 'lake').as_uri()}')"
    )


def statements(flink: StreamTableEnvironment, folder: Path, records: Sequence[bytes] = RECORDS) -> Any:
    """Return the job over the tables of the test."""
    return build(
        flink, define(flink, folder, records), secret=KnownSecret(), session_gap_minutes=GAP_MINUTES, run_id="test"
    )


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The one job of most of these tests, finished."""
    return finished(tmp_path_factory.mktemp("clean"), RECORDS)


def finished(folder: Path, records: Sequence[bytes]) -> Outcome:
    """Run the job over these records to its end."""
    statements(new_environment(), folder, records).execute().wait()
    reader = reading_environment()
    reader.execute_sql(lake_of(folder))
    lines = [line for path in (folder / "stream").iterdir() for line in path.read_text(encoding="utf-8").splitlines()]
    return Outcome(
        stream=[json.loads(line, parse_float=Decimal) for line in lines],
        lake={row["event_id"]: row for row in rows_of(reader, "lake.db.interactions", INTERACTION_COLUMNS)},
        duplicates=list(rows_of(reader, "lake.db.duplicates", ("event_id", "source"))),
        rejected=list(rows_of(reader, "lake.db.rejected", REJECTED_COLUMNS)),
    )


class TestEveryEventHasOnePlace:
    def test_sent_is_clean_and_duplicate_and_rejected(self, outcome):
        assert len(outcome.lake) + len(outcome.duplicates) + len(outcome.rejected) == len(RECORDS)

    def test_each_good_event_is_once_in_the_lake_and_once_on_the_stream(self, outcome):
        expected = sorted(document["event_id"] for document in GOOD)
        assert sorted(outcome.lake) == expected
        assert sorted(row["event_id"] for row in outcome.stream) == expected

    def test_a_copy_is_a_duplicate(self, outcome):
        assert sorted(row["event_id"] for row in outcome.duplicates) == ["first", "order"]

    def test_each_source_numbers_its_own_events(self, tmp_path):
        shop, till = at("09:00", event_id="1001"), event("pos_transactions", "order_placed", event_id="1001")
        outcome = finished(tmp_path, [json.dumps(document).encode() for document in (shop, till, till)])
        assert {row["source"] for row in outcome.stream} == {"web_events", "pos_transactions"}
        assert outcome.duplicates == [{"event_id": "1001", "source": "pos_transactions"}]

    def test_each_reason_is_found_with_the_record_as_received(self, outcome):
        codes = Counter(row["reason_code"] for row in outcome.rejected)
        assert codes == Counter([*BAD, "MALFORMED_JSON"])
        bodies = {row["reason_code"]: row["body"] for row in outcome.rejected}
        assert bodies["MALFORMED_JSON"] == "{broken"
        assert bodies["WRONG_ENCODING"] == '{"source": "caf\\xe9"}'
        assert bodies["OVERSIZE"] == BAD["OVERSIZE"].decode()

    def test_equal_bad_records_are_two_rejections(self, outcome):
        assert len({row["rejected_id"] for row in outcome.rejected}) == len(outcome.rejected)

    def test_a_stream_that_is_read_again_gives_the_same_rejections(self, outcome, tmp_path):
        broken = BAD["MALFORMED_JSON"]
        again = finished(tmp_path, [RECORDS[0], *reversed(BAD.values()), broken, broken])
        ids = {row["rejected_id"] for row in again.rejected}
        assert len(ids) == len(again.rejected) == len(outcome.rejected) + 1
        assert ids > {row["rejected_id"] for row in outcome.rejected}

    def test_the_id_of_a_rejection_is_that_of_its_bytes(self, outcome):
        """Also those that an earlier version gave: a stream that is read again must not give others."""
        position = hashlib.sha256(BAD["MISSING_FIELD"]).hexdigest()
        [row] = [row for row in outcome.rejected if row["reason_code"] == "MISSING_FIELD"]
        assert row["rejected_id"] == rejected_id(position)

    def test_a_rejection_says_who_and_by_which_contract(self, outcome):
        row = next(row for row in outcome.rejected if row["reason_code"] == "MISSING_FIELD")
        assert (row["source"], row["run_id"], row["contract_version"], row["fixed_by"]) == (
            "web_events",
            "test",
            contracts.load().version,
            None,
        )
        assert row["reason"] == "`payload.url` is missing; send it"


class TestInteractions:
    def test_money_is_exact_and_negative_for_a_return(self, outcome):
        assert outcome.lake["order"]["amount"] == Decimal("12.34")
        assert outcome.lake["return"]["amount"] == Decimal("-2.34")
        assert {row["event_id"]: row.get("amount") for row in outcome.stream}["order"] == Decimal("12.34")

    def test_times_on_the_stream_are_iso_8601_utc(self, outcome):
        assert {row["event_id"]: row["occurred_at"] for row in outcome.stream}["first"] == "2026-03-01T09:00:00Z"

    def test_clear_identifiers_are_in_the_lake_and_not_on_the_stream(self, outcome):
        assert json.loads(outcome.lake["cookie"]["identifiers"]) == {"cookie_id": ["k-1"]}
        assert all("identifiers" not in row for row in outcome.stream)
        assert "k-1" not in json.dumps(outcome.stream, default=str)

    def test_keys_are_hashed_strongest_first(self, outcome):
        row = outcome.lake["order"]
        assert row["customer_key"] == row["identifier_keys"][0]
        assert row["customer_key"].startswith("loyalty_id:")

    def test_the_payload_is_what_was_sent(self, outcome):
        assert json.loads(outcome.lake["order"]["payload"]) == ORDER["payload"]

    def test_an_event_that_no_contract_names_is_kept_with_its_name_and_no_money(self, outcome):
        row = outcome.lake["unplanned"]
        assert (row["event_type"], row["amount"]) == ("custom_event", None)
        assert json.loads(row["payload"]) == {"name": "Wishlist Shared", "properties": UNPLANNED["payload"]}
        assert {row["event_id"]: row["event_type"] for row in outcome.stream}["unplanned"] == "custom_event"

    def test_an_order_without_lines_is_an_order(self, outcome):
        assert outcome.lake["bare order"]["amount"] == Decimal("12.34")

    def test_a_joining_of_identities_has_all_keys_and_no_session(self, outcome):
        row = outcome.lake["joined"]
        assert [key.partition(":")[0] for key in row["identifier_keys"]] == ["loyalty_id", "device_id"]
        assert (row["session_id"], row["session_start"]) == (None, False)

    def test_screens_and_groups_are_interactions(self, outcome):
        assert outcome.lake["screen"]["session_start"]
        assert json.loads(outcome.lake["group"]["payload"]) == GROUP["payload"]


class TestSessions:
    def session(self, outcome: Outcome, event_id: str) -> tuple[str, bool]:
        row = outcome.lake[event_id]
        return row["session_id"], row["session_start"]

    def test_events_within_the_gap_are_one_session(self, outcome):
        first, started = self.session(outcome, "first")
        assert (started, self.session(outcome, "at the gap")) == (True, (first, False))

    def test_a_longer_pause_starts_another(self, outcome):
        session, started = self.session(outcome, "after the gap")
        assert started
        assert session != self.session(outcome, "first")[0]

    def test_a_late_event_joins_the_running_session_and_changes_nothing(self, outcome):
        running, _ = self.session(outcome, "after the gap")
        assert self.session(outcome, "late") == (running, False)
        assert self.session(outcome, "after the late one") == (running, False)

    def test_each_device_and_cookie_has_its_own(self, outcome):
        sessions = {self.session(outcome, name) for name in ("after the gap", "other device", "cookie")}
        assert len(sessions) == 3
        assert all(started for _, started in sessions)

    def test_the_id_says_whose_session_it_is_and_when_it_started(self, outcome):
        session, _ = self.session(outcome, "first")
        key, _, started = session.rpartition("-")
        assert (key, started) == (outcome.lake["first"]["customer_key"], "1772355600000")

    def test_a_till_event_has_no_session(self, outcome):
        assert self.session(outcome, "order") == (None, False)


def test_the_function_sees_each_record_once(tmp_path):
    """All four sinks share one reading of the source and one evaluation of the Python function."""
    plan = statements(new_environment(), tmp_path).explain().partition("== Optimized Execution Plan ==")[2]
    assert plan.count("PythonCalc(") == 1
    assert plan.count("TableSourceScan(") == 1
    assert plan.count("OverAggregate(partitionBy=[source, event_id]") == 1
    assert plan.count("Sink(") == 4


def plan_on(streams: StreamProperties) -> str:
    """Return the plan of the deployed dataflow: its stream tables, and a lake that discards rows."""
    flink = new_environment()
    for statement in (events_table(streams), interactions_table(streams)):
        flink.execute_sql(statement)
    for name in ("lake_interactions", "duplicates", "rejected"):
        table = contracts.load().product(name.removeprefix("lake_")).table
        flink.execute_sql(create_table(name, contract_columns(table, lake=True), options={"connector": "blackhole"}))
    names = Tables(
        source="events",
        interactions="interactions",
        lake_interactions="lake_interactions",
        duplicates="duplicates",
        rejected="rejected",
    )
    job = build(flink, names, secret=KnownSecret(), session_gap_minutes=GAP_MINUTES, run_id="test")
    return str(job.explain())


@pytest.mark.parametrize("provider", StreamProvider)
def test_the_flow_plans_on_either_kind_of_streams(provider):
    """With Kinesis the connector alone may be missing, where the jar does not carry it."""
    streams = StreamProperties(
        provider=provider,
        region="us-east-1",
        names={stream: str(stream) for stream in Stream},
        arns={stream: f"arn:aws:kinesis:us-east-1:123456789012:stream/{stream}" for stream in Stream},
        bootstrap_servers="localhost:9092",
    )

    if provider is StreamProvider.KAFKA or carries_kinesis():
        assert "TableSourceScan(table=[[default_catalog, default_database, events]]" in plan_on(streams)
    else:
        with pytest.raises(Exception, match="Could not find any factory for identifier 'kinesis'"):
            plan_on(streams)


def carries_kinesis() -> bool:
    return b"org/apache/flink/connector/kinesis/table/KinesisDynamicTableFactory" in JAR.read_bytes()
