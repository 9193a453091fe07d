"""Entry point of the function that reads SES's reports: a batch of SQS messages in, those to redeliver out."""

import os
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import SQSEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.event_stream import EventStreamWriter
from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from lambdas.delivery_reports.logic import QueueMessage, Reports, take_batch
from lambdas.delivery_reports.settings import Settings
from lambdas.shared import aws
from lambdas.shared.refusals import Refusals
from lambdas.shared.stream_senders import stream_sender

SERVICE: Final = "delivery_reports"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Take a batch of reports; return the messages that must be delivered again."""
    messages = [QueueMessage(message_id=record.message_id, body=record.body) for record in SQSEvent(event).records]
    taken = take_batch(messages, _reports())
    for message_id, fault in taken.failures.items():
        logger.error("a report was not taken: %s", fault, extra={"message_id": message_id})
    for outcome, count in taken.outcomes.items():
        metrics.add_metric(name=f"Messages{outcome.title()}", unit=MetricUnit.Count, value=count)
    metrics.add_metric(name="ReportsNotTaken", unit=MetricUnit.Count, value=len(taken.failures))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in taken.failures]}


@cache
def _reports() -> Reports:
    settings = Settings.from_environment(os.environ)
    secrets = CachedSecrets(aws.secrets_manager())
    view = SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table)
    store = SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table)
    stream = EventStreamWriter(sender=stream_sender(settings.events_stream_name))
    return Reports(
        view=view,
        store=store,
        stream=stream,
        refusals=Refusals(
            view=view,
            store=store,
            stream=stream,
            hash_secret=lambda: secrets.hash_secret(settings.hash_secret_arn),
        ),
    )
