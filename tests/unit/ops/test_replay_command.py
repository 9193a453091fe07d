"""`c360 replay`: read, send, mark; and again, after whatever went wrong in between."""

import base64
import json
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import awswrangler
import boto3
import pandas as pd
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from c360_aws.event_stream import EventStreamWriter, partition_key
from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import StreamRecord
from c360_core.names import IdentifierType
from c360_core.replay import JudgedRow, RejectedRow, ReplayInstructions, ReplayVerdict, judge
from ops.quarantine import (
    ATTEMPTS,
    AthenaQuarantine,
    ReplayFailedError,
    Selection,
    aws_errors,
    mark_statement,
    select_statement,
)
from ops.replay import BATCH, ReplayOptions, ReplayReport, read_corrections, record, replay
from tests.factories.events import event
from tests.factories.rejected import NOW, row
from tests.fakes.ports import MemoryStream


class DiedError(Exception):
    """The process ended here."""


@dataclass
class MemoryQuarantine:
    """The table, in memory. It ends the process before a mark as often as it is told."""

    rows: list[RejectedRow]
    deaths: int = 0

    def read(self, selection: Selection) -> Iterator[RejectedRow]:
        for held in list(self.rows):
            wanted = selection.rejected_ids is None or held.rejected_id in selection.rejected_ids
            if wanted and (selection.fixed_too or held.fixed_by is None):
                yield held

    def mark(self, rows: Sequence[JudgedRow]) -> None:
        if self.deaths:
            self.deaths -= 1
            raise DiedError
        fixed = {judged.row.rejected_id: judged.fixed_by for judged in rows}
        self.rows = [replace(held, fixed_by=fixed.get(held.rejected_id, held.fixed_by)) for held in self.rows]

    def fixed(self) -> dict[str, str]:
        return {held.rejected_id: held.fixed_by for held in self.rows if held.fixed_by}


@dataclass
class ShakyStream(MemoryStream):
    """Refuses what it is told to refuse for each of the coming calls, then takes everything."""

    coming: list[set[int]] = field(default_factory=list)

    def publish(self, records: Sequence[StreamRecord]) -> tuple[int, ...]:
        self.refuse = self.coming.pop(0) if self.coming else set()
        return super().publish(records)


def options(**values: Any) -> ReplayOptions:
    return ReplayOptions(**{"environment": "dev", "selection": Selection(), **values})


def run(
    quarantine: MemoryQuarantine, stream: MemoryStream, corrected: Mapping[str, str] | None = None, **values: Any
) -> ReplayReport:
    return replay(options(**values), corrected or {}, quarantine, stream, now=NOW)


def test_matching_rows_are_sent_and_name_the_event_that_replaced_them() -> None:
    quarantine, stream = MemoryQuarantine([row(1), row(2, body="no json")]), MemoryStream()

    report = run(quarantine, stream)

    assert [sent["event_id"] for sent in stream.events()] == ["e-1"]
    assert quarantine.fixed() == {row(1).rejected_id: "e-1"}
    assert report.as_dict()["sent"] == report.as_dict()["marked"] == 1
    assert report.as_dict()["held_back"] == 1
    assert not report.passed


def test_a_dry_run_counts_and_does_nothing() -> None:
    quarantine, stream = MemoryQuarantine([row(1), row(2), row(3, body="no json")]), MemoryStream()

    report = run(quarantine, stream, dry_run=True)

    assert (stream.records, quarantine.fixed()) == ([], {})
    assert [(group["verdict"], group["rows"]) for group in report.as_dict()["groups"]] == [
        ("send", 2),
        ("still_broken", 1),
    ]
    assert (report.as_dict()["sent"], report.as_dict()["marked"], report.passed) == (0, 0, True)


def test_the_limit_counts_what_is_replayed_and_not_what_is_held_back() -> None:
    quarantine, stream = MemoryQuarantine([row(1, body="no json"), row(2), row(3)]), MemoryStream()

    run(quarantine, stream, limit=1)

    assert list(quarantine.fixed().values()) == ["e-2"]


def test_rows_that_were_replayed_go_out_again_only_if_asked() -> None:
    quarantine, stream = MemoryQuarantine([row(1)]), MemoryStream()

    run(quarantine, stream)
    run(quarantine, stream)
    assert len(stream.records) == 1
    run(quarantine, stream, selection=Selection(fixed_too=True))
    assert len(stream.records) == 2


def test_refused_records_are_not_marked_and_the_message_says_how_many_were() -> None:
    quarantine, stream = MemoryQuarantine([row(n) for n in range(BATCH + 3)]), ShakyStream(coming=[set(), {1}])

    with pytest.raises(ReplayFailedError, match=rf"refused 1 of 3 records.*; {BATCH + 2} rows were replayed"):
        run(quarantine, stream)

    assert row(BATCH + 1).rejected_id not in quarantine.fixed()
    assert len(quarantine.fixed()) == BATCH + 2


def test_a_corrected_file_replays_only_its_rows_and_names_missing_ones(tmp_path: Path) -> None:
    quarantine, stream = MemoryQuarantine([row(1, body="no json"), row(2)]), MemoryStream()
    corrected = {row(1).rejected_id: json.dumps(event(event_id="corrected")), "r_gone": "{}"}

    report = run(quarantine, stream, corrected, from_file=tmp_path / "corrected.jsonl")

    assert quarantine.fixed() == {row(1).rejected_id: "corrected"}
    assert report.missing == ("r_gone",)
    assert not report.passed


def test_a_corrected_file_without_lines_replays_nothing(tmp_path: Path) -> None:
    quarantine, stream = MemoryQuarantine([row(1)]), MemoryStream()

    run(quarantine, stream, {}, from_file=tmp_path / "empty.jsonl")

    assert stream.records == []


def test_rows_to_correct_are_written_for_their_owner_only_and_never_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "correct.jsonl"
    quarantine = MemoryQuarantine([row(1), row(2, body='{"event_id": "e-2"}'), row(3, rejected_id="0" * 32)])

    run(quarantine, MemoryStream(), dry_run=True, to_file=file)

    assert {name: json.loads(body) for name, body in read_corrections(file).items()} == {
        row(2).rejected_id: {"event_id": "e-2"}
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    stream = MemoryStream()
    with pytest.raises(FileExistsError):
        run(quarantine, stream, to_file=file)
    assert stream.records == []


def test_noting_what_replaced_rows_sends_nothing() -> None:
    quarantine, stream = MemoryQuarantine([row(1, rejected_id="0" * 32)]), MemoryStream()

    report = run(quarantine, stream, fixed_by="loyalty_members/corrected.csv")

    assert stream.records == []
    assert quarantine.fixed() == {"0" * 32: "loyalty_members/corrected.csv"}
    assert (report.as_dict()["sent"], report.as_dict()["marked"]) == (0, 1)


BODIES = st.sampled_from(["valid", "no json", "from file"])


@given(
    kinds=st.lists(BODIES, max_size=12),
    refusals=st.lists(st.sets(st.integers(0, 11)), max_size=3),
    deaths=st.integers(0, 2),
    limit=st.none() | st.integers(1, 5),
)
def test_running_until_done_sends_every_valid_row_and_marks_it_and_then_nothing_more(
    kinds: list[str], refusals: list[set[int]], deaths: int, limit: int | None
) -> None:
    rows = [made_of(kind, number) for number, kind in enumerate(kinds)]
    valid = {made.rejected_id: f"e-{n}" for n, (made, kind) in enumerate(zip(rows, kinds, strict=True))
             if kind == "valid"}  # fmt: skip
    quarantine, stream = MemoryQuarantine(rows, deaths=deaths), ShakyStream(coming=list(refusals))

    failures = 0
    for _ in range(len(kinds) + len(refusals) + deaths + 1):
        try:
            run(quarantine, stream, limit=limit)
        except (ReplayFailedError, DiedError):
            failures += 1

    sent = [one["event_id"] for one in stream.events()]
    assert quarantine.fixed() == valid
    assert set(sent) == set(valid.values())  # none is lost
    if not failures:
        assert len(sent) == len(valid)  # none is sent twice
    else:
        assert len(sent) <= len(valid) * (1 + deaths)  # only what a death left unmarked, under the same ids
    before = len(sent)
    run(quarantine, stream)
    assert len(stream.records) == before


@given(kinds=st.lists(BODIES, max_size=12), refusals=st.lists(st.sets(st.integers(0, 11)), max_size=3))
def test_without_a_death_no_row_is_ever_sent_twice(kinds: list[str], refusals: list[set[int]]) -> None:
    quarantine = MemoryQuarantine([made_of(kind, number) for number, kind in enumerate(kinds)])
    stream = ShakyStream(coming=list(refusals))

    for _ in range(len(refusals) + 2):
        try:
            run(quarantine, stream)
        except ReplayFailedError:
            continue

    sent = [one["event_id"] for one in stream.events()]
    assert sorted(sent) == sorted(f"e-{n}" for n, kind in enumerate(kinds) if kind == "valid")


def made_of(kind: str, number: int) -> RejectedRow:
    if kind == "from file":
        return row(number, rejected_id=f"{number:032x}")
    return row(number, body=None if kind == "valid" else kind)


# ---- the stream


@mock_aws
def test_events_arrive_whole_in_requests_that_kinesis_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client = boto3.client("kinesis", region_name="us-east-1")
    client.create_stream(StreamName="c360-dev-events", ShardCount=1)
    quarantine = MemoryQuarantine([row(number) for number in range(2 * BATCH + 1)])
    sizes: list[int] = []
    client.meta.events.register(
        "provide-client-params.kinesis.PutRecords", lambda params, **_: sizes.append(len(params["Records"]))
    )

    sender = KinesisSender(client=client, stream="c360-dev-events")
    replay(options(), {}, quarantine, EventStreamWriter(sender=sender), now=NOW)

    shard = client.list_shards(StreamName="c360-dev-events")["Shards"][0]["ShardId"]
    start = client.get_shard_iterator(
        StreamName="c360-dev-events", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]  # fmt: skip
    arrived = client.get_records(ShardIterator=start, Limit=10_000)["Records"]
    assert [one["Data"] for one in arrived] == [str(held.body).encode() for held in quarantine.rows]
    # All are of one visitor, and keep their order one by one.
    assert sizes == [1] * (2 * BATCH + 1)
    assert len(quarantine.fixed()) == 2 * BATCH + 1


def test_an_event_has_the_key_that_the_collector_gives_its_sender() -> None:
    sent = judge(row(1), ReplayInstructions(), now=NOW).event
    assert sent is not None

    wanted = partition_key(
        {"device_id": ["d-0001"], "cookie_id": ["k-0001"]}, preferred=IdentifierType.DEVICE_ID, otherwise="e-1"
    )
    assert record(sent).key == wanted


# ---- the table


class Athena:
    """Stands for awswrangler's two calls: answers with frames, remembers statements, fails as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, frames: Iterable[Any] = (), failures: Sequence[str] = ()):
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.frames, self.failures = frames, list(failures)
        monkeypatch.setattr(awswrangler.athena, "read_sql_query", self.read)
        monkeypatch.setattr(awswrangler.athena, "start_query_execution", self.start)

    def read(self, sql: str, **options: Any) -> Iterable[Any]:
        self.asked.append((sql, options))
        return self.frames

    def start(self, sql: str, **options: Any) -> dict[str, Any]:
        self.asked.append((sql, options))
        if self.failures:
            raise awswrangler.exceptions.QueryFailed(self.failures.pop(0))
        return {}


def frame(*bodies: str | None) -> Any:
    columns = {
        "rejected_id": [f"r_{number}" for number, _ in enumerate(bodies)],
        "source": "web_events",
        "reason_code": "MISSING_FIELD",
        "reason": "because",
        "received": "2026-03-01T10:00:00.123456Z",
        "body": [None if body is None else base64.b64encode(body.encode()).decode() for body in bodies],
        "fixed_by": None,
    }
    return pd.DataFrame(columns).astype("string")


def test_rows_are_read_from_the_environments_table_as_they_were_received(monkeypatch: pytest.MonkeyPatch) -> None:
    athena = Athena(monkeypatch, [frame('{"a":\r\n"\u00fc"}', None), frame("NaN")])

    rows = list(AthenaQuarantine(environment="staging").read(Selection(source="web_events")))

    assert [one.body for one in rows] == ['{"a":\r\n"\u00fc"}', None, "NaN"]
    assert rows[0].fixed_by is None
    assert rows[0].received_at == datetime(2026, 3, 1, 10, 0, 0, 123456, tzinfo=UTC)
    _, options = athena.asked[0]
    assert (options["database"], options["workgroup"]) == ("c360_staging_quarantine", "c360-staging-stewards")
    assert options["params"] == {"source": "web_events"}


@pytest.mark.parametrize("failures", [0, 1, ATTEMPTS - 1])
def test_a_commit_that_came_first_is_waited_for(monkeypatch: pytest.MonkeyPatch, failures: int) -> None:
    athena = Athena(monkeypatch, failures=["ICEBERG_COMMIT_ERROR: Failed to commit"] * failures)
    pauses: list[float] = []

    AthenaQuarantine(environment="dev", pause=pauses.append).mark([judge(row(1), ReplayInstructions(), now=NOW)])

    assert len(athena.asked) == failures + 1
    assert pauses == [2.0**number for number in range(failures)]


@pytest.mark.parametrize(
    ("failures", "complaint"),
    [
        (["ICEBERG_COMMIT_ERROR: Failed to commit"] * ATTEMPTS, "at the same time"),
        (["PERMISSION_DENIED: no"], "PERMISSION_DENIED: no"),
    ],
)
def test_a_failed_mark_says_that_the_events_may_have_been_sent(
    monkeypatch: pytest.MonkeyPatch, failures: list[str], complaint: str
) -> None:
    Athena(monkeypatch, failures=failures)

    with pytest.raises(ReplayFailedError, match=rf"1 rows could not be marked \(.*{complaint}.*Run the same command"):
        AthenaQuarantine(environment="dev", pause=lambda _: None).mark([judge(row(1), ReplayInstructions(), now=NOW)])


def test_a_mark_names_each_row_once_and_stays_within_its_days() -> None:
    rows = [judge(row(number), ReplayInstructions(), now=NOW) for number in (1, 2, 2)]

    sql, values = mark_statement(rows)

    assert values["ids"] == [row(1).rejected_id, row(2).rejected_id]
    assert values["fixed_by"] == ["e-1", "e-2"]
    assert values["first"] < "2026-03-02T12:00:01"
    assert values["last"] > "2026-03-02T12:00:02"
    assert isinstance(sqlglot.parse_one(sql, dialect="trino"), sqlglot.exp.Merge)


@pytest.mark.parametrize(
    ("selection", "condition", "value"),
    [
        (Selection(source="x'; DROP TABLE rejected"), "held.source = :source", "x'; DROP TABLE rejected"),
        (Selection(code="OVERSIZE"), "held.reason_code = :code", "OVERSIZE"),
        (Selection(event_type="page_viewed"), "'$.event_type') = :event_type", "page_viewed"),
        (Selection(since=NOW), "held.received_at >= from_iso8601_timestamp(:since)", "2026-03-02T12:00:00.000Z"),
        (Selection(until=NOW), "held.received_at < from_iso8601_timestamp(:until)", "2026-03-02T12:00:00.000Z"),
        (Selection(rejected_ids=("r_1",)), "held.rejected_id IN", ["r_1"]),
    ],
)
def test_each_criterion_narrows_the_query_and_its_value_stays_apart(
    selection: Selection, condition: str, value: Any
) -> None:
    sql, values = select_statement(selection)

    assert condition in sql
    assert list(values.values()) == [value]
    assert "held.fixed_by IS NULL" in sql
    assert sqlglot.parse_one(sql, dialect="trino")


def test_without_criteria_every_row_that_was_not_replayed_matches() -> None:
    assert "WHERE held.fixed_by IS NULL ORDER BY" in select_statement(Selection())[0]
    assert "WHERE true ORDER BY" in select_statement(Selection(fixed_too=True))[0]


# ---- files, failures, reports


def test_a_wrong_line_of_a_corrected_file_is_named_by_file_and_number(tmp_path: Path) -> None:
    file = tmp_path / "corrected.jsonl"
    file.write_text('\n{"rejected_id": "r_1", "body": {}}\n{"rejected_id": "r_1", "body": {}}\n', encoding="utf-8")

    with pytest.raises(ValueError, match=r"corrected\.jsonl: line 3 corrects r_1 a second time"):
        read_corrections(file)


def test_an_aws_error_becomes_one_message_with_a_link_to_the_permissions() -> None:
    with pytest.raises(ReplayFailedError, match=r"no rights.*events-are-rejected\.md"), aws_errors():
        raise awswrangler.exceptions.QueryFailed("no rights")


def test_verdicts_and_json_hold_no_payload() -> None:
    quarantine = MemoryQuarantine([row(1, body='{"source": "web_events", "secret": "4711"}')])

    report = run(quarantine, MemoryStream())

    assert report.rows(ReplayVerdict.STILL_BROKEN) == 1
    assert "4711" not in json.dumps(report.as_dict())
