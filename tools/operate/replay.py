"""`c360 replay`: what `ops.replay` does, with the terminal around it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import boto3
from rich.table import Table

from c360_aws.event_stream import EventStreamWriter
from c360_aws.stream_writer import Pace
from c360_core.names import Stream
from c360_core.replay import MAX_FIXED_BY, ReplayVerdict
from ops.deployed_streams import stream_sender
from ops.quarantine import AthenaQuarantine, aws_errors
from ops.replay import NEXT, ReplayOptions, ReplayReport, read_corrections, replay
from tools.build import prepare
from tools.console import Steps
from tools.errors import WrongUsageError

SHOWN: Final = 10
# Half of what one shard takes: live events keep the other half.
BYTES_A_SECOND: Final = 512 * 1024
DONE: Final[Mapping[ReplayVerdict, str]] = {
    ReplayVerdict.SEND: "sent",
    ReplayVerdict.NOTE: "marked, not sent",
    ReplayVerdict.REPLAYED_BEFORE: "left: replayed before",
    ReplayVerdict.STILL_BROKEN: "held back: breaks its contract",
    ReplayVerdict.NOT_WHOLE: "held back: not kept whole",
    ReplayVerdict.FROM_FILE: "held back: came in a file",
    ReplayVerdict.FROM_UNIFY: "held back: a record that unify refused",
}
PLANNED: Final = {**DONE, ReplayVerdict.SEND: "would be sent", ReplayVerdict.NOTE: "would be marked"}


def run(steps: Steps, options: ReplayOptions) -> ReplayReport:
    """Replay what was asked for, and say what became of every row.

    Raises:
        WrongUsageError: the options contradict each other.
        ValueError: a line of the corrected file is wrong.
        ReplayFailedError: AWS refused something.
    """
    prepare.contracts()
    corrected = read_corrections(options.from_file) if options.from_file else {}
    refuse_contradictions(options)
    session: Any = boto3.Session()
    quarantine = AthenaQuarantine(environment=options.environment)
    pace = None if options.rate is None else Pace(records=options.rate, size=BYTES_A_SECOND)
    with steps.step("Look" if options.dry_run else "Replay"), aws_errors():
        sender = stream_sender(options.environment, Stream.EVENTS, session.client)
        stream = EventStreamWriter(sender=sender, pace=pace)
        report = replay(options, corrected, quarantine, stream, now=datetime.now(UTC))
    show(steps, report)
    steps.result(report.as_dict())
    return report


def refuse_contradictions(options: ReplayOptions) -> None:
    """Stop before anything is read.

    Raises:
        WrongUsageError: names the options.
    """
    if options.fixed_by is None:
        return
    if not options.fixed_by or len(options.fixed_by) > MAX_FIXED_BY:
        raise WrongUsageError(
            f"--fixed-by takes 1 to {MAX_FIXED_BY} characters: the event or file that replaced the rows"
        )
    if options.from_file or options.replay_id:
        raise WrongUsageError("--fixed-by sends nothing; leave --from-file and --replay-id away")
    if options.selection.is_everything:
        raise WrongUsageError("--fixed-by would mark every row; say which, for example with --source and --code")


def show(steps: Steps, report: ReplayReport) -> None:
    """Print what became of the rows, and what to do next."""
    if steps.machine:
        return
    words = PLANNED if report.dry_run else DONE
    table = Table("source", "reason code", "rows", "what happens", "for example", box=None, header_style="dim")
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
