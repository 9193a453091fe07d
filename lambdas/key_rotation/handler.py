"""Entry point of the function that rotates API keys: Secrets Manager calls it once for each step of a rotation."""

import os
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, metrics_for, tracer_for
from lambdas.key_rotation.logic import Rotation, Step
from lambdas.key_rotation.settings import Settings
from lambdas.shared import aws

SERVICE: Final = "key_rotation"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001  # Lambda passes both
    """Do one step of a rotation. Secrets Manager repeats a step that fails, and the rotation later."""
    _settings()
    step = Step(event["Step"])
    rotation = Rotation(client=aws.secrets_manager(), arn=event["SecretId"], version=event["ClientRequestToken"])
    rotated = rotation.run(step)
    metrics.add_metric(name="KeysRotated", unit=MetricUnit.Count, value=int(rotated))
    logger.info("step of a rotation done", extra={"step": str(step), "secret": rotation.arn, "rotated": rotated})


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)
