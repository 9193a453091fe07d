"""Entry point of the profile writer: a batch of its stream in, the records to redeliver out."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.single_view_writer import SingleViewWriter, WriteOutcome
from lambdas.profile_writer.logic import Batch, PersonChanges, ProfileStore, sort_batch, write_person
from lambdas.profile_writer.settings import Settings
from lambdas.shared import aws
from lambdas.shared.dead_letters import DeadLetter, DeadLetters
from lambdas.shared.stream_batches import StreamBatch, StreamRecord

SERVICE: Final = "profile_writer"
WRITERS: Final = 8  # threads; they mostly wait for DynamoDB

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Write a batch of profile changes; return the records that must be delivered again."""
    settings = _settings()
    view = SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table)
    queue = DeadLetters(
        client=aws.sqs(),
        url=settings.dead_letter_queue_url,
        function_arn=context.invoked_function_arn,
        request_id=context.aws_request_id,
    )
    batch = StreamBatch(event)
    failures = write_batch(batch, view, queue, keep_days=settings.timeline_ttl_days)
    return batch.answer(failures, context)


def write_batch(
    delivered: StreamBatch, view: ProfileStore, queue: DeadLetters, *, keep_days: int
) -> Mapping[str, Exception]:
    """Write a batch, and send the positions of unreadable records to the queue.

    Returns:
        The errors by position; these records must be delivered again.
    """
    records = {record.position: record for record in delivered.records()}
    batch = sort_batch(((position, record.data()) for position, record in records.items()), view.rebuild())
    failures = _set_aside(batch, records, queue)
    now = datetime.now(UTC)
    there = view.stored_states(person.person_id for person in batch.people.values() if person.profile is not None)

    def write(person: PersonChanges) -> WriteOutcome | Exception | None:
        try:
            return write_person(view, person, there, keep_days=keep_days, now=now)
        except Exception as error:  # whatever it is, it concerns only this person
            logger.exception("person not written", extra={"person_id": person.person_id})
            return error

    with ThreadPoolExecutor(max_workers=WRITERS) as pool:
        outcomes = list(pool.map(write, batch.people.values()))
    for person, outcome in zip(batch.people.values(), outcomes, strict=True):
        if isinstance(outcome, Exception):
            failures.update(dict.fromkeys(person.sequences, outcome))
    failures.update(_note_ends(view, batch, failures))
    _count(len(records), outcomes, len(failures.keys() | batch.unreadable.keys()))
    return failures


def _set_aside(batch: Batch, records: Mapping[str, StreamRecord], queue: DeadLetters) -> dict[str, Exception]:
    """Send unreadable records to the queue; return the errors of those that the queue refuses now."""
    for sequence, fault in batch.unreadable.items():
        logger.error("unreadable profile change: %s", fault, extra={"sequence_number": sequence})
    letters = [DeadLetter(record=records[sequence], fault=fault) for sequence, fault in batch.unreadable.items()]
    try:
        taken = queue.put(letters)
    except (BotoCoreError, ClientError):
        logger.exception("the dead-letter queue refused the request; Lambda's retries will send the records there")
        taken = frozenset()
    return {sequence: fault for sequence, fault in batch.unreadable.items() if sequence not in taken}


def _note_ends(view: ProfileStore, batch: Batch, failures: Mapping[str, Exception]) -> Mapping[str, Exception]:
    """Record which shards have all messages of a rebuild, if everything before is written."""
    unwritten = next((fault for sequence, fault in failures.items() if sequence not in batch.unreadable), None)
    if unwritten is not None:
        return dict.fromkeys(batch.ends, unwritten)
    for shard, since in batch.ends.values():
        view.put_ended(shard, since=since)
    return {}


def _count(records: int, outcomes: list[WriteOutcome | Exception | None], failures: int) -> None:
    metrics.add_metric(name="ProfileChangesRead", unit=MetricUnit.Count, value=records)
    metrics.add_metric(name="ProfilesWritten", unit=MetricUnit.Count, value=outcomes.count(WriteOutcome.WRITTEN))
    metrics.add_metric(name="ProfilesStale", unit=MetricUnit.Count, value=outcomes.count(WriteOutcome.STALE))
    metrics.add_metric(name="ProfileChangesFailed", unit=MetricUnit.Count, value=failures)
