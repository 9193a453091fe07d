"""Entry point of the custom resource that limits what the warehouse may use in a day."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, tracer_for
from lambdas.shared import aws
from lambdas.shared.custom_resource import ResourceRequest, answer
from lambdas.warehouse_limits.logic import UsageLimits
from lambdas.warehouse_limits.settings import Settings

SERVICE: Final = "warehouse_limits"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001  # Lambda passes both
    """Make, change or remove the limit of the workgroup that the resource names."""
    if failure := answer(event, _work):
        logger.error("the use of the warehouse was not limited: %s", failure, exc_info=failure)


def _work(request: ResourceRequest) -> Mapping[str, str]:
    workgroup = str(request.properties["Workgroup"])
    if request.type == "Delete":
        _limits().remove(workgroup)
        return {}
    hours = int(request.properties["DailyHours"])
    limit = _limits().ensure(workgroup, hours=hours)
    logger.info("the warehouse may use %d RPU-hours a day", hours)
    return {"LimitId": limit}


@cache
def _limits() -> UsageLimits:
    Settings.from_environment(os.environ)
    return UsageLimits(client=aws.redshift_serverless())
