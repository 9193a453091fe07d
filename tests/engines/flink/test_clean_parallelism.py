"""`clean` gives the same interactions at any parallelism: what it says of a visitor rests on that visitor alone."""

import json
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

Rows = set[tuple[str, str | None, bool]]


def sent() -> list[dict[str, Any]]:
    """What visitors do, in the order of sending: with pauses, late events and copies; some say who they are."""
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
    return events + random.sample(events, 100)


def partition(document: dict[str, Any]) -> int:
    """Return where the collector's key takes an event."""
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


def interactions(stream: Path, folder: Path, parallelism: int) -> Rows:
    flink = new_environment()
    flink.get_config().set("parallelism.default", str(parallelism))
    options = {"connector": "filesystem", "path": stream.as_uri(), "format": "raw"}
    flink.execute_sql(create_table("literal", [("body", "BYTES")], options=options))
    flink.execute_sql(
        "CREATE TEMPORARY VIEW events AS SELECT body, 'p' AS `position`, PROCTIME() AS arrived_at FROM literal"
    )
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
    assert len(read(folder / "duplicates")) == 100
    return {(row["event_id"], row.get("session_id"), row["session_start"]) for row in read(folder / "interactions")}


def read(folder: Path) -> list[dict[str, Any]]:
    files = folder.iterdir() if folder.exists() else ()
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def test_visits_are_the_same_at_any_parallelism(stream: Path, tmp_path: Path) -> None:
    one = interactions(stream, tmp_path / "one", 1)
    four = interactions(stream, tmp_path / "four", PARTITIONS)

    assert len(one) == VISITORS * EVENTS_EACH
    assert len({session for _, session, _ in one}) > 2 * VISITORS
    assert four == one
