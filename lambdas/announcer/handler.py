"""Entry point of the function that announces changes: a batch of them in, those to redeliver out."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_core.change_fields import InvalidChangeError
from lambdas.announcer.logic import Announcement, Bus, BusRefusedError, Change, announcements
from lambdas.announcer.settings import Settings
from lambdas.shared import aws

SERVICE: Final = "announcer"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Announce a batch of changes; return the changes that must be delivered again."""
    failures = _announce(event)
    metrics.add_metric(name="ChangesNotAnnounced", unit=MetricUnit.Count, value=len(failures))

    def fail_if(record: DynamoDBRecord) -> None:
        fault = failures.get(_position(record))
        if fault is not None:
            raise fault

    # One of its own for each batch: a processor keeps what has failed.
    processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
    return process_partial_response(event=event, record_handler=fail_if, processor=processor, context=context)


def _announce(event: dict[str, Any]) -> dict[str, Exception]:
    """Put on the bus what is to be announced; return the errors by the positions of the changes."""
    settings = _settings()
    failures: dict[str, Exception] = {}
    found: list[tuple[str, Announcement]] = []
    for record in DynamoDBStreamEvent(event).records:
        try:
            made = announcements(_change(record), settings.announced)
        except InvalidChangeError as error:
            failures[_position(record)] = error
            continue
        found += ((_position(record), one) for one in made)
    bus = Bus(client=aws.event_bridge(), name=settings.event_bus_name)
    for place in bus.put([one for _, one in found]):
        position, refused = found[place]
        failures[position] = BusRefusedError(f"{refused.kind} {refused.detail['event_id']}: the event bus refused it")
    for kind in sorted(settings.announced):
        count = sum(one.kind is kind for _, one in found)
        metrics.add_metric(name=f"Announced{kind.name.title().replace('_', '')}", unit=MetricUnit.Count, value=count)
    return failures


def _change(record: DynamoDBRecord) -> Change:
    change = record.dynamodb
    if change is None or change.approximate_creation_date_time is None:
        raise InvalidChangeError("field dynamodb: it is missing or has no time")
    at = datetime.fromtimestamp(change.approximate_creation_date_time, UTC)
    return Change(old=change.old_image or None, new=change.new_image or None, at=at)


def _position(record: DynamoDBRecord) -> str:
    return str(record.dynamodb and record.dynamodb.sequence_number)


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)
