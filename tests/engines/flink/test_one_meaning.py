"""What `clean` accepts, `unify` reads with the same value, from the stream as from the lake, and refuses nothing of it.

The events of a campaign go through `clean` as it is, and what it writes through the views of `unify` as they are.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from c360_core import contracts
from c360_core.interaction import Interaction
from c360_core.segment import load as load_segments
from c360_core.segment import profile_fields
from flink_apps.clean.functions import milliseconds
from flink_apps.unify.derivations import whole_number_sql
from flink_apps.unify.job import past
from tests.engines.flink.clean_support import new_environment
from tests.engines.flink.test_clean import GAP_MINUTES, lake_of, statements
from tests.engines.flink.unify_job import defined, table_environment
from tests.factories.hostile import SENDERS, accepted_events, event_text

SEED = 20_260_301
DOCUMENTS = 20_000
NOW = datetime(2026, 4, 1, tzinfo=UTC)
COLUMNS = (
    "event_id",
    "event_type",
    "source",
    "replay_id",
    "customer_key",
    "identifier_keys",
    "session_id",
    "session_start",
    "amount",
    "currency",
    "payload",
    "fault_code",
    "finding",
    "record",
)
# Of these `unify` reads nothing; they are in the record for the lake and for whoever is told of a rejection.
ONLY_IN_RECORD = ("schema_version", "trace_id", "order_id")

Read = dict[str, Any]


class Member(NamedTuple):
    """A field of the payload that `unify` reads."""

    event_type: str
    field: str
    is_whole: bool

    @property
    def sql(self) -> str:
        """How `unify` reads such a field: whole numbers by a function of its own, all else as text."""
        read = whole_number_sql("payload", self.field) if self.is_whole else f"JSON_VALUE(payload, '$.{self.field}')"
        return f"CASE WHEN event_type = '{self.event_type}' THEN {read} END AS `{self.name}`"

    @property
    def name(self) -> str:
        """Its column."""
        return f"{self.event_type}.{self.field}"

    def expected(self, event: Interaction) -> Any:
        """What Python reads there."""
        value = json.loads(event.payload).get(self.field) if event.event_type == self.event_type else None
        return str(value).lower() if isinstance(value, bool) else value


MEMBERS = (
    Member("case_closed", "case_id", is_whole=False),
    Member("case_closed", "csat", is_whole=True),
    Member("loyalty_points_changed", "balance", is_whole=True),
    Member("loyalty_points_changed", "tier", is_whole=False),
    Member("consent_changed", "purpose", is_whole=False),
    Member("consent_changed", "channel", is_whole=False),
    Member("consent_changed", "granted", is_whole=False),
    Member("order_placed", "total", is_whole=False),
    Member("order_returned", "total", is_whole=False),
)


@pytest.fixture(scope="module")
def accepted() -> dict[str, Interaction]:
    """The events that `clean` accepts of the campaign, in the order of sending."""
    return accepted_events(SEED, DOCUMENTS, now=NOW)


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what `clean` makes of the campaign: the records of its stream, and the lake."""
    folder = tmp_path_factory.mktemp("meaning")
    random = Random(SEED)
    texts = [event_text(random).encode() for _ in range(DOCUMENTS)]
    statements(new_environment(), folder, texts).execute().wait()
    (folder / "stream").rename(folder / "interaction_records")
    return folder


@pytest.fixture(scope="module")
def read(cleaned: Path) -> dict[str, list[Read]]:
    """All that `unify` reads, by event: once from the stream and once from the lake."""
    flink = table_environment(cleaned)
    flink.execute_sql(lake_of(cleaned))
    segments = load_segments(profile_fields(contracts.load().product("profiles").table))
    defined(flink, cleaned, segments, pasts={"interactions": past("`lake`.`db`.`interactions`")}, watched=False)
    names = [*COLUMNS, "occurred_at", *(member.name for member in MEMBERS)]
    texts = ["CAST(occurred_at AS STRING) AS occurred_at", *(member.sql for member in MEMBERS)]
    query = f"SELECT {', '.join(f'`{name}`' for name in COLUMNS)}, {', '.join(texts)} FROM checked_interaction"
    found: dict[str, list[Read]] = defaultdict(list)
    with flink.execute_sql(query).collect() as rows:
        for row in rows:
            found[row[0]].append(dict(zip(names, row, strict=True)))
    return found


def visits(events: Mapping[str, Interaction]) -> dict[str, tuple[str | None, bool]]:
    """Return the visit of each event, and whether it began one: they are cut in the order of arrival."""
    latest: dict[str, int] = {}
    started: dict[str, int] = {}
    found: dict[str, tuple[str | None, bool]] = {}
    for event in events.values():
        visitor, at = event.visitor_key, milliseconds(event.occurred_at)
        if visitor is None:
            found[event.event_id] = (None, False)
            continue
        begins = visitor not in latest or at - latest[visitor] > GAP_MINUTES * 60_000
        latest[visitor] = max(at, latest.get(visitor, at))
        started[visitor] = max(at, started.get(visitor, at)) if begins else started[visitor]
        found[event.event_id] = (f"{visitor}-{started[visitor]}", begins)
    return found


def expected(event: Interaction, visit: tuple[str | None, bool]) -> Read:
    """Return what there is to read of an event, but for its record."""
    at = milliseconds(event.occurred_at)
    return {
        **{name: getattr(event, name, None) for name in COLUMNS if name != "record"},
        "identifier_keys": list(event.identifier_keys),
        "session_id": visit[0],
        "session_start": visit[1],
        "occurred_at": datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.") + f"{at % 1000:03d}",
        **{member.name: member.expected(event) for member in MEMBERS},
    }


def test_enough_generated_events_are_accepted(accepted):
    assert DOCUMENTS * 0.3 < len(accepted) < DOCUMENTS * 0.9
    assert {event.event_type for event in accepted.values()} == {event_type for _, event_type in SENDERS}


def test_everything_that_clean_accepts_is_read_from_the_stream_and_from_the_lake(accepted, read):
    assert Counter({event_id: len(rows) for event_id, rows in read.items()}) == Counter(dict.fromkeys(accepted, 2))


def test_every_value_is_the_one_that_python_reads_and_nothing_is_refused(accepted, read):
    visit_of = visits(accepted)
    differing = []
    for event_id, event in accepted.items():
        wanted = expected(event, visit_of[event_id])
        for row in read[event_id]:
            differing += [(name, row[name], value) for name, value in wanted.items() if row[name] != value]
    assert not differing[:3]


def test_a_row_of_the_lake_gives_the_record_of_the_stream(accepted, read):
    for event_id, event in accepted.items():
        record, other = (row["record"] for row in read[event_id])
        assert record == other
        said = json.loads(record)
        assert {name: said.get(name) for name in ONLY_IN_RECORD} == {n: getattr(event, n) for n in ONLY_IN_RECORD}
        if event.received_at != NOW:  # otherwise nobody has said when, and the clock did
            assert milliseconds(datetime.fromisoformat(said["received_at"])) == milliseconds(event.received_at)
