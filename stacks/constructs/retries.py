"""Retries of a step whose service is busy.

Only a rejected request is repeated, never a failed job, so that nothing starts twice and no failure is hidden.
"""

from collections.abc import Mapping
from typing import Final, Literal

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn

Service = Literal[
    "Appflow",
    "Athena",
    "CloudWatch",
    "CodeBuild",
    "DataBrew",
    "DataExchange",
    "EMRServerless",
    "EntityResolution",
    "Glue",
    "KinesisAnalyticsV2",
    "Lambda",
    "Personalize",
    "RedshiftData",
    "RedshiftServerless",
    "S3",
    "SNS",
    "SageMaker",
    "StepFunctions",
]

# Error names of Step Functions. Where a service's model has no error for throttling, Step Functions reports it under
# the name of the whole service, which the SDK for Java 1 spelt differently. An invalid request is then repeated too,
# and fails some minutes later.
BUSY: Final[Mapping[Service, tuple[str, ...]]] = {
    "Appflow": ("Appflow.InternalServerException", "Appflow.AppflowException", "Appflow.AmazonAppflowException"),
    "Athena": (
        "Athena.TooManyRequestsException",
        "Athena.InternalServerException",
        "Athena.AthenaException",
        "Athena.AmazonAthenaException",
    ),
    # CloudWatch's model has no error for `Throttling`.
    "CloudWatch": ("CloudWatch.CloudWatchException", "CloudWatch.AmazonCloudWatchException"),
    # The limits of concurrent builds, of the project and of the account.
    "CodeBuild": (
        "CodeBuild.AccountLimitExceededException",
        "CodeBuild.CodeBuildException",
        "CodeBuild.AWSCodeBuildException",
    ),
    "DataBrew": (
        # The job runs already: somebody has started it by hand.
        "DataBrew.ConflictException",
        "DataBrew.ServiceQuotaExceededException",
        "DataBrew.DataBrewException",
        "DataBrew.AWSGlueDataBrewException",
    ),
    # The limit of concurrent exports, too.
    "DataExchange": (
        "DataExchange.ThrottlingException",
        "DataExchange.ServiceLimitExceededException",
        "DataExchange.InternalServerException",
    ),
    "EMRServerless": (
        # The application is just being stopped.
        "EMRServerless.ConflictException",
        "EMRServerless.ServiceQuotaExceededException",
        "EMRServerless.InternalServerException",
        "EMRServerless.EMRServerlessException",
        "EMRServerless.AWSEMRServerlessException",
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
    # Its model has no error for throttling; another import or training of the same data runs, or the limit is reached.
    "Personalize": (
        "Personalize.LimitExceededException",
        "Personalize.ResourceInUseException",
        "Personalize.PersonalizeException",
        "Personalize.AmazonPersonalizeException",
    ),
    "RedshiftData": (
        "RedshiftData.ActiveSessionsExceededException",
        "RedshiftData.ActiveStatementsExceededException",
        "RedshiftData.DatabaseConnectionException",
        "RedshiftData.InternalServerException",
        "RedshiftData.RedshiftDataException",
    ),
    "RedshiftServerless": (
        "RedshiftServerless.InternalServerException",
        "RedshiftServerless.RedshiftServerlessException",
    ),
    "Lambda": ("Lambda.TooManyRequestsException",),
    # Its model has no error for `ThrottlingException`; a limit is that of the account's instances.
    "SageMaker": (
        "SageMaker.ResourceLimitExceededException",
        "SageMaker.SageMakerException",
        "SageMaker.AmazonSageMakerException",
    ),
    # Its model has no error for throttling; a limit is that of open executions.
    "StepFunctions": (
        "StepFunctions.ExecutionLimitExceededException",
        "StepFunctions.StepFunctionsException",
        "StepFunctions.AWSStepFunctionsException",
    ),
    # S3's model has no error for `SlowDown`.
    "S3": ("S3.S3Exception", "S3.AmazonS3Exception"),
    "SNS": (
        "SNS.ThrottledException",
        "SNS.KMSThrottlingException",
        "SNS.InternalErrorException",
        "SNS.SnsException",
        "SNS.AmazonSNSException",
    ),
}


def retry_when_busy(step: sfn.TaskStateBase | sfn.CustomState, service: Service) -> None:
    """Repeat a short call for up to ten minutes, which is less than the interval of `AutoStart`."""
    step.add_retry(
        errors=list(BUSY[service]),
        interval=cdk.Duration.seconds(10),
        max_attempts=6,
        backoff_rate=2,
        jitter_strategy=sfn.JitterType.FULL,
    )


def wait_for_capacity(step: sfn.TaskStateBase | sfn.CustomState, service: Service) -> None:
    """Let a job wait until others have ended, for up to three hours."""
    step.add_retry(
        errors=list(BUSY[service]),
        interval=cdk.Duration.seconds(30),
        max_attempts=40,
        backoff_rate=1.5,
        max_delay=cdk.Duration.minutes(5),
        jitter_strategy=sfn.JitterType.FULL,
    )
