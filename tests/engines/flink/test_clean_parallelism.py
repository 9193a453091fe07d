"""`clean` writes the same rows at any parallelism: results for a visitor depend on that visitor alone."""

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from c360_core import contracts
from c360_core.identity.keys import ordering_identifier
from c360_core.names import IdentifierType
from flink_apps.clean.pipeline import Tables, build
from flink_apps.shared.tables import JSON_FORMAT, contract_columns, create_table
from tests.engines.flink.clean_support import KnownSecret, new_environment
from tests.factories.events import event

PARTITIONS = 4
VISITORS = 120
EVENTS_EACH = 15
START = datetime(2026, 3, 1, tzinfo=UTC)
GAP_MINUTES = 30
COPIES = 100

# The senders leave it to the clock.
OF_THE_CLOCK = "received_at"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """Results by event: the rows of the stream and of the lake, and the number of duplicates."""

    stream: dict[str, Row]
    lake: dict[str, Row]
    duplicates: Counter[tuple[str, str]]


def sent() -> list[dict[str, Any]]:
    """Return events of visitors in the order of sending, with pauses, late events, duplicates and logins."""
    random = Random(4)
    clocks = dict.fromkeys(range(VISITORS), START)
    events: list[dict[str, Any]] = []
    for visitor in random.sample([*range(VISITORS)] * EVENTS_EACH, VISITORS * EVENTS_EACH):
        clocks[visitor] += timedelta(minutes=random.choice([1, 5, 20, 29, 31, 90]))
        late = timedelta(minutes=random.choice([0, 0, 0, 10, 45]))
        # Who logs in carries an address too, on some of the events: it is the stronger identifier.
        address = {"email": [f"visitor{visitor}@mail.org"]} if random.random() < 0.4 else {}
        identifiers = {("device_id" if visitor % 2 else "cookie_id"): [f"v-{visitor:05d}"], **address}
        moment = (clocks[visitor] - late).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        events.append(event(occurred_at=moment, event_id=f"e-{len(events)}", identifiers=identifiers))
    return events + random.sample(events, COPIES)


def partition(document: dict[str, Any]) -> int:
    """Return the partition of an event by the collector's key."""
    key = ordering_identifier(document["identifiers"], IdentifierType.EMAIL)
    return int(sha256(str(key).encode()).hexdigest(), 16) % PARTITIONS


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The events as a stream of several partitions: a file each, read in its order."""
    folder = tmp_path_factory.mktemp("events")
    lines: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
    for document in sent():
        lines[partition(document)].append(json.dumps(document))
    for number, of_partition in lines.items():
        (folder / f"{number}").write_text("\n".join(of_partition), encoding="utf-8")
    return folder


def written(stream: Path, folder: Path, parallelism: int) -> Written:
    flink = new_environment()
    flink.get_config().set("parallelism.default", str(parallelism))
    options = {"connector": "filesystem", "path": stream.as_uri(), "format": "raw"}
    flink.execute_sql(create_table("literal", [("body", "BYTES")], options=options))
    flink.execute_sql("CREATE TEMPORARY VIEW events AS SELECT body, PROCTIME() AS arrived_at FROM literal")
    products = contracts.load()
    names = {"interactions": "interactions", "lake": "interactions", "duplicates": "duplicates", "rejected": "rejected"}
    for table, product in names.items():
        files = {"connector": "filesystem", "path": (folder / table).as_uri(), **JSON_FORMAT}
        columns = contract_columns(products.product(product).table, lake=table == "lake")
        flink.execute_sql(create_table(table, columns, options=files))
    tables = Tables(
        source="events",
        interactions="interactions",
        lake_interactions="lake",
        duplicates="duplicates",
        rejected="rejected",
    )
    build(flink, tables, secret=KnownSecret(), session_gap_minutes=GAP_MINUTES, run_id="test").execute().wait()
    assert not read(folder / "rejected")
    return Written(
        stream=by_event(read(folder / "interactions")),
        lake=by_event(read(folder / "lake")),
        duplicates=Counter((row["source"], row["event_id"]) for row in read(folder / "duplicates")),
    )


def read(folder: Path) -> list[Row]:
    files = folder.iterdir() if folder.exists() else ()
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def by_event(rows: list[Row]) -> dict[str, Row]:
    found = {row["event_id"]: {name: value for name, value in row.items() if name != OF_THE_CLOCK} for row in rows}
    assert len(found) == len(rows)
    return found


def test_the_rows_are_the_same_at_any_parallelism(stream: Path, tmp_path: Path) -> None:
    one = written(stream, tmp_path / "one", 1)
    four = written(stream, tmp_path / "four", PARTITIONS)

    assert len(one.stream) == VISITORS * EVENTS_EACH
    assert len({row.get("session_id") for row in one.stream.values()}) > 2 * VISITORS
    assert one.duplicates.total() == COPIES
    assert four == one
    # The lake has the columns of the stream, and the identifiers as sent.
    assert {event_id: {**row, "identifiers": None} for event_id, row in one.lake.items()} == {
        event_id: {**row, "identifiers": None} for event_id, row in one.stream.items()
    }
    assert {event_id: json.loads(row["identifiers"]) for event_id, row in one.lake.items()} == {
        document["event_id"]: document["identifiers"] for document in sent()
    }
