"""Entry point of the decision function: a batch of changed profiles in, the changes to redeliver out."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.event_stream import EventStreamWriter
from c360_aws.idempotency import TableIdempotency
from c360_aws.observability import logger_for, metrics_for, trace_id, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from c360_core import single_view_keys as keys
from c360_core.profile import Profile
from c360_core.profile_item import profile_from_item
from lambdas.decision.logic import Decider
from lambdas.decision.settings import Settings
from lambdas.shared import aws
from lambdas.shared.decision_publisher import DecisionPublisher
from lambdas.shared.stream_senders import stream_sender

SERVICE: Final = "decision"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)
processor = BatchProcessor(
    event_type=EventType.DynamoDBStreams,
    raise_on_entire_batch_failure=False,
    logger=logger,  # type: ignore[arg-type]  # Powertools' own logger speaks the same methods
)


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)


@cache
def _secrets() -> CachedSecrets:
    return CachedSecrets(aws.secrets_manager())


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Decide on a batch of changed profiles; return the changes that must be delivered again."""
    metrics.add_metric(name="ProfilesWatched", unit=MetricUnit.Count, value=len(event["Records"]))
    decider = _decider(_settings(), context)
    return process_partial_response(
        event=event, record_handler=lambda record: decide_on(record, decider), processor=processor, context=context
    )


def decide_on(record: DynamoDBRecord, decider: Decider) -> None:
    """Decide on one change of the single view; changes of other items than profiles are ignored."""
    change = record.dynamodb
    if change is None or not change.new_image or change.new_image.get(keys.SORT) != keys.PROFILE:
        return
    new = profile_from_item(change.new_image)
    for action in decider.on_change(_profile(change.old_image), new, now=datetime.now(UTC)):
        logger.info("decided", extra={"person_id": new.person_id, "action": str(action)})
        metrics.add_metric(name=f"Decisions{action.title()}", unit=MetricUnit.Count, value=1)


def _profile(image: Mapping[str, Any] | None) -> Profile | None:
    return profile_from_item(image) if image else None


def _decider(settings: Settings, context: LambdaContext) -> Decider:
    publisher = DecisionPublisher(
        stream=EventStreamWriter(sender=stream_sender(settings.events_stream_name)),
        bus=aws.event_bridge(),
        bus_name=settings.event_bus_name,
        idempotency=TableIdempotency(
            client=aws.dynamodb_plain(),
            table=settings.idempotency_table,
            keep_days=settings.decision_ttl_days,
            context=context,
        ),
        trace_id=trace_id(),
    )
    return Decider(
        view=SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table),
        store=SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table),
        publisher=publisher,
        rules=settings.rules(),
        keep_days=settings.decision_ttl_days,
        hash_secret=lambda: _secrets().hash_secret(settings.hash_secret_arn),
    )
