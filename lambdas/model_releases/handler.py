"""Entry point of the function that releases models: the state machine of a model calls it until the endpoint serves."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, tracer_for
from lambdas.model_releases.logic import Releases, Size
from lambdas.model_releases.settings import Settings
from lambdas.shared import aws

SERVICE: Final = "model_releases"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> Mapping[str, str | int]:  # noqa: ARG001  # Lambda passes both
    """Release the model that the event names; return the status of its endpoint and the version."""
    release = _releases().release(str(event["name"]), asked=int(event["asked"]))
    logger.info("released", extra={"model": event["name"], "status": release.status, "version": release.version})
    return release.answer()


@cache
def _releases() -> Releases:
    settings = Settings.from_environment(os.environ)
    return Releases(
        client=aws.sagemaker(),
        role=settings.execution_role_arn,
        key=settings.key_arn,
        size=Size(memory=settings.endpoint_memory_megabytes, concurrency=settings.endpoint_concurrency),
    )
