"""What a step does while its service has too much to do: it asks again a little later.

Only a refused request is asked again, never a job that failed, so that nothing starts twice and no failure is hidden.
"""

from collections.abc import Mapping
from typing import Final, Literal

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn

Service = Literal["CodeBuild", "EntityResolution", "Glue", "KinesisAnalyticsV2", "Lambda", "SNS"]

# As Step Functions names what a service answers. Where a service's model has no error for throttling, it is told under
# the name that stands for the whole service, which the SDK for Java 1 spelt differently: a mere wrong request is then
# asked again, too, and fails some minutes later.
BUSY: Final[Mapping[Service, tuple[str, ...]]] = {
    # The project's limit of builds side by side, and the account's.
    "CodeBuild": (
        "CodeBuild.AccountLimitExceededException",
        "CodeBuild.CodeBuildException",
        "CodeBuild.AWSCodeBuildException",
    ),
    "EntityResolution": ("EntityResolution.ThrottlingException", "EntityResolution.InternalServerException"),
    "Glue": (
        "Glue.ConcurrentRunsExceededException",
        "Glue.ResourceNumberLimitExceededException",
        "Glue.ThrottlingException",
        "Glue.GlueException",
        "Glue.AWSGlueException",
        "Glue.InternalServiceException",
        "Glue.OperationTimeoutException",
    ),
    "KinesisAnalyticsV2": (
        "KinesisAnalyticsV2.KinesisAnalyticsV2Exception",
        "KinesisAnalyticsV2.ServiceUnavailableException",
    ),
    "Lambda": ("Lambda.TooManyRequestsException",),
    "SNS": (
        "SNS.ThrottledException",
        "SNS.KMSThrottlingException",
        "SNS.InternalErrorException",
        "SNS.SnsException",
        "SNS.AmazonSNSException",
    ),
}


def ask_again(step: sfn.TaskStateBase, service: Service) -> None:
    """Let a short call be tried again for up to ten minutes, which is less than the time until a keeper's next look."""
    step.add_retry(
        errors=list(BUSY[service]),
        interval=cdk.Duration.seconds(10),
        max_attempts=6,
        backoff_rate=2,
        jitter_strategy=sfn.JitterType.FULL,
    )


def wait_for_a_free_run(step: sfn.TaskStateBase, service: Service) -> None:
    """Let a job wait until others have ended: up to three hours, and on average half of that."""
    step.add_retry(
        errors=list(BUSY[service]),
        interval=cdk.Duration.seconds(30),
        max_attempts=40,
        backoff_rate=1.5,
        max_delay=cdk.Duration.minutes(5),
        jitter_strategy=sfn.JitterType.FULL,
    )
