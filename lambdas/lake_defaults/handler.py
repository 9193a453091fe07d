"""Entry point of the custom resource that closes a database of the lake against Lake Formation's defaults."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, tracer_for
from lambdas.lake_defaults.logic import DatabaseCloser
from lambdas.lake_defaults.settings import Settings
from lambdas.shared import aws
from lambdas.shared.custom_resource import ResourceRequest, answer

SERVICE: Final = "lake_defaults"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001  # Lambda passes both
    """Close the database that the resource names, whenever the resource is created or updated.

    Deleting the resource grants nothing back: the database stays closed.
    """
    if failure := answer(event, _work):
        logger.error("the database was not closed: %s", failure, exc_info=failure)


def _work(request: ResourceRequest) -> Mapping[str, str]:
    if request.type == "Delete":
        return {}
    found = _closer().close(str(request.properties["Database"]))
    for permission in found:
        logger.info("revoked what everybody had on %s", permission)
    return {"Revoked": str(len(found))}


@cache
def _closer() -> DatabaseCloser:
    Settings.from_environment(os.environ)
    return DatabaseCloser(glue=aws.glue(), lake_formation=aws.lake_formation())
