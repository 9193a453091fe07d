"""A Lambda function in Python."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from c360_core.names import METRIC_NAMESPACE
from config.operations import OperationsSettings
from stacks.constructs.grants import read_variables
from stacks.constructs.log_group import log_group
from stacks.constructs.nag import acknowledge
from stacks.shared.ids import pascal_case
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

if TYPE_CHECKING:
    from stacks.constructs.data_stream import DataStream
    from stacks.constructs.stream_cluster import StreamCluster

# AWS publishes the Powertools layers from this account, in every region.
_POWERTOOLS_ACCOUNT: Final = "017000801446"
_RUNTIME_REASON: Final = "Python 3.13 is supported until June 2029 and is the newest that our engines share"
_TRACING_REASON: Final = "X-Ray's PutTraceSegments and PutTelemetryRecords accept no resource"
_NO_NETWORK_REASON: Final = (
    "the function reaches only AWS's APIs, over TLS and under its own role, and nothing in a VPC"
)


class Caller(Enum):
    """Who calls a function and waits for its answer: what becomes of a failed call, and what limits the calls."""

    API = "API Gateway waits for the answer, and the client gets the error", "the throttle of the API limits the calls"
    CLOUDFORMATION = (
        "CloudFormation waits for what the function answers, and fails the deployment without it",
        "a deployment makes one call for each custom resource",
    )
    OPERATOR = (
        "the operator's command waits for the answer, and sends a record again that was not taken",
        "a command makes one call at a time",
    )
    QUEUE = (
        "Lambda's reader of the queue waits for the answer; a message that fails goes to the dead-letter queue",
        "the queue's mapping limits the calls",
    )
    SECRETS_MANAGER = (
        "Secrets Manager calls again for a rotation that failed, and the secret keeps its value meanwhile",
        "a rotation makes four calls, one after the other",
    )
    STREAM = (
        "Lambda's reader of the stream waits for the answer; the position of a record that fails goes to a queue",
        "the stream limits the calls: there is one at a time for each shard",
    )
    STATE_MACHINE = (
        "the state machine waits for the answer, and reports a call that fails",
        "each customer's journey makes one call at a time, and repeats one that is throttled",
    )

    @property
    def failures_arrive(self) -> str:
        """Why the function needs no dead-letter queue."""
        return f"no failed call is lost: {self.value[0]}"

    @property
    def calls_are_limited(self) -> str:
        """Why the function needs no reserved concurrency."""
        return f"{self.value[1]}; a reservation takes its number from the account's other functions even when idle"


class PythonFunction(Construct):
    """A function with its own least-privilege role, encrypted logs, tracing, and Powertools from AWS's layer.

    `name` is the folder under `lambdas/`; the handler string is the import path that the tests use.
    `reserved_concurrency` goes before the setting for all functions. `writes` is a stream that it puts records on, and
    `calls` the AWS services that it calls beside DynamoDB and S3: it stands in the private network if that stream's
    `cluster` does, and nowhere else.
    """

    label: str
    function: lambda_.Function
    role: iam.Role

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        platform: Platform,
        variables: Mapping[str, str | int],
        caller: Caller,
        timeout_seconds: int = 30,
        memory_megabytes: int = 512,
        reserved_concurrency: int | None = None,
        writes: "DataStream | None" = None,
        cluster: "StreamCluster | None" = None,
        calls: Sequence[ec2.InterfaceVpcEndpointAwsService] = (),
    ) -> None:
        super().__init__(scope, id_)
        if writes is not None:
            cluster, variables = writes.cluster, {**variables, **writes.variables}
        reserved = reserved_concurrency or platform.runtime.reserved_concurrency
        self.label = pascal_case(name)
        logs = log_group(self, "Logs", platform=platform)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        logs.grant_write(self.role)
        read_variables(self.role, platform.key)
        self.function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"lambdas.{name}.handler.handle",
            code=lambda_.Code.from_asset(platform.assets.function_code(name)),
            layers=[self._powertools(platform)],
            role=self.role,
            environment=_environment(name, platform, variables),
            environment_encryption=platform.key,
            log_group=logs,
            tracing=lambda_.Tracing.ACTIVE,
            timeout=cdk.Duration.seconds(timeout_seconds),
            memory_size=memory_megabytes,
            reserved_concurrent_executions=reserved,
            **_place(cluster, calls),
        )
        acknowledge(self.function, {"L1": _RUNTIME_REASON})
        if cluster is None:
            acknowledge(self.function, {"LambdaInsideVPC": _NO_NETWORK_REASON})
        else:
            cluster.let_functions_in(self.role)
        acknowledge(self.function, {"LambdaDLQ": caller.failures_arrive})
        if reserved is None:
            acknowledge(self.function, {"LambdaConcurrency": caller.calls_are_limited})
        acknowledge(self.role, {"IAM5[Resource::*]": _TRACING_REASON})

    def _powertools(self, platform: Platform) -> lambda_.ILayerVersion:
        stack = cdk.Stack.of(self)
        name = f"AWSLambdaPowertoolsPythonV3-python313-arm64:{platform.runtime.powertools_layer_version}"
        arn = f"arn:{stack.partition}:lambda:{stack.region}:{_POWERTOOLS_ACCOUNT}:layer:{name}"
        return lambda_.LayerVersion.from_layer_version_arn(self, "Powertools", arn)

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # one error is too many
        """Return the alarm on failing calls."""
        return (
            AlarmSpec(
                name=f"{self.label}Errors",
                metric=self._errors(),
                threshold=1,
                text=f"the function {self.label} fails",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return how often the function fails and how long it takes."""
        duration = self.function.metric_duration(statistic="p95")
        return (
            Graph(title="Function errors", position=20, lines={self.label: self._errors()}),
            Graph(title="Function duration, p95 (ms)", position=21, lines={self.label: duration}),
        )

    def _errors(self) -> cloudwatch.Metric:
        return self.function.metric_errors(period=METRIC_PERIOD)


def _place(cluster: "StreamCluster | None", calls: Sequence[ec2.InterfaceVpcEndpointAwsService]) -> dict[str, Any]:
    """Return what places a function with the clients of a cluster, from where it reaches what it calls."""
    if cluster is None:
        return {}
    cluster.network.reach(*calls)
    network = cluster.network
    return {"vpc": network.vpc, "vpc_subnets": network.subnets, "security_groups": [cluster.clients]}


def _environment(name: str, platform: Platform, variables: Mapping[str, str | int]) -> dict[str, str]:
    common = {
        "ENVIRONMENT": platform.environment,
        "LOG_LEVEL": platform.runtime.log_level,
        "POWERTOOLS_LOG_LEVEL": platform.runtime.log_level,
        "POWERTOOLS_SERVICE_NAME": name,
        "POWERTOOLS_METRICS_NAMESPACE": METRIC_NAMESPACE,
    }
    return {**common, **{key: str(value) for key, value in variables.items()}}
