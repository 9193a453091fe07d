"""Entry point of the sentiment function: events in, scores of what customers wrote out."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from c360_aws.event_stream import EventStreamWriter
from c360_aws.observability import logger_for, metrics_for, tracer_for
from lambdas.sentiment.comprehend import ComprehendAnalyser
from lambdas.sentiment.logic import Scoring, Unscored, score_batch
from lambdas.sentiment.settings import Settings
from lambdas.shared import aws
from lambdas.shared.dead_letters import DeadLetter, DeadLetters
from lambdas.shared.stream_batches import StreamBatch, StreamRecord
from lambdas.shared.stream_senders import stream_sender

SERVICE: Final = "sentiment"

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
    """Score the texts of a batch of events; return the records that must be delivered again."""
    settings = _settings()
    batch = StreamBatch(event)
    records = {record.position: record for record in batch.records()}
    outcome = score_batch(
        ((position, record.data()) for position, record in records.items()),
        ComprehendAnalyser(client=aws.comprehend()),
        EventStreamWriter(sender=stream_sender(settings.events_stream_name)),
        clock=lambda: datetime.now(UTC),
    )
    queue = DeadLetters(
        client=aws.sqs(),
        url=settings.dead_letter_queue_url,
        function_arn=context.invoked_function_arn,
        request_id=context.aws_request_id,
    )
    failures = {**outcome.again, **_set_aside(outcome.refused, records, queue)}
    _count(outcome)
    return batch.answer(failures, context)


def _set_aside(
    refused: Mapping[str, Exception], records: Mapping[str, StreamRecord], queue: DeadLetters
) -> dict[str, Exception]:
    """Send the positions of refused texts to the queue; return the errors of those that the queue refuses now."""
    for position, fault in refused.items():
        logger.error("text not analysed: %s", fault, extra={"sequence_number": position})
    letters = [DeadLetter(record=records[position], fault=fault) for position, fault in refused.items()]
    try:
        taken = queue.put(letters)
    except (BotoCoreError, ClientError):
        logger.exception("the dead-letter queue refused the request; Lambda's retries will send the records there")
        taken = frozenset()
    return {position: fault for position, fault in refused.items() if position not in taken}


def _count(outcome: Scoring) -> None:
    metrics.add_metric(name="TextsScored", unit=MetricUnit.Count, value=outcome.scored)
    for reason in (Unscored.UNSUPPORTED_LANGUAGE, Unscored.NOBODY, Unscored.HISTORY, Unscored.INVALID):
        name = "".join(word.title() for word in reason.value.split("_"))
        metrics.add_metric(name=f"Texts{name}", unit=MetricUnit.Count, value=outcome.unscored[reason])
    metrics.add_metric(name="TextsFailed", unit=MetricUnit.Count, value=len(outcome.again) + len(outcome.refused))
    if outcome.slowest is not None:
        metrics.add_metric(name="SecondsToSentiment", unit=MetricUnit.Seconds, value=outcome.slowest)
