"""Entry point of the function that wakes people in journeys: a batch of SQS messages in, those to redeliver out."""

import json
import os
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from lambdas.journey_events.logic import Waker
from lambdas.journey_events.settings import Settings
from lambdas.shared import aws
from lambdas.shared.waking import TaskTokens

SERVICE: Final = "journey_events"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Wake those who wait for a batch of events."""
    # One of its own for each batch: a processor keeps what has failed.
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=_wake, processor=processor, context=context)


def _wake(record: SQSRecord) -> None:
    woken = _waker().on_event(json.loads(record.body))
    metrics.add_metric(name="JourneysWoken", unit=MetricUnit.Count, value=len(woken))


@cache
def _waker() -> Waker:
    settings = Settings.from_environment(os.environ)
    return Waker(
        view=SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table),
        store=SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table),
        alarm=TaskTokens(client=aws.step_functions()),
    )
