"""Whatever `clean` accepts, Flink reads with the same value: one document that it cannot read would end `unify`."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pyflink.table import EnvironmentSettings, TableEnvironment

from c360_core import contracts
from c360_core.interaction import Interaction
from flink_apps.clean.functions import milliseconds
from flink_apps.shared.tables import JSON_FORMAT, create_table
from tests.engines.flink.clean_support import cluster_configuration
from tests.factories.hostile import SENDERS, accepted_events

SEED = 20_260_301
DOCUMENTS = 20_000
NOW = datetime(2026, 4, 1, tzinfo=UTC)
WHOLE, LONG, TRUTH, MONEY, TEXT = "INTEGER", "BIGINT", "BOOLEAN", "DECIMAL(14, 2)", "STRING"


class Column(NamedTuple):
    """One field of one event type, and the type as which `unify` and the marts read such fields."""

    event_type: str
    field: str
    type: str

    @property
    def sql(self) -> str:
        """How it is read."""
        path = f"payload, '$.{self.field}'"
        read = {
            WHOLE: f"JSON_VALUE({path} RETURNING INTEGER)",
            TRUTH: f"JSON_VALUE({path} RETURNING BOOLEAN)",
            TEXT: f"JSON_VALUE({path})",
        }.get(self.type, f"CAST(JSON_VALUE({path}) AS {self.type})")
        return f"CASE WHEN event_type = '{self.event_type}' THEN {read} END"

    def expected(self, event: Interaction) -> Any:
        """What Python reads there."""
        value = json.loads(event.payload).get(self.field) if event.event_type == self.event_type else None
        return Decimal(value) if self.type == MONEY and value is not None else value


def columns() -> list[Column]:
    """Return every plain field that the contract names for the event types of the campaign."""
    found = []
    for event_type in sorted({event_type for _, event_type in SENDERS}):
        for field in contracts.load().event(event_type).fields:
            whole = LONG if field.long else WHOLE
            kind = (
                MONEY if field.money else {"integer": whole, "boolean": TRUTH, "string": TEXT}.get(field.logical_type)
            )
            if kind:
                found.append(Column(event_type, field.name, kind))
    return found


@pytest.fixture(scope="module")
def accepted() -> dict[str, Interaction]:
    """The events that `clean` accepts of the campaign."""
    return accepted_events(SEED, DOCUMENTS, now=NOW)


@pytest.fixture(scope="module")
def read(accepted: dict[str, Interaction], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    """The same events as Flink reads them from its stream's format."""
    folder = tmp_path_factory.mktemp("interactions")
    write(folder, accepted)
    settings = EnvironmentSettings.new_instance().in_batch_mode().with_configuration(cluster_configuration()).build()
    flink = TableEnvironment.create(settings)
    flink.get_config().set("table.local-time-zone", "UTC")
    stream = [
        ("event_id", "STRING"),
        ("event_type", "STRING"),
        ("occurred_at", "TIMESTAMP_LTZ(3)"),
        ("order_id", "STRING"),
        ("amount", "DECIMAL(14, 2)"),
        ("currency", "STRING"),
        ("payload", "STRING"),
    ]
    files = {"connector": "filesystem", "path": folder.as_uri(), **JSON_FORMAT}
    flink.execute_sql(create_table("interactions", stream, options=files))
    query = (
        "SELECT event_id, CAST(occurred_at AS STRING), order_id, amount, currency, payload IS JSON OBJECT, "
        f"{', '.join(column.sql for column in columns())} FROM interactions"
    )
    with flink.execute_sql(query).collect() as rows:
        return {row[0]: tuple(row)[1:] for row in rows}


def write(folder: Path, events: dict[str, Interaction]) -> None:
    """Write events as `clean` puts them on the stream."""
    with (folder / "interactions.json").open("w", encoding="utf-8") as lines:
        for event in events.values():
            at = datetime.fromtimestamp(milliseconds(event.occurred_at) / 1000, UTC)
            line = {
                "event_id": event.event_id,
                "event_type": event.event_type,
                "occurred_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "order_id": event.order_id,
                "amount": None if event.amount is None else str(event.amount),
                "currency": event.currency,
                "payload": event.payload,
            }
            lines.write(json.dumps(line) + "\n")


def test_the_campaign_is_worth_it(accepted):
    assert DOCUMENTS * 0.3 < len(accepted) < DOCUMENTS * 0.9
    assert {event.event_type for event in accepted.values()} == {event_type for _, event_type in SENDERS}


def test_flink_reads_everything_that_clean_accepts(accepted, read):
    assert read.keys() == accepted.keys()
    assert all(row[4] for row in read.values())


def test_flink_reads_the_same_values(accepted, read):
    differing = []
    for event_id, event in accepted.items():
        at = milliseconds(event.occurred_at)
        moment = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at % 1000:03d}"
        expected = (moment, event.order_id, event.amount, event.currency, True, *(c.expected(event) for c in columns()))
        if read[event_id] != expected:
            differing.append((event.payload, read[event_id], expected))
    assert not differing[:3]
