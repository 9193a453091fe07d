"""A backfill is started, followed and gone on with; the same calls work on AWS and on the twin.

The work is a state machine's: whoever follows it may go away, and it goes on.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Protocol

from c360_core.backfill import KEY, BackfillMode, Span
from c360_core.names import stack_name
from ops.deployed_stacks import outputs, stacks

PAUSE_SECONDS: Final = 2.0
RUNNING: Final = "RUNNING"
SUCCEEDED: Final = "SUCCEEDED"
RUNBOOK: Final = "docs/runbooks/history-again.md"


class BackfillFailedError(RuntimeError):
    """It did not come to its end; the message says how far it came and what to do."""


class Notes(Protocol):
    """Whoever types the command."""

    def note(self, text: str) -> None:
        """Tell how it goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedBackfill:
    """What is deployed for backfills.

    Attributes:
        machine: ARN of the state machine.
        table: of progress.
        remembered_days: how long `unify` knows an interaction again.
        states: a client of Step Functions.
        dynamodb: a client of DynamoDB that takes and returns Python values.
    """

    machine: str
    table: str
    remembered_days: int
    states: Any
    dynamodb: Any

    def item(self, backfill_id: str) -> Mapping[str, Any]:
        """Return how far a backfill has come; empty before it has begun."""
        found = self.dynamodb.get_item(TableName=self.table, Key={KEY: backfill_id}, ConsistentRead=True)
        item: Mapping[str, Any] = found.get("Item", {})
        return item

    def running(self, backfill_id: str) -> str | None:
        """Return the ARN of the execution that works on a backfill now."""
        pages = self.states.get_paginator("list_executions").paginate(
            stateMachineArn=self.machine, statusFilter=RUNNING
        )
        for arn in (each["executionArn"] for page in pages for each in page["executions"]):
            given = json.loads(self.states.describe_execution(executionArn=arn)["input"])
            if given.get(KEY) == backfill_id and given.get("mode") == BackfillMode.SEND:
                return str(arn)
        return None

    def start(self, span: Span, backfill_id: str, mode: BackfillMode) -> str:
        """Start an execution; return its ARN."""
        given = {
            KEY: backfill_id,
            "source": span.source,
            "first_day": span.first.isoformat(),
            "last_day": span.last.isoformat(),
            "mode": mode,
        }
        started = self.states.start_execution(stateMachineArn=self.machine, input=json.dumps(given))
        return str(started["executionArn"])


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillReport:
    """What was found and done.

    Attributes:
        records: interactions of the span.
        sent: how many of them are on the stream, by this run and those before it.
        went_on: it had been begun before.
        done_before: it had come to its end before, and nothing was done now.
    """

    backfill_id: str
    span: Span
    dry_run: bool
    records: int
    sent: int
    went_on: bool = False
    done_before: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "backfill_id": self.backfill_id,
            "source": self.span.source,
            "from": self.span.first.isoformat(),
            "to": self.span.last.isoformat(),
            "dry_run": self.dry_run,
            "records": self.records,
            "sent": self.sent,
            "went_on": self.went_on,
            "done_before": self.done_before,
        }


def deployed(environment: str, client: Callable[[str], Any], dynamodb: Any) -> DeployedBackfill:
    """Find what is deployed.

    Raises:
        BackfillFailedError: the environment has no backfill.
    """
    name = stack_name(environment, "collection")
    found = stacks(client("cloudformation"))
    told = outputs([found[name]] if name in found else [])
    if "BackfillStateMachineArn" not in told:
        raise BackfillFailedError(
            f"{environment} has no backfill; set collection.backfill.deployed, and deploy the stack {name}"
        )
    return DeployedBackfill(
        machine=told["BackfillStateMachineArn"],
        table=told["BackfillProgressTableName"],
        remembered_days=int(told["BackfillRememberedDays"]),
        states=client("stepfunctions"),
        dynamodb=dynamodb,
    )


def backfill(
    there: DeployedBackfill,
    span: Span,
    notes: Notes,
    *,
    dry_run: bool = False,
    again: bool = False,
    today: date | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> BackfillReport:
    """Start a backfill, or go on with one, and follow it to its end.

    Args:
        there: what is deployed.
        span: which interactions.
        notes: told how it goes.
        dry_run: count and send nothing.
        again: begin anew even if it came to its end before; readers drop what they know.
        today: in UTC.
        pause: waits for a number of seconds.

    Raises:
        BackfillRefusedError: the days would not have one effect.
        BackfillFailedError: the execution failed.
    """
    span.check(today=today or datetime.now(UTC).date(), remembered_days=there.remembered_days)
    if dry_run:
        return _counted(there, span, notes, pause)
    backfill_id, item = _generation(there, span, again=again)
    if "completed_at" in item:
        return _report(span, backfill_id, item, done_before=True)
    execution = there.running(backfill_id) or there.start(span, backfill_id, BackfillMode.SEND)
    notes.note(f"{backfill_id}: {execution} goes on without this command")
    _follow(there, execution, backfill_id, notes, pause)
    return _report(span, backfill_id, there.item(backfill_id), went_on="done" in item)


def _counted(there: DeployedBackfill, span: Span, notes: Notes, pause: Callable[[float], None]) -> BackfillReport:
    """Count under an id of its own: what is begun later must decide anew what belongs to it."""
    counting = f"{span.identifier()}-count-{datetime.now(UTC):%Y%m%d%H%M%S}"
    _follow(there, there.start(span, counting, BackfillMode.COUNT), counting, notes, pause)
    return _report(span, counting, there.item(counting), dry_run=True)


def _generation(there: DeployedBackfill, span: Span, *, again: bool) -> tuple[str, Mapping[str, Any]]:
    """Return the id and the progress of the newest backfill of a span, or of one that is begun anew."""
    number, held = 1, there.item(span.identifier(1))
    while "completed_at" in held:
        following = there.item(span.identifier(number + 1))
        if not following and not again:
            break
        number, held = number + 1, following
    return span.identifier(number), held


def _follow(
    there: DeployedBackfill, execution: str, backfill_id: str, notes: Notes, pause: Callable[[float], None]
) -> None:
    told = ""
    while True:
        seen = there.states.describe_execution(executionArn=execution)
        item = there.item(backfill_id)
        if "records" in item and (now := f"{item['sent']} of {item['records']} interactions sent") != told:
            told = now
            notes.note(f"{backfill_id}: {told}")
        if seen["status"] != RUNNING:
            break
        pause(PAUSE_SECONDS)
    if seen["status"] != SUCCEEDED:
        raise BackfillFailedError(
            f"{execution} ended as {seen['status']} after {item.get('sent', 0)} interactions; {RUNBOOK} says how to "
            "find out why. Then run the same command again: it goes on behind the last hour that has arrived"
        )


def _report(span: Span, backfill_id: str, item: Mapping[str, Any], **said: bool) -> BackfillReport:
    told = {"dry_run": False, **said}
    return BackfillReport(
        backfill_id=backfill_id, span=span, records=int(item["records"]), sent=int(item["sent"]), **told
    )
