"""`c360 replay`: quarantined events go on the events stream again, and their rows say which event replaced them.

The same calls work on AWS and on the twin. A batch is read, sent and marked before the next one is sent. Whoever dies
between sending and marking has sent at most one batch, and sending it again does no harm: everything that is sent has
an event id, and readers drop what they have seen.
"""

import base64
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

import awswrangler
import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.table import Table as ShownTable

from c360_aws.event_stream import EventStream, KinesisEventStream, partition_key
from c360_aws.kinesis import StreamRecord
from c360_core import contracts
from c360_core.names import Stream, Table, Zone, database_name, stream_name, workgroup_name
from c360_core.replay import (
    HELD_BACK,
    MAX_FIXED_BY,
    MENDABLE,
    Event,
    Judged,
    Rejected,
    Verdict,
    Wish,
    judge,
    mended_line,
    to_mend,
)
from c360_core.timeline import moment, moment_text
from tools.build import prepare
from tools.console import Steps
from tools.errors import WrongUsageError
from twin.batching import batched

# Rows that are sent and then marked by one statement: Athena takes 256 KiB, and Kinesis 500 records in one request.
BATCH: Final = 500
IDS_PER_QUERY: Final = 1000
ATTEMPTS: Final = 6
FIRST_PAUSE_SECONDS: Final = 1.0
# `clean` commits to the same table all the time. Iceberg refuses one of two commits that may touch the same rows.
COMMIT_CONFLICT: Final = "ICEBERG_COMMIT_ERROR"
OWNER_ONLY: Final = 0o600
SHOWN: Final = 10
# Athena reads times in texts to the millisecond; the table is finer.
FINER_THAN_TEXT: Final = timedelta(seconds=1)

DONE: Final[Mapping[Verdict, str]] = {
    Verdict.SEND: "sent",
    Verdict.NOTE: "marked, not sent",
    Verdict.REPLAYED_BEFORE: "left: replayed before",
    Verdict.STILL_BROKEN: "held back: breaks its contract",
    Verdict.NOT_WHOLE: "held back: not kept whole",
    Verdict.FROM_FILE: "held back: came in a file",
    Verdict.FROM_UNIFY: "held back: a record that unify refused",
}
PLANNED: Final = {**DONE, Verdict.SEND: "would be sent", Verdict.NOTE: "would be marked"}
NEXT: Final[Mapping[Verdict, str]] = {
    Verdict.REPLAYED_BEFORE: "nothing; --again takes them, too",
    Verdict.STILL_BROKEN: "change and deploy the contract; or write them with --to-file, mend them, send --from-file",
    Verdict.NOT_WHOLE: "their sender has them whole; mend what --to-file writes, send --from-file",
    Verdict.FROM_FILE: "land a file of the corrected rows under the source's name, then note it with --fixed-by",
    Verdict.FROM_UNIFY: "they are no events: the event of an interaction is in raw.interactions, an identity change "
    "comes again with the next run of ResolveIdentity. Mend what writes such records, put the mended record on the "
    "stream that `source` names, then note it with --fixed-by",
}


class ReplayFailedError(RuntimeError):
    """Something refused to work; the message says what was done and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows: all criteria hold together; a criterion without a value holds for every row.

    Attributes:
        since: received at this time or later.
        until: received before this time.
        rejected_ids: these rows alone.
        fixed_too: rows that were replayed before, too.
    """

    source: str | None = None
    code: str | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    rejected_ids: tuple[str, ...] | None = None
    fixed_too: bool = False

    @property
    def is_everything(self) -> bool:
        """Say whether nothing narrows it."""
        return self == Selection(fixed_too=self.fixed_too)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the person at the terminal asked for.

    Attributes:
        from_file: lines with `rejected_id` and a mended `body`; these rows alone are replayed.
        to_file: where the rows go that can be mended, one JSON a line.
        limit: replay at most so many rows.
    """

    environment: str
    selection: Selection
    replay_id: str | None = None
    fixed_by: str | None = None
    from_file: Path | None = None
    to_file: Path | None = None
    limit: int | None = None
    dry_run: bool = False


class Quarantine(Protocol):
    """Where rejected rows are."""

    def read(self, selection: Selection) -> Iterable[Rejected]:
        """Yield the rows, oldest first."""

    def mark(self, rows: Sequence[Judged]) -> None:
        """Write `fixed_by` of each judged row into its row of the table; a repetition changes nothing."""


@dataclass(slots=True)
class Report:
    """What was found and done.

    Attributes:
        counts: rows by source, reason code and verdict.
        examples: the first row's reason of each of them.
        missing: ids that were asked for and are not there.
    """

    environment: str
    dry_run: bool
    counts: dict[tuple[str, str, Verdict], int] = field(default_factory=dict)
    examples: dict[tuple[str, str, Verdict], str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def add(self, judged: Judged) -> None:
        """Count a row."""
        key = (judged.row.source, judged.row.reason_code, judged.verdict)
        self.counts[key] = self.counts.get(key, 0) + 1
        self.examples.setdefault(key, judged.reason)

    def rows(self, *verdicts: Verdict) -> int:
        """Return how many rows have these verdicts."""
        return sum(count for (_, _, verdict), count in self.counts.items() if verdict in verdicts)

    @property
    def passed(self) -> bool:
        """Say whether every row that was asked for was replayed; a dry run asks for none."""
        return self.dry_run or not (self.rows(*HELD_BACK) or self.missing)

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it. Reasons name fields, never values."""
        return {
            "environment": self.environment,
            "dry_run": self.dry_run,
            "sent": 0 if self.dry_run else self.rows(Verdict.SEND),
            "marked": 0 if self.dry_run else self.rows(Verdict.SEND, Verdict.NOTE),
            "held_back": self.rows(*HELD_BACK),
            "missing": list(self.missing),
            "groups": [
                {
                    "source": source,
                    "reason_code": code,
                    "verdict": str(verdict),
                    "rows": self.counts[source, code, verdict],
                    "reason": self.examples[source, code, verdict],
                    "next": NEXT.get(verdict),
                }
                for source, code, verdict in sorted(self.counts)
            ],
        }


def run(steps: Steps, request: Request) -> Report:
    """Replay what was asked for, and say what became of every row.

    Raises:
        WrongUsageError: the request contradicts itself.
        ValueError: a line of the mended file is wrong.
        ReplayFailedError: AWS refused something.
    """
    prepare.contracts()
    mended = read_mended(request.from_file) if request.from_file else {}
    refuse_contradictions(request)
    client = boto3.client("kinesis")
    quarantine = AthenaQuarantine(environment=request.environment)
    stream = KinesisEventStream(client=client, stream_name=stream_name(request.environment, Stream.EVENTS))
    with steps.step("Look" if request.dry_run else "Replay"), aws_errors():
        report = replay(request, mended, quarantine, stream, now=datetime.now(UTC))
    show(steps, report)
    steps.result(report.as_dict())
    return report


def refuse_contradictions(request: Request) -> None:
    """Stop before anything is read.

    Raises:
        WrongUsageError: names the options.
    """
    if request.fixed_by is None:
        return
    if not request.fixed_by or len(request.fixed_by) > MAX_FIXED_BY:
        raise WrongUsageError(
            f"--fixed-by takes 1 to {MAX_FIXED_BY} characters: the event or file that replaced the rows"
        )
    if request.from_file or request.replay_id:
        raise WrongUsageError("--fixed-by sends nothing; leave --from-file and --replay-id away")
    if request.selection.is_everything:
        raise WrongUsageError("--fixed-by would mark every row; say which, for example with --source and --code")


def replay(
    request: Request,
    mended: Mapping[str, str],
    quarantine: Quarantine,
    stream: EventStream,
    *,
    now: datetime,
) -> Report:
    """Judge the rows, write down those to mend, and batch by batch send and mark the others.

    Raises:
        ReplayFailedError: the stream refused records; what it took is marked.
    """
    wish = Wish(
        mended=mended, replay_id=request.replay_id, fixed_by=request.fixed_by, again=request.selection.fixed_too
    )
    report = Report(environment=request.environment, dry_run=request.dry_run)
    found: set[str] = set()

    def to_replay(write: Callable[[str], None]) -> Iterator[Judged]:
        for row in _selected(quarantine, request.selection, tuple(mended) if request.from_file else None):
            found.add(row.rejected_id)
            judged = judge(row, wish, now=now)
            if judged.verdict in MENDABLE:
                write(to_mend(judged))
            if judged.fixed_by is None:
                report.add(judged)
            else:
                yield judged

    with _lines(request.to_file) as write:
        for batch in batched(islice(to_replay(write), request.limit), BATCH):
            if not request.dry_run:
                _send_and_mark(batch, quarantine, stream, report)
            for judged in batch:
                report.add(judged)
    # Rows after the limit were not looked at: nobody can say what is missing.
    report.missing = () if request.limit is not None else tuple(sorted(set(mended) - found))
    return report


def _selected(quarantine: Quarantine, selection: Selection, ids: tuple[str, ...] | None) -> Iterator[Rejected]:
    if ids is None:
        yield from quarantine.read(selection)
        return
    for part in batched(ids, IDS_PER_QUERY):
        # Those that were replayed before are asked for by name, and so are told apart from those that are not there.
        yield from quarantine.read(replace(selection, rejected_ids=tuple(part), fixed_too=True))


def _send_and_mark(batch: Sequence[Judged], quarantine: Quarantine, stream: EventStream, report: Report) -> None:
    """Send the events of a batch, and mark the rows whose events are on the stream, and no others."""
    events = [(judged, judged.event) for judged in batch if judged.event is not None]
    refused = {events[index][0].row.rejected_id for index in stream.publish([record(event) for _, event in events])}
    stored = [judged for judged in batch if judged.row.rejected_id not in refused]
    if stored:
        quarantine.mark(stored)
    if refused:
        before = report.rows(Verdict.SEND, Verdict.NOTE)
        raise ReplayFailedError(
            f"the events stream refused {len(refused)} of {len(batch)} records in every attempt; "
            f"{before + len(stored)} rows were replayed and marked before that. If it refuses all, see whether the "
            "stream is there and the role may write to it. Run the same command again: it takes up what is not marked"
        )


def record(event: Event) -> StreamRecord:
    """Return an event as a record, under the key that the collector gives the events of this sender."""
    preferred = contracts.load().source(event.source).partition_key
    key = partition_key(event.identifiers, preferred=preferred, otherwise=event.event_id)
    return StreamRecord(key=key, data=event.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class AthenaQuarantine:
    """The table `rejected`, asked and marked in the deployed Athena workgroup."""

    environment: str
    pause: Callable[[float], None] = time.sleep

    @property
    def _database(self) -> str:
        return database_name(self.environment, Zone.QUARANTINE)

    @property
    def _workgroup(self) -> str:
        return workgroup_name(self.environment)

    def read(self, selection: Selection) -> Iterator[Rejected]:
        """Yield the rows, oldest first."""
        sql, values = select_statement(selection)
        frames = awswrangler.athena.read_sql_query(
            sql,
            database=self._database,
            workgroup=self._workgroup,
            params=values,
            ctas_approach=False,
            chunksize=BATCH,
        )
        for frame in frames:
            for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
                yield rejected_row(row)

    def mark(self, rows: Sequence[Judged]) -> None:
        """Write `fixed_by` into the table.

        Raises:
            ReplayFailedError: other commits came first in every attempt.
        """
        sql, values = mark_statement(rows)
        for attempt in range(ATTEMPTS):
            if attempt:
                self.pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                awswrangler.athena.start_query_execution(
                    sql, database=self._database, workgroup=self._workgroup, params=values, wait=True
                )
            except awswrangler.exceptions.QueryFailed as error:
                if COMMIT_CONFLICT not in str(error):
                    raise ReplayFailedError(unmarked(rows, str(error))) from error
            else:
                return
        raise ReplayFailedError(unmarked(rows, "others changed the table at the same time, in every attempt"))


def unmarked(rows: Sequence[Judged], why: str) -> str:
    """Say what a failed mark means."""
    return (
        f"{len(rows)} rows could not be marked ({why}). Their events may be on the stream already. "
        "Run the same command again: what arrives twice is dropped by its event id"
    )


def select_statement(selection: Selection) -> tuple[str, dict[str, Any]]:
    """Return the query and its values. The body travels as base64: no line end or quote in it can change."""
    criteria = {
        "source": ("held.source = :source", selection.source),
        "code": ("held.reason_code = :code", selection.code),
        "event_type": ("json_extract_scalar(held.body, '$.event_type') = :event_type", selection.event_type),
        "since": ("held.received_at >= from_iso8601_timestamp(:since)", _text(selection.since)),
        "until": ("held.received_at < from_iso8601_timestamp(:until)", _text(selection.until)),
        "ids": ("held.rejected_id IN (SELECT id FROM UNNEST(:ids) AS wanted (id))", _list(selection.rejected_ids)),
    }
    stated = {name: (text, value) for name, (text, value) in criteria.items() if value is not None}
    conditions = [text for text, _ in stated.values()] + ([] if selection.fixed_too else ["held.fixed_by IS NULL"])
    sql = (
        "SELECT held.rejected_id, held.source, held.reason_code, held.reason, "  # noqa: S608  # our own words; values apart
        "to_iso8601(held.received_at) AS received, to_base64(to_utf8(held.body)) AS body, held.fixed_by "
        f"FROM {Table.REJECTED} AS held WHERE {' AND '.join(conditions) or 'true'} "
        "ORDER BY held.received_at, json_extract_scalar(held.body, '$.occurred_at'), held.rejected_id"
    )
    return sql, {name: value for name, (_, value) in stated.items()}


def mark_statement(rows: Sequence[Judged]) -> tuple[str, dict[str, Any]]:
    """Return the statement that marks rows, and its values.

    The times keep the statement away from partitions without such rows, and from what `clean` is appending.
    """
    fixed = {judged.row.rejected_id: judged.fixed_by for judged in rows}
    times = [judged.row.received_at for judged in rows]
    first, last = min(times) - FINER_THAN_TEXT, max(times) + FINER_THAN_TEXT
    sql = (
        f"MERGE INTO {Table.REJECTED} AS held "  # noqa: S608  # our own name; the rows go in as values
        "USING (SELECT * FROM UNNEST(:ids, :fixed_by) AS pair (rejected_id, fixed_by)) AS replayed "
        "ON held.rejected_id = replayed.rejected_id "
        "AND held.received_at BETWEEN from_iso8601_timestamp(:first) AND from_iso8601_timestamp(:last) "
        "WHEN MATCHED THEN UPDATE SET fixed_by = replayed.fixed_by"
    )
    values = {"ids": list(fixed), "fixed_by": list(fixed.values()), "first": _text(first), "last": _text(last)}
    return sql, values


def rejected_row(row: Mapping[str, Any]) -> Rejected:
    """Return a row of the query's result."""
    body = row["body"]
    return Rejected(
        rejected_id=row["rejected_id"],
        source=row["source"],
        reason_code=row["reason_code"],
        reason=row["reason"],
        received_at=moment(row["received"]),
        body=None if body is None else base64.b64decode(body).decode(),
        fixed_by=row["fixed_by"],
    )


def read_mended(path: Path) -> dict[str, str]:
    """Return the mended payloads of a file by `rejected_id`.

    Raises:
        ValueError: a line is wrong, or two lines mend the same row.
        FileNotFoundError: there is no such file.
    """
    mended: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rejected_id, body = mended_line(line, number)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if rejected_id in mended:
            raise ValueError(f"{path}: line {number} mends {rejected_id} a second time; keep one of the lines")
        mended[rejected_id] = body
    return mended


def show(steps: Steps, report: Report) -> None:
    """Print what became of the rows, and what to do next."""
    if steps.machine:
        return
    words = PLANNED if report.dry_run else DONE
    table = ShownTable("source", "reason code", "rows", "what happens", "for example", box=None, header_style="dim")
    for source, code, verdict in sorted(report.counts):
        key = (source, code, verdict)
        table.add_row(source, code, str(report.counts[key]), words[verdict], report.examples[key])
    if report.counts:
        steps.console.print(table)
    else:
        steps.note("no row matches")
    for verdict in sorted({verdict for _, _, verdict in report.counts if verdict in NEXT}):
        steps.note(f"{words[verdict]} ({report.rows(verdict)}). Next: {NEXT[verdict]}.")
    if report.missing:
        steps.note(f"not there, or outside the selection ({len(report.missing)}): {', '.join(report.missing[:SHOWN])}")


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn what AWS and awswrangler raise into one clear message."""
    try:
        yield
    except (ClientError, BotoCoreError, awswrangler.exceptions.QueryFailed, awswrangler.exceptions.QueryCancelled) as e:
        raise ReplayFailedError(
            f"{e}. Check the credentials, the region, and the permissions in docs/runbooks/events-are-rejected.md; "
            "then run the same command again"
        ) from e


@contextmanager
def _lines(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Write lines to a new file that only its owner may read: they are personal data. Without a path, to nowhere."""
    if path is None:
        yield lambda _line: None
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        yield lambda line: print(line, file=file)


def _text(at: datetime | None) -> str | None:
    return None if at is None else moment_text(at)


def _list(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)
