"""Entry point: a batch of interactions in, the records to deliver again out."""

import os
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from lambdas.recommendation_events.logic import UnreadableInteractionError, told_of
from lambdas.recommendation_events.settings import Settings
from lambdas.shared import aws
from lambdas.shared.stream_batches import StreamBatch

SERVICE: Final = "recommendation_events"

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
    """Tell Personalize of a batch; return the records that must be delivered again."""
    settings = _settings()
    view = SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table)
    client = aws.personalize_events()
    failures: dict[str, Exception] = {}
    told = 0
    batch = StreamBatch(event)
    for record in batch.records():
        try:
            found = told_of(record.data(), view)
            for call in found.calls(settings.tracking_id) if found is not None else ():
                client.put_events(**call)
                told += len(call["eventList"])
        except (UnreadableInteractionError, BotoCoreError, ClientError) as error:
            logger.exception("interaction not told", extra={"position": record.position})
            failures[record.position] = error
    metrics.add_metric(name="RecommendationEventsTold", unit=MetricUnit.Count, value=told)
    return batch.answer(failures, context)
