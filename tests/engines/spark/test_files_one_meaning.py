"""A text means the same in a file as in an event: Spark casts it, and `clean` accepts the resulting event."""

import itertools
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

import boto3
import pytest
from pyspark.sql import SparkSession

from c360_core.names import Zone
from tests.engines.spark.test_ingest_files import STREAM, Landing, Rows, csv
from twin.settings import ROOT, python_of

SEED = 20_260_301
ROWS = 3_000
NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
NO_VALUE, WRONG = "", "wrong"
# A typed text, and the time that it means, to the millisecond; WRONG if it is no time.
TIMES = {
    "": NO_VALUE,
    "2026-02-27T09:30:00Z": "2026-02-27T09:30:00.000",
    "2026-02-27T09:30:00z": "2026-02-27T09:30:00.000",
    "2026-02-27T09:30Z": "2026-02-27T09:30:00.000",
    "2026-02-27T09:30:00+01:00": "2026-02-27T08:30:00.000",
    "2026-02-27 09:30:00-0330": "2026-02-27T13:00:00.000",
    "2026-02-28T00:15:00+05:45": "2026-02-27T18:30:00.000",
    "2026-02-27T09:30:00.123456789Z": "2026-02-27T09:30:00.123",
    "2026-02-27T09:30:00.9999Z": "2026-02-27T09:30:00.999",
    "2026-02-27T09:30:00,5Z": "2026-02-27T09:30:00.500",
    "2024-02-29T23:59:59Z": "2024-02-29T23:59:59.000",
    "2026-02-30T09:30:00Z": WRONG,
    "2026-02-27T24:00:00Z": WRONG,
    "2026-02-27T09:60:00Z": WRONG,
    "2026-02-27T09:30:61Z": WRONG,
    "2026-02-27T09:30:00+19:00": WRONG,
    "2026-02-27T09:30:00": WRONG,
    "2026-02-27": WRONG,
    "20260227T093000Z": WRONG,
    "1772184600": WRONG,
    "٢٠٢٦-02-27T09:30:00Z": WRONG,
    "soon": WRONG,
}
# The same for a whole number between 1 and 5.
NUMBERS = {
    "": NO_VALUE,
    "1": 1,
    "5": 5,
    "+3": 3,
    "03": 3,
    "0": WRONG,
    "6": WRONG,
    "-1": WRONG,
    "3.0": WRONG,
    "3e0": WRONG,
    "1_0": WRONG,
    "0x1": WRONG,
    "٣": WRONG,
    "NaN": WRONG,
    "9" * 19: WRONG,
    "1" + "0" * 400: WRONG,
}


@dataclass(frozen=True)
class Case:
    """A row of the file, and its expected meaning."""

    case_id: str
    opened: str
    closed: str
    csat: str

    @property
    def line(self) -> str:
        return f'{self.case_id},S000001,Ann Lee,,,delivery,email,,"{self.opened}","{self.closed}",{self.csat}'

    @property
    def good(self) -> bool:
        opened, closed = TIMES[self.opened], TIMES[self.closed]
        typed = WRONG not in {opened, closed, NUMBERS[self.csat]} and opened != NO_VALUE
        return typed and (closed == NO_VALUE or closed >= opened)

    def events(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield the expected events: type, time, payload."""
        said = {"case_id": self.case_id}
        yield "case_opened", TIMES[self.opened], {**said, "topic": "delivery", "channel": "email"}
        if closed := TIMES[self.closed]:
            csat = NUMBERS[self.csat]
            yield "case_closed", closed, said if csat == NO_VALUE else {**said, "csat": csat}


@dataclass(frozen=True)
class Loaded:
    """Results of the file: the published events, `clean`'s results for them, and the ids of good rows."""

    published: list[dict[str, Any]]
    cleaned: dict[str, dict[str, Any]]
    kept: set[str]
    counts: dict[str, int]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    random = Random(SEED)
    every = list(itertools.product(TIMES, TIMES, NUMBERS))
    # A row with three of these texts is mostly wrong, so each text is also tried beside two good ones.
    alone = [(one, "", "5") for one in TIMES] + [("2024-02-29T23:59:59Z", one, "5") for one in TIMES]
    alone += [("2024-02-29T23:59:59Z", "2026-02-27T09:30Z", one) for one in NUMBERS]
    chosen = alone + random.sample(every, ROWS - len(alone))
    return [Case(f"K{number:06}", *texts) for number, texts in enumerate(chosen)]


@pytest.fixture(scope="module")
def loaded(spark: SparkSession, cases: list[Case]) -> Loaded:
    for table in ("c360_dev_raw.support_cases", "c360_dev_quarantine.rejected"):
        spark.sql(f"DELETE FROM glue_catalog.{table} WHERE true")  # our own names
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=1)
    counts = Landing(spark, "one_meaning").ingest(csv(*[case.line for case in cases]), now=NOW)
    published = list(_published())
    kinesis.delete_stream(StreamName=STREAM)
    kept = {row["case_id"] for row in spark.table("glue_catalog.c360_dev_raw.support_cases").collect()}
    return Loaded(published, _cleaned(published), kept, counts)


def _published() -> Iterator[dict[str, Any]]:
    kinesis = boto3.client("kinesis")
    shard = kinesis.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator = start["ShardIterator"]
    while records := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
        yield from (json.loads(record["Data"]) for record in records)
        iterator = answer["NextShardIterator"]


def _cleaned(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Read the events with `clean`, which runs in another environment."""
    command = [str(python_of("twin")), "-m", "tests.factories.cleaned", NOW.isoformat()]
    given = "\n".join(map(json.dumps, events))
    told = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=True).stdout
    return {answer["event_id"]: answer for answer in map(json.loads, told.splitlines())}


def test_a_row_is_kept_if_every_text_in_it_is_valid(cases: list[Case], loaded: Loaded) -> None:
    good = {case.case_id for case in cases if case.good}

    assert len(good) > len(TIMES)
    assert loaded.kept == good
    assert loaded.counts["rejected"] == len(cases) - len(good)


def test_clean_reads_the_same_values_from_the_events_as_from_the_file(cases: list[Case], loaded: Loaded) -> None:
    wanted = sorted(
        (kind, moment, sorted(payload.items()))
        for case in cases
        if case.good
        for kind, moment, payload in case.events()
    )
    kinds = {event["event_id"]: event["event_type"] for event in loaded.published}
    refused = [answer for answer in loaded.cleaned.values() if "reason" in answer]

    assert refused == []
    assert wanted == sorted(
        (
            kinds[event_id],
            datetime.fromisoformat(answer["occurred_at"]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3],
            sorted(answer["payload"].items()),
        )
        for event_id, answer in loaded.cleaned.items()
    )


def test_the_rows_in_quarantine_say_why(loaded: Loaded, rows: Rows) -> None:
    found = rows(Zone.QUARANTINE, "rejected")

    assert len(found) == loaded.counts["rejected"]
    assert all(row["reason"] for row in found)
