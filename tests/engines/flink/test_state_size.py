"""The size of the state of `unify`: printed with `-s`, and compared with the numbers in the decision."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
from pyflink.common import JobClient
from pyflink.java_gateway import get_gateway

from c360_core.contracts import load
from c360_core.segment import load as load_segments
from c360_core.segment import profile_fields
from flink_apps.shared.configuration import set_options
from tests.engines.flink.unify_job import MEMORY, Unify, defined, eventually, table_environment

PEOPLE: Final = 300
EVENTS: Final = 3_000
IDENTIFIERS_OF_A_PERSON: Final = 3
TYPES: Final = ("product_viewed", "product_viewed", "order_placed", "case_opened")
DECISION: Final = Path(__file__).resolve().parents[3] / "docs" / "decisions" / "0024-state-grows-with-people.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What the decision says under "How large": bytes, how much of each a KPU keeps, and for how long."""

    record: float
    entry: float
    person: float
    kpu: float
    people: float
    records: float
    records_a_day: float
    days: int
    entries: float


def stated(text: str) -> Stated:
    """Read the numbers out of the decision, by the words around each."""

    def number(pattern: str) -> float:
        found = re.search(pattern.replace("#", r"([\d.,]+) ?(kB|GB|million|)"), text)
        assert found, f"the decision does not say: {pattern}"
        return float(found[1].replace(",", "")) * {"kB": 10**3, "GB": 10**9, "million": 10**6, "": 1}[found[2]]

    return Stated(
        record=number("# bytes for a record while it is remembered"),
        entry=number("# for its entry of the timeline"),
        person=number("# for a person with three identifiers"),
        kpu=number("A KPU keeps #:"),
        people=number("# people and nothing else"),
        records=number("# records \\("),
        records_a_day=number("# a day for"),
        days=int(number("a day for # days")),
        entries=number("# entries"),
    )


STATED: Final = stated(DECISION.read_text(encoding="utf-8"))


def key(person: int, number: int) -> str:
    return "device_id:" + sha256(f"{person}-{number}".encode()).hexdigest()[:32]


def person_id(person: int) -> str:
    return "p_" + sha256(str(person).encode()).hexdigest()[:26]


def identity(people: int) -> list[dict[str, Any]]:
    """Who they are, as long as real people's words are."""
    said = {
        "first_name": "Guinevere",
        "last_name": "Featherstonehaugh",
        "email": "guinevere.featherstonehaugh@example.com",
        "phone": "+12125550123",
        "street": "1234 Long Meadow Avenue",
        "city": "Springfield",
        "state": "OH",
        "postal_code": "45501",
        "birth_date": "1970-02-03",
        "crm_id": "C-0000012345",
        "record_count": 4,
    }
    about = {"op": "upsert", "version": 1_772_000_000_000}
    words = [
        {**about, "kind": "identifier", "key": key(person, number), "person_id": person_id(person)}
        for person in range(people)
        for number in range(IDENTIFIERS_OF_A_PERSON)
    ]
    # Last, so that whoever sees the last person knows that all identifiers were read.
    return [*words, *({**about, "kind": "person", "person_id": person_id(person), **said} for person in range(people))]


def interactions(events: int, people: int, replayed: int) -> list[dict[str, Any]]:
    """Events in turns under all identifiers of all people; the last ones are history."""
    return [
        {
            "event_id": f"0196c3a2-7d41-7000-8000-{number:012d}",
            "event_type": TYPES[number % len(TYPES)],
            "source": "web_events",
            "replay_id": "r-1" if number >= events - replayed else None,
            "occurred_at": f"2026-03-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z",
            "customer_key": key(number % people, number // people % IDENTIFIERS_OF_A_PERSON),
            "identifier_keys": [key(number % people, number // people % IDENTIFIERS_OF_A_PERSON)],
            "session_id": f"{number % people:032d}-1772000000000",
            "session_start": number % 10 == 0,
            "amount": "12.50" if number % len(TYPES) == 2 else None,
            "currency": "USD" if number % len(TYPES) == 2 else None,
            "payload": '{"product_id": "1000001", "department": "GROCERY"}',
        }
        for number in range(events)
    ]


def state_bytes(folder: Path, *, events: int, people: int, replayed: int = 0) -> int:
    """Return the size of the state after all of it was read: of a savepoint in Flink's canonical form.

    A checkpoint is as large as its backend's files happen to be at the moment. The canonical form is the same for all
    backends, and holds each living entry once, with its key. Everyone is known before they do something: otherwise the
    race of the two streams decides how many anonymous persons have left an entry behind.
    """
    folder.mkdir()
    environment = table_environment(folder)
    set_options(environment, {"table.exec.mini-batch.allow-latency": "100 ms"})
    client = defined(environment, folder, segments(), MEMORY).execute().get_job_client()
    assert client is not None
    job = Unify(folder)
    try:
        job.feed("identity_change_records", identity(people))
        eventually(lambda: expect(job, people=people, events=0))
        size_of_savepoint(client, folder / "known")  # its barriers follow all identifiers to where they are kept
        job.feed("interaction_records", interactions(events, people, replayed))
        eventually(lambda: expect(job, people=people, events=events))
        return size_of_savepoint(client, folder / "read")
    finally:
        client.cancel().result()


def expect(job: Unify, *, people: int, events: int) -> None:
    """See that everyone has a profile, and that all events are in them."""
    counted = {row["person_id"]: row["event_count"] for row in job.rows("profile_changes") if "orders" in row}
    assert len(counted) == people
    assert sum(counted.values()) == events


def size_of_savepoint(client: JobClient, folder: Path) -> int:
    """Take a canonical savepoint of a running job, and return how many bytes it has."""
    # PyFlink's own `trigger_savepoint` knows no format.
    formats = get_gateway().jvm.org.apache.flink.core.execution.SavepointFormatType
    client._j_job_client.triggerSavepoint(folder.as_uri(), formats.CANONICAL).get()
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def segments() -> Sequence[Any]:
    return load_segments(profile_fields(load().product("profiles").table))


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, float, float]:
    """Bytes for one more record, for its entry on the timeline, and for one more person who does as much."""
    home = tmp_path_factory.mktemp("sizes")
    few = state_bytes(home / "few", events=EVENTS, people=PEOPLE)
    history = state_bytes(home / "history", events=2 * EVENTS, people=PEOPLE, replayed=EVENTS)
    more_events = state_bytes(home / "more-events", events=2 * EVENTS, people=PEOPLE)
    more_people = state_bytes(home / "more-people", events=2 * EVENTS, people=2 * PEOPLE)
    return (history - few) / EVENTS, (more_events - history) / EVENTS, (more_people - more_events) / PEOPLE


def test_a_record_an_entry_and_a_person_take_what_the_decision_says(sizes: tuple[float, float, float]) -> None:
    record, entry, person = sizes
    print(  # noqa: T201  # figures for the documents
        f"\n{record:.0f} bytes a record, {entry:.0f} bytes an entry of the timeline, {person:.0f} bytes a person with "
        f"{IDENTIFIERS_OF_A_PERSON} identifiers; a KPU keeps {STATED.kpu / person / 1e6:.0f} million people"
    )

    for measured, written in zip(sizes, (STATED.record, STATED.entry, STATED.person), strict=True):
        assert measured == pytest.approx(written, rel=0.1)


def test_the_people_records_and_entries_of_a_kpu_follow_from_what_each_takes() -> None:
    for number, each in (
        (STATED.people, STATED.person),
        (STATED.records, STATED.record),
        (STATED.entries, STATED.entry),
    ):
        assert number == pytest.approx(STATED.kpu / each, rel=0.05)
    assert STATED.records_a_day * STATED.days == pytest.approx(STATED.records, rel=0.05)
    assert timedelta(days=STATED.days) == MEMORY.repeats
