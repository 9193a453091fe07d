"""Whatever `clean` accepts, Athena reads with the same value: one document that it cannot read would end a build."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from c360_core import contracts
from c360_core.interaction import Interaction
from tests.engines.trino.lake import quote
from tests.engines.trino.stack import Stack
from tests.factories.hostile import accepted_events

SEED = 20_260_301
DOCUMENTS = 20_000
NOW = datetime(2026, 4, 1, tzinfo=UTC)
QUERY_BYTES = 200_000  # Athena takes 262,144
COLUMNS = (
    "source, event_id, event_type, customer_key, occurred_at, received_at, amount, currency, session_start, payload"
)


@pytest.fixture(scope="module")
def accepted() -> dict[str, Interaction]:
    """The events that `clean` accepts of the campaign."""
    return accepted_events(SEED, DOCUMENTS, now=NOW)


def tables(events: list[Interaction]) -> Iterator[str]:
    """Yield the events as tables that fit into a query each; every event has a customer of its own."""
    rows: list[str] = []
    size = 0
    for event in events:
        amount = "cast(null as decimal(14, 2))" if event.amount is None else f"cast('{event.amount}' as decimal(14, 2))"
        at = event.occurred_at.strftime("%Y-%m-%d %H:%M:%S.%f")
        row = (
            f"('{event.source}', '{event.event_id}', '{event.event_type}', '{event.event_id}', timestamp '{at} UTC', "
            f"timestamp '{NOW:%Y-%m-%d %H:%M:%S} UTC', {amount}, cast({quote(event.currency)} as varchar), false, "
            f"{quote(event.payload)})"
        )
        if rows and size + len(row.encode()) > QUERY_BYTES:
            yield f"(VALUES {', '.join(rows)}) AS events ({COLUMNS})"
            rows, size = [], 0
        rows.append(row)
        size += len(row.encode())
    yield f"(VALUES {', '.join(rows)}) AS events ({COLUMNS})"


def of_type(events: dict[str, Interaction], event_type: str) -> list[Interaction]:
    return [event for event in events.values() if event.event_type == event_type]


def model(variables: dict[str, str], name: str) -> str:
    """Return the SQL of a model as dbt compiled it for its first build."""
    [compiled] = Path(variables["DBT_TARGET_PATH"]).glob(f"compiled/**/{name}.sql")
    return compiled.read_text(encoding="utf-8")


def reading(sql: str, table: str) -> str:
    """Return a model's SQL that reads a table in the place of the interactions of the lake."""
    relation = next(word for word in sql.split() if "." in word and word.strip('"').endswith("interactions"))
    assert sql.count(relation) == 1
    return sql.replace(relation, table)


@pytest.mark.usefixtures("built")
def test_decisions_are_read_with_the_same_values(
    stack: Stack, dbt_variables: dict[str, str], accepted: dict[str, Interaction]
) -> None:
    sql = model(dbt_variables, "decision_events")
    events = of_type(accepted, "decision_made")
    names = ("decision_id", "trigger", "action", "channel", "template")
    selected = "event_id, decision_id, trigger_name, action, channel, template, cast(reasons as json)"
    read = {
        row[0]: row[1:]
        for table in tables(events)
        for row in stack.query(f"SELECT {selected} FROM ({reading(sql, table)})")
    }

    assert len(events) > DOCUMENTS / 50
    assert read.keys() == {event.event_id for event in events}
    differing = []
    for event in events:
        payload = json.loads(event.payload)
        *texts, reasons = read[event.event_id]
        seen = (*texts, json.loads(reasons) if reasons else None)
        if seen != (wanted := (*map(payload.get, names), payload.get("reasons"))):
            differing.append((event.payload, seen, wanted))
    assert not differing[:3], len(differing)


@pytest.mark.usefixtures("built")
def test_days_add_up_to_the_same_sums(
    stack: Stack, dbt_variables: dict[str, str], accepted: dict[str, Interaction]
) -> None:
    sql = model(dbt_variables, "interactions_by_key_day")
    selected = "customer_key, currency, events, amount, csat_sum, csat_count, unreadable"
    read = {
        row[0]: row[1:]
        for table in tables(list(accepted.values()))
        for row in stack.query(f"SELECT {selected} FROM ({reading(sql, table)})")
    }

    assert read.keys() == accepted.keys()
    differing = []
    for event in accepted.values():
        currency, events, amount, csat, marks, unreadable = read[event.event_id]
        seen = (currency, events, *(None if v is None else Decimal(v) for v in (amount, csat)), marks, unreadable)
        mark = json.loads(event.payload).get("csat") if event.event_type == "case_closed" else None
        wanted = (event.currency or "XXX", "1", event.amount, mark, "0" if mark is None else "1", "0")
        if seen != wanted:
            differing.append((event.payload, seen, wanted))
    assert not differing[:3], len(differing)


def columns() -> list[tuple[str, str, str]]:
    """Return every plain field that the contract names: event type, field, and the type that a mart gives it."""
    found = []
    for event_type, fields in ((e, contracts.load().event(e).fields) for e in sorted(_event_types())):
        for field in fields:
            kinds = {"integer": "bigint", "boolean": "boolean", "string": "varchar"}
            kind = "decimal(14, 2)" if field.money else kinds.get(field.logical_type)
            if kind:
                found.append((event_type, field.name, kind))
    return found


def _event_types() -> set[str]:
    return {event_type for source in contracts.load().sources.values() for event_type in source.event_types}


@pytest.mark.usefixtures("built")
def test_every_named_field_is_read_with_the_same_value(stack: Stack, accepted: dict[str, Interaction]) -> None:
    """As people read `payload` in the lake: a cast of `json_extract_scalar`, which ends the query where it fails."""
    differing: list[Any] = []
    for event_type in sorted({event.event_type for event in accepted.values()}):
        named = [(field, kind) for of, field, kind in columns() if of == event_type]
        read = ", ".join(f"cast(json_extract_scalar(payload, '$.{field}') as {kind})" for field, kind in named)
        events = of_type(accepted, event_type)
        rows = {row[0]: row[1:] for t in tables(events) for row in stack.query(f"SELECT event_id, {read} FROM {t}")}
        assert rows.keys() == {event.event_id for event in events}
        for event in events:
            payload = json.loads(event.payload)
            wanted = [_text(payload.get(field)) for field, _ in named]
            if rows[event.event_id] != wanted:
                differing.append((event.payload, rows[event.event_id], wanted))
    assert not differing[:3], len(differing)


def _text(value: Any) -> str | None:
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
