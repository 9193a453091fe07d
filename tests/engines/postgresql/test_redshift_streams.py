"""Streaming ingestion on a real database: each event once, figures as the lake adds them up, bad records counted."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from c360_core.personas import MARKETING_ANALYST
from config.analytics import RowRule
from stacks.analytics.warehouse.access import access_batches
from stacks.analytics.warehouse.relations import relations_of
from stacks.analytics.warehouse.statements import read_batches
from tests.engines.postgresql.conftest import Warehouse
from tests.engines.postgresql.test_redshift_policies import read
from tests.engines.postgresql.test_warehouse_loads import BATCHES, FOLDER, TYPES, load
from twin.emulator.wire import ServiceError
from twin.providers.redshift.streams import Record

LIVE = read_batches(FOLDER / "live", {"stream": "c360-everything-interactions"})
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ACTIVITY = "SELECT occurred_on, event_type, currency, events, amount FROM warehouse.live_activity ORDER BY 2, 3"


def event(name: str, kind: str, amount: str | None = None, currency: str | None = None) -> bytes:
    said: dict[str, Any] = {
        "event_id": name,
        "source": "web_events",
        "event_type": kind,
        "occurred_at": "2026-03-01T10:00:00.123",
        "currency": currency,
        "payload": '{"email": "ada@example.com"}',
    }
    text = json.dumps(said)
    return (text[:-1] + f', "amount": {amount}}}' if amount else text).encode()


def put(warehouse: Warehouse, *data: bytes, shard: str = "shard-0") -> None:
    first = len(warehouse.lake.records)
    warehouse.lake.records += [
        Record(shard=shard, sequence=str(first + number), arrived=NOW, key="k", data=one)
        for number, one in enumerate(data)
    ]


def refresh(warehouse: Warehouse) -> None:
    warehouse.run("REFRESH MATERIALIZED VIEW warehouse.live_interaction")


@pytest.fixture
def live(warehouse: Warehouse) -> Warehouse:
    warehouse.lake.types.update(TYPES)
    warehouse.lake.rows.update({key: [] for key in TYPES})
    load(warehouse)
    make(warehouse)
    return warehouse


def make(warehouse: Warehouse, *rules: RowRule) -> None:
    """Do what a load does after the marts: make the views anew, refresh, and protect them."""
    relations = relations_of([*BATCHES, *LIVE])
    for batch in (*LIVE, *access_batches(relations, rules)):
        try:
            warehouse.run(*batch.statements)
        except Exception as error:
            if not batch.once or "already " not in str(error):
                raise


def test_an_event_stands_in_the_warehouse_after_a_refresh_once(live: Warehouse) -> None:
    put(live, event("1", "order_placed", "90071992547409.93", "USD"))
    assert live.rows(ACTIVITY) == []
    refresh(live)
    expected = [(NOW.date(), "order_placed", "USD", 1, Decimal("90071992547409.93"))]
    assert live.rows(ACTIVITY) == expected
    refresh(live)
    assert live.rows(ACTIVITY) == expected
    put(live, event("1", "order_placed", "90071992547409.93", "USD"), shard="shard-1")  # delivered again
    refresh(live)
    assert live.rows(ACTIVITY) == expected
    assert live.rows("SELECT COUNT(*) FROM warehouse.live_interaction") == [(2,)]


def test_figures_are_those_that_the_lake_adds_up(live: Warehouse) -> None:
    said = [
        ("1", "order_placed", "0.10", "USD"),
        ("2", "order_placed", "0.20", "USD"),
        ("3", "order_returned", "-0.30", "EUR"),
    ]
    put(live, *(event(*one) for one in said), event("4", "page_viewed"))
    refresh(live)
    assert [row[1:] for row in live.rows(ACTIVITY)] == [
        ("order_placed", "USD", 2, Decimal("0.30")),
        ("order_returned", "EUR", 1, Decimal("-0.30")),
        ("page_viewed", "XXX", 1, None),
    ]


def test_what_is_no_json_stops_nothing_and_is_counted(live: Warehouse) -> None:
    bad = [b"not json", b"\xff\xfe", b'{"event_id": "5"', b'"a text"', b"{}"]
    put(live, event("1", "page_viewed"), *bad, event("2", "page_viewed"))
    refresh(live)
    assert [row[3] for row in live.rows(ACTIVITY)] == [2]
    [(records, first, last)] = live.rows(
        "SELECT records, first_arrived_at, last_arrived_at FROM warehouse.live_unreadable"
    )
    assert (records, first, last) == (len(bad), NOW.replace(tzinfo=None), NOW.replace(tzinfo=None))
    kept = live.rows("SELECT unreadable FROM warehouse.live_interaction WHERE unreadable IS NOT NULL")
    assert sorted(bytes(row[0]) for row in kept) == sorted(bad[:3])


def test_the_next_load_reads_again_what_the_stream_still_has(live: Warehouse) -> None:
    put(live, event("1", "page_viewed"), event("2", "page_viewed"))
    refresh(live)
    live.lake.records = live.lake.records[1:]  # the first one is too old
    make(live)
    assert [row[3] for row in live.rows(ACTIVITY)] == [1]


def test_nothing_that_names_somebody_is_kept(live: Warehouse) -> None:
    put(live, event("1", "page_viewed"))
    refresh(live)
    assert "ada@" not in str(live.rows("SELECT * FROM warehouse.live_interaction"))


def test_a_persona_sees_sums_and_no_events_and_a_limited_role_neither(live: Warehouse) -> None:
    make(live, RowRule(column="currency", values=("USD",), warehouse_roles=("dollars",)))
    put(live, event("1", "order_placed", "1.00", "EUR"))
    refresh(live)
    role = MARKETING_ANALYST.database_role
    assert [row[3] for row in read(live, ACTIVITY, role)] == [1]
    for sql, roles in (("SELECT * FROM warehouse.live_interaction", role), (ACTIVITY, "dollars")):
        with pytest.raises(Exception, match="permission denied"):
            read(live, sql, roles)
    assert read(live, "SELECT records FROM warehouse.live_unreadable", "dollars") == [(0,)]


def test_a_stream_is_read_by_a_materialized_view_alone(live: Warehouse) -> None:
    with pytest.raises(ServiceError, match="a stream outside of a materialized view"):
        live.rows('SELECT kinesis_data FROM live."c360-everything-interactions"')
    with pytest.raises(ServiceError, match="JSON_PARSE"):
        live.run('CREATE MATERIALIZED VIEW warehouse.other AS SELECT JSON_PARSE(kinesis_data) AS d FROM live."s"')
