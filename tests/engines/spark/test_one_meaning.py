"""Spark reads every value that `clean` accepts as the same value: one unreadable document would fail a run."""

import json
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import SparkSession

from c360_core.identity.normalise import normalise
from c360_core.identity.records import prepare_record
from c360_core.names import IdentifierType
from glue_jobs.identity_prepare import transform
from twin.settings import ROOT, python_of

SEED = 20_260_301
DOCUMENTS = 20_000
NOW = datetime(2026, 4, 1, tzinfo=UTC)
SCHEMA = (
    "source STRING, event_id STRING, event_type STRING, identifiers STRING, payload STRING, "
    "identifier_keys ARRAY<STRING>, occurred_at TIMESTAMP, received_at TIMESTAMP"
)
NAMES = ("record_id", "email", "device_id", "cookie_id", "first_name", "last_name", "language", "time_zone", "street")

Event = dict[str, Any]


@pytest.fixture(scope="module")
def accepted() -> dict[str, Event]:
    """Return the generated logins that `clean` accepts; it runs in another environment."""
    command = [
        str(python_of("twin")),
        "-m",
        "tests.factories.accepted",
        str(SEED),
        str(DOCUMENTS),
        transform.LOGIN_EVENT,
    ]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {event["event_id"]: event for event in map(json.loads, told.splitlines())}


@pytest.fixture(scope="module")
def read(spark: SparkSession, accepted: dict[str, Event]) -> dict[str, dict[str, Any]]:
    """Return the same logins as records, each with a source of its own: otherwise repeated logins give one record."""
    rows = [
        (
            event_id,
            event_id,
            transform.LOGIN_EVENT,
            event["identifiers"],
            event["payload"],
            event["identifier_keys"],
            datetime.fromisoformat(event["occurred_at"]),
            NOW,
        )
        for event_id, event in accepted.items()
    ]
    records = transform.records(transform.login_rows(spark.createDataFrame(rows, SCHEMA)))
    return {row["source"]: row.asDict() for row in records.collect()}


def test_enough_generated_events_are_accepted(accepted: dict[str, Event]) -> None:
    assert len(accepted) > DOCUMENTS / 50
    assert sum("email" in json.loads(event["identifiers"]) for event in accepted.values()) > DOCUMENTS / 1_000


def test_everything_that_clean_accepts_is_a_record(accepted: dict[str, Event], read: dict[str, dict[str, Any]]) -> None:
    assert read.keys() == accepted.keys()


def test_spark_reads_the_same_values(accepted: dict[str, Event], read: dict[str, dict[str, Any]]) -> None:
    differing = []
    for event_id, event in accepted.items():
        wanted = expected(event)
        if (seen := {name: read[event_id][name] for name in wanted}) != wanted:
            differing.append((event["identifiers"], event["payload"], seen, wanted))
    assert not differing[:3], len(differing)


def expected(event: Event) -> dict[str, Any]:
    """Return the values that Python reads in a login, including the payload fields of the contract."""
    found = first_of_each(event)
    visitor = found.get(IdentifierType.DEVICE_ID) or found.get(IdentifierType.COOKIE_ID) or event["customer_key"]
    payload = json.loads(event["payload"])
    named = {name: payload.get(name) for name in ("first_name", "last_name", "language", "time_zone")}
    values = {**named, **found, "email_verified": IdentifierType.EMAIL in found}
    record = prepare_record(values, source=event["event_id"], key=visitor, loaded_at=NOW, today=NOW.date())
    return {name: getattr(record, name) for name in (*NAMES, "email_verified")}


def first_of_each(event: Event) -> dict[str, str]:
    """Return the first usable value of each kind: the one whose key comes first."""
    found: dict[str, str] = {}
    for kind, values in json.loads(event["identifiers"]).items():
        for value in values:
            if normalise(IdentifierType(kind), value).value is not None:
                found.setdefault(kind, value)
    return found
