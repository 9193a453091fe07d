"""What the role of a state machine needs for a task, as the guide to Step Functions says for each integration.

Only what a task uses when it succeeds is asked for here. What an aborted execution needs to stop its job is in the
tests' table of needs.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from twin.emulator.calls import Call
from twin.emulator.resource_names import arn, resource_of, resources_of

Request = Mapping[str, Any]

_SDK: Final = "aws-sdk"
# Step Functions names services as the SDK for Java does; IAM has other names for these.
_PREFIXES: Final = {
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "kinesisanalyticsv2": "kinesisanalytics",
    "redshiftdata": "redshift-data",
    "redshiftserverless": "redshift-serverless",
    "sesv2": "ses",
    "sfn": "states",
}
_ACTIONS: Final = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
}
# The condition key that a request of an action states of itself, and by which parameter.
_STATED: Final = {
    "cloudwatch:PutMetricData": ("cloudwatch:namespace", "Namespace"),
    "s3:ListBucket": ("s3:prefix", "Prefix"),
}
_EXECUTIONS_RULE: Final = "StepFunctionsGetEventsForStepFunctionsExecutionRule"
_SPARK_RUNS_RULE: Final = "StepFunctionsGetEventsForEMRServerlessJobRule"
_LAKE: Final = "AwsDataCatalog"
# Services of which `resource_names` knows each operation, by the names of their API.
_IN_CAMEL_CASE: Final = frozenset({"personalize"})
_BUILDS_RULE: Final = "StepFunctionsGetEventForCodeBuildStartBuildRule"
# The names under which Step Functions reports a refusal, where it is not the service's name and AccessDenied.
_ERRORS: Final = {"lambda": "Lambda.AWSLambdaException", "sns": "SNS.AuthorizationErrorException"}
_NAMES: Final = {
    "appflow": "Appflow",
    "athena": "Athena",
    "codebuild": "CodeBuild",
    "databrew": "DataBrew",
    "dataexchange": "DataExchange",
    "dynamodb": "DynamoDb",
    "emr-serverless": "EMRServerless",
    "entityresolution": "EntityResolution",
    "events": "EventBridge",
    "glue": "Glue",
    "kinesisanalytics": "KinesisAnalyticsV2",
    "redshift-data": "RedshiftData",
    "redshift-serverless": "RedshiftServerless",
    "s3": "S3",
    "sagemaker": "SageMaker",
    "sqs": "Sqs",
    "states": "Sfn",
}


def rights_of(resource: str, request: Request) -> tuple[Call, ...]:
    """Return what a task needs.

    Args:
        resource: the task's resource in the definition of the state machine.
        request: its parameters.
    """
    if ":lambda:" in resource and ":function:" in resource:
        return (Call(action="lambda:InvokeFunction", resource=resource),)
    service, action, waits = _parts(resource)
    if not service:
        return ()
    prefix = _PREFIXES.get(service, service)
    stated = f"{prefix}:{action[:1].upper()}{action[1:]}"
    named = _ACTIONS.get(stated, stated)
    if named == "events:PutEvents":
        entries: Sequence[Request] = request.get("Entries") or ()
        return tuple(Call(action=named, resource=resource_of(prefix, entry)) for entry in entries)
    own = Call(action=named, resource=_resource(prefix, named, request), context=_stated(named, request))
    needed = (own, *_passing(own, request))
    return (*needed, *_waiting(own, request)) if waits else needed


def error_of(right: Call) -> str:
    """Return the name of the error under which an execution reports that a right is missing."""
    # The service that is to get a role refuses it, not IAM.
    named = (right.context or {}).get("iam:PassedToService", right.action)
    prefix = named.partition("." if named != right.action else ":")[0]
    return _ERRORS.get(prefix, f"{_NAMES.get(prefix, prefix.title())}.AccessDeniedException")


def _resource(prefix: str, action: str, request: Request) -> str:
    """Return what a request is about; Step Functions writes the names of all parameters with a capital."""
    if prefix not in _IN_CAMEL_CASE:
        return resource_of(prefix, request)
    return resources_of(action, {name[:1].lower() + name[1:]: value for name, value in request.items()})[0]


def _parts(resource: str) -> tuple[str, str, bool]:
    """Return the service and the action of an integration, and whether the task waits for the end of a job."""
    _, found, integration = resource.partition(":states:::")
    if not found:
        return "", "", False
    words = integration.split(":")
    if words[0] == _SDK:
        words = words[1:]
    action, _, pattern = words[1].partition(".")
    return words[0], action, pattern == "sync"


def _stated(action: str, request: Request) -> Mapping[str, str] | None:
    """Return the condition keys that a request states of itself."""
    if action not in _STATED:
        return None
    key, name = _STATED[action]
    return None if request.get(name) is None else {key: str(request[name])}


def _passing(own: Call, request: Request) -> tuple[Call, ...]:
    """Return what a task needs to give a service the role with which that is to act."""
    service = _PASSED.get(own.action)
    if service is None:
        return ()
    role = next(str(value) for name, value in request.items() if name.lower() in {"executionrolearn", "rolearn"})
    return (Call(action="iam:PassRole", resource=role, context={"iam:PassedToService": service}),)


def _waiting(own: Call, request: Request) -> tuple[Call, ...]:
    """Return what a task needs to see how the job ended that it started."""
    needed = _WAITING.get(own.action)
    return needed(own, request) if needed is not None else ()


def _job_runs(own: Call, _request: Request) -> tuple[Call, ...]:
    return tuple(Call(action=action, resource=own.resource) for action in ("glue:GetJobRun", "glue:GetJobRuns"))


def _spark_runs(own: Call, _request: Request) -> tuple[Call, ...]:
    runs = f"{own.resource}/jobruns/any"
    return (Call(action="emr-serverless:GetJobRun", resource=runs), *_rule(_SPARK_RUNS_RULE))


def _builds(own: Call, _request: Request) -> tuple[Call, ...]:
    return (Call(action="codebuild:BatchGetBuilds", resource=own.resource), *_rule(_BUILDS_RULE))


def _queries(own: Call, _request: Request) -> tuple[Call, ...]:
    catalog = Call(action="athena:GetDataCatalog", resource=arn("athena", f"datacatalog/{_LAKE}"))
    return (Call(action="athena:GetQueryExecution", resource=own.resource), catalog)


def _preparations(own: Call, _request: Request) -> tuple[Call, ...]:
    return (Call(action="databrew:ListJobRuns", resource=own.resource),)


def _executions(own: Call, _request: Request) -> tuple[Call, ...]:
    executions = f"{own.resource.replace(':stateMachine:', ':execution:')}:*"
    return (Call(action="states:DescribeExecution", resource=executions), *_rule(_EXECUTIONS_RULE))


def _rule(name: str) -> tuple[Call, ...]:
    actions = ("events:PutTargets", "events:PutRule", "events:DescribeRule")
    return tuple(Call(action=action, resource=arn("events", f"rule/{name}")) for action in actions)


# By action: the service that gets the role which the request names.
_PASSED: Final[Mapping[str, str]] = {
    "emr-serverless:StartJobRun": "emr-serverless.amazonaws.com",
    "personalize:CreateBatchInferenceJob": "personalize.amazonaws.com",
    "personalize:CreateDatasetImportJob": "personalize.amazonaws.com",
    "sagemaker:CreateProcessingJob": "sagemaker.amazonaws.com",
}
_WAITING: Final[Mapping[str, Callable[[Call, Request], tuple[Call, ...]]]] = {
    "athena:StartQueryExecution": _queries,
    "databrew:StartJobRun": _preparations,
    "emr-serverless:StartJobRun": _spark_runs,
    "glue:StartJobRun": _job_runs,
    "codebuild:StartBuild": _builds,
    "states:StartExecution": _executions,
}
