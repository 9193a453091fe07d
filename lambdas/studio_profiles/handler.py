"""Entry point of the custom resource that sets up the profile of a user of SageMaker Studio."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, tracer_for
from lambdas.shared import aws
from lambdas.shared.custom_resource import ResourceRequest, answer
from lambdas.studio_profiles.logic import Profile, Profiles
from lambdas.studio_profiles.settings import Settings

SERVICE: Final = "studio_profiles"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001  # Lambda passes both
    """Set up the profile that the resource names, or end everything of it."""
    if failure := answer(event, _work):
        logger.error("the profile was not brought to what the template says: %s", failure, exc_info=failure)


def _work(request: ResourceRequest) -> Mapping[str, str]:
    stated = request.properties
    profile = Profile(domain=str(stated["Domain"]), name=str(stated["Profile"]), space=str(stated["Space"]))
    if request.type == "Delete":
        ended = _profiles().empty(profile)
        logger.info("ended %d apps and deleted %d spaces", ended.apps, ended.spaces)
    else:
        _profiles().set_up(profile, home=str(stated["Home"]), key=str(stated["Key"]))
    return {}


@cache
def _profiles() -> Profiles:
    Settings.from_environment(os.environ)
    return Profiles(client=aws.sagemaker())
