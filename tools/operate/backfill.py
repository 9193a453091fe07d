"""`c360 backfill`: what `ops.backfill` does, with the terminal around it."""

from datetime import date
from typing import Any

import boto3

from c360_core import contracts
from c360_core.backfill import Span
from ops.backfill import BackfillReport, backfill, deployed
from tools.build import prepare
from tools.console import Steps


def run(
    steps: Steps, environment: str, source: str, first: date, last: date, *, dry_run: bool, again: bool
) -> BackfillReport:
    """Put the interactions of past days on their stream again, and say how many they were.

    Raises:
        UnknownContractError: no contract has the source.
        BackfillRefusedError: the days would not have one effect.
        BackfillFailedError: it did not come to its end.
    """
    prepare.contracts()
    span = Span(source=contracts.load().source(source).name, first=first, last=last)
    session: Any = boto3.Session()
    there = deployed(environment, session.client, session.resource("dynamodb").meta.client)
    with steps.step("Count" if dry_run else "Fill again"):
        report = backfill(there, span, steps, dry_run=dry_run, again=again)
    if dry_run:
        steps.note(f"{report.records} interactions would be sent")
    elif report.done_before:
        steps.note(f"it came to its end before, with {report.sent} interactions; --again begins anew")
    else:
        steps.note(f"{report.sent} interactions are on their stream again, as {report.backfill_id}")
    steps.result(report.as_dict())
    return report
