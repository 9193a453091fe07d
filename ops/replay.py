"""Quarantined events go on the events stream again, and their rows say which event replaced them.

The same calls work on AWS and on the twin. A batch is read, sent and marked before the next one is sent. Whoever dies
between sending and marking has sent at most one batch, and sending it again does no harm: everything that is sent has
an event id, and readers drop what they have seen.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol

from c360_aws.event_stream import EventStream, partition_key
from c360_aws.stream_writer import StreamRecord
from c360_core import contracts
from c360_core.replay import (
    CORRECTABLE,
    HELD_BACK,
    JudgedRow,
    Mark,
    RejectedRow,
    ReplayEvent,
    ReplayInstructions,
    ReplayVerdict,
    correction_line,
    judge,
    read_correction,
)
from ops.quarantine import ReplayFailedError, Selection

# Rows that are sent and then marked by one statement: Athena takes 256 KiB, and Kinesis 500 records in one request.
BATCH: Final = 500
IDS_PER_QUERY: Final = 1000
OWNER_ONLY: Final = 0o600

NEXT: Final[Mapping[ReplayVerdict, str]] = {
    ReplayVerdict.REPLAYED_BEFORE: "nothing; --again takes them, too",
    ReplayVerdict.STILL_BROKEN: "change and deploy the contract; or write them with --to-file, correct them, "
    "send --from-file",
    ReplayVerdict.NOT_WHOLE: "their sender has them whole; correct what --to-file writes, send --from-file",
    ReplayVerdict.FROM_FILE: "land a file of the corrected rows under the source's name, then note it with --fixed-by",
    ReplayVerdict.FROM_UNIFY: "they are no events: the event of an interaction is in raw.interactions, an identity "
    "change comes again with the next run of ResolveIdentity. Correct what writes such records, put the corrected "
    "record on the stream that `source` names, then note it with --fixed-by",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What the person at the terminal asked for.

    Attributes:
        from_file: lines with `rejected_id` and a corrected `body`; these rows alone are replayed.
        to_file: where the rows go that can be corrected, one JSON a line.
        limit: replay at most so many rows.
        mark: how the events name the rows that they came from.
        rate: so many events a second at most.
    """

    environment: str
    selection: Selection
    replay_id: str | None = None
    fixed_by: str | None = None
    from_file: Path | None = None
    to_file: Path | None = None
    limit: int | None = None
    dry_run: bool = False
    mark: Mark | None = None
    rate: int | None = None


class RejectedRows(Protocol):
    """Where rejected rows are."""

    def read(self, selection: Selection) -> Iterable[RejectedRow]:
        """Yield the rows, oldest first."""

    def mark(self, rows: Sequence[JudgedRow]) -> None:
        """Write `fixed_by` of each judged row into its row of the table; a repetition changes nothing."""


@dataclass(slots=True)
class ReplayReport:
    """What was found and done.

    Attributes:
        counts: rows by source, reason code and verdict.
        examples: the first row's reason of each of them.
        missing: ids that were asked for and are not there.
    """

    environment: str
    dry_run: bool
    counts: dict[tuple[str, str, ReplayVerdict], int] = field(default_factory=dict)
    examples: dict[tuple[str, str, ReplayVerdict], str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def add(self, judged: JudgedRow) -> None:
        """Count a row."""
        key = (judged.row.source, judged.row.reason_code, judged.verdict)
        self.counts[key] = self.counts.get(key, 0) + 1
        self.examples.setdefault(key, judged.reason)

    def rows(self, *verdicts: ReplayVerdict) -> int:
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
            "sent": 0 if self.dry_run else self.rows(ReplayVerdict.SEND),
            "marked": 0 if self.dry_run else self.rows(ReplayVerdict.SEND, ReplayVerdict.NOTE),
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


def replay(
    options: ReplayOptions,
    corrected: Mapping[str, str],
    quarantine: RejectedRows,
    stream: EventStream,
    *,
    now: datetime,
) -> ReplayReport:
    """Judge the rows, write down those to correct, and batch by batch send and mark the others.

    Raises:
        ReplayFailedError: the stream refused records; what it took is marked.
    """
    instructions = ReplayInstructions(
        corrected=corrected,
        replay_id=options.replay_id,
        fixed_by=options.fixed_by,
        again=options.selection.fixed_too,
        mark=options.mark,
    )
    report = ReplayReport(environment=options.environment, dry_run=options.dry_run)
    wanted = tuple(corrected) if options.from_file else options.selection.rejected_ids
    found: set[str] = set()

    def to_replay(write: Callable[[str], None]) -> Iterator[JudgedRow]:
        for row in _selected(quarantine, options.selection, wanted):
            found.add(row.rejected_id)
            judged = judge(row, instructions, now=now)
            if judged.verdict in CORRECTABLE:
                write(correction_line(judged))
            if judged.fixed_by is None:
                report.add(judged)
            else:
                yield judged

    with _lines(options.to_file) as write:
        rows = islice(to_replay(write), options.limit)
        while batch := list(islice(rows, BATCH)):
            if not options.dry_run:
                _send_and_mark(batch, quarantine, stream, report)
            for judged in batch:
                report.add(judged)
    # Rows after the limit were not looked at: nobody can say what is missing.
    report.missing = () if options.limit is not None else tuple(sorted({*(wanted or ())} - found))
    return report


def _selected(quarantine: RejectedRows, selection: Selection, ids: tuple[str, ...] | None) -> Iterator[RejectedRow]:
    if ids is None:
        yield from quarantine.read(selection)
        return
    for first in range(0, len(ids), IDS_PER_QUERY):
        # Rows that were replayed before are read as well, so that they are not reported as missing.
        yield from quarantine.read(replace(selection, rejected_ids=ids[first : first + IDS_PER_QUERY], fixed_too=True))


def _send_and_mark(
    batch: Sequence[JudgedRow], quarantine: RejectedRows, stream: EventStream, report: ReplayReport
) -> None:
    """Send the events of a batch, and mark the rows whose events are on the stream, and no others."""
    events = [(judged, judged.event) for judged in batch if judged.event is not None]
    refused = {events[index][0].row.rejected_id for index in stream.publish([record(event) for _, event in events])}
    stored = [judged for judged in batch if judged.row.rejected_id not in refused]
    if stored:
        quarantine.mark(stored)
    if refused:
        before = report.rows(ReplayVerdict.SEND, ReplayVerdict.NOTE)
        raise ReplayFailedError(
            f"the events stream refused {len(refused)} of {len(batch)} records in every attempt; "
            f"{before + len(stored)} rows were replayed and marked before that. If it refuses all, see whether the "
            "stream is there and the role may write to it. Run the same command again: it takes up what is not marked"
        )


def record(event: ReplayEvent) -> StreamRecord:
    """Return an event as a record, under the key that the collector gives the events of this sender."""
    preferred = contracts.load().source(event.source).partition_key
    key = partition_key(event.identifiers, preferred=preferred, otherwise=event.event_id)
    return StreamRecord(key=key, data=event.data)


def read_corrections(path: Path) -> dict[str, str]:
    """Return the corrected payloads of a file by `rejected_id`.

    Raises:
        ValueError: a line is wrong, or two lines correct the same row.
        FileNotFoundError: there is no such file.
    """
    corrected: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rejected_id, body = read_correction(line, number)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if rejected_id in corrected:
            raise ValueError(f"{path}: line {number} corrects {rejected_id} a second time; keep one of the lines")
        corrected[rejected_id] = body
    return corrected


@contextmanager
def _lines(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Write lines to a new file that only its owner may read: they are personal data. Without a path, to nowhere."""
    if path is None:
        yield lambda _line: None
        return
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        yield lambda line: print(line, file=file)
