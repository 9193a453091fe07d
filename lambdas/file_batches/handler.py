"""Entry point of the function that groups landed files: a batch of SQS messages in, the messages to redeliver out."""

import os
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import SQSEvent
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, metrics_for, tracer_for
from lambdas.file_batches.logic import QueueMessage, StateMachineRuns, start_runs
from lambdas.file_batches.settings import Settings
from lambdas.shared import aws

SERVICE: Final = "file_batches"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Start runs for a batch of landed files; return the messages that must be delivered again."""
    messages = [QueueMessage(message_id=record.message_id, body=record.body) for record in SQSEvent(event).records]
    failures = start_runs(messages, _runs())
    for message_id, fault in failures.items():
        logger.error("a landed file was not handed over: %s", fault, extra={"message_id": message_id})
    metrics.add_metric(name="FilesLanded", unit=MetricUnit.Count, value=len(messages))
    metrics.add_metric(name="FilesNotHandedOver", unit=MetricUnit.Count, value=len(failures))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}


@cache
def _runs() -> StateMachineRuns:
    settings = Settings.from_environment(os.environ)
    return StateMachineRuns(
        states=aws.step_functions(),
        objects=aws.s3(),
        machine_arn=settings.ingest_machine_arn,
        bucket=settings.results_bucket,
    )
