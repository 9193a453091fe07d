"""Entry point of the custom resource that publishes a recipe of DataBrew."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, tracer_for
from lambdas.recipe_versions.logic import RecipeVersions
from lambdas.recipe_versions.settings import Settings
from lambdas.shared import aws
from lambdas.shared.custom_resource import ResourceRequest, answer

SERVICE: Final = "recipe_versions"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001  # Lambda passes both
    """Publish the recipe that the resource names, or remove its published versions."""
    if failure := answer(event, _work):
        logger.error("the recipe was not published: %s", failure, exc_info=failure)


def _work(request: ResourceRequest) -> Mapping[str, str]:
    recipe = str(request.properties["Recipe"])
    if request.type == "Delete":
        _versions().remove(recipe)
        return {}
    version = _versions().publish(recipe, steps=str(request.properties["Steps"]))
    logger.info("the recipe %s is published as version %s", recipe, version)
    return {"Version": version}


@cache
def _versions() -> RecipeVersions:
    Settings.from_environment(os.environ)
    return RecipeVersions(client=aws.databrew())
