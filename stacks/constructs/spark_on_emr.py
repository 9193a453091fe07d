"""A Spark job on EMR Serverless: an application of its own, what its role needs, and the step that runs it.

An application costs nothing while none of its workers runs, so each job has one: with its own limits, its own logs, and
its own place in a network. Notebooks have one, too, whose sessions read the lake through Lake Formation alone.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.names import PROJECT
from config.settings import SettingsError
from stacks.constructs.grants import allow
from stacks.constructs.log_group import log_group
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.retries import wait_for_capacity
from stacks.constructs.spark_size import SparkSize
from stacks.constructs.stream_cluster import StreamCluster
from stacks.shared.platform import Platform

RELEASE: Final = "emr-7.13.0"  # Spark 3.5.6 and Iceberg 1.10, as Glue 5.1 has them
PRINCIPAL: Final = "emr-serverless.amazonaws.com"
# The release's own jar. Glue loads it for an argument, EMR for this setting.
_ICEBERG_JAR: Final = "/usr/share/aws/iceberg/lib/iceberg-spark3-runtime.jar"
# Python is 3.9 on these images unless a job asks for this one, which our code needs.
_PYTHON: Final = "/usr/bin/python3.11"
_IDLE_MINUTES: Final = 5
_DISK_GIGABYTES: Final = 20  # of a worker, without a further price
_QUEUE_MINUTES: Final = 180  # as long as a step waits for Glue
_HTTPS: Final = 443
# What a run calls in any case. Inside a network it needs an endpoint for each; S3 and DynamoDB have gateways.
_CALLED: Final = (
    ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    ec2.InterfaceVpcEndpointAwsService.GLUE,
    ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
)
# Of a session under Lake Formation: the driver of the notebook, and one that reads for it what its role may read.
_DRIVERS: Final = 2
_GUARDED: Final = "spark.emr-serverless.lakeformation.enabled"
_EVENTS_RULE: Final = "StepFunctionsGetEventsForEMRServerlessJobRule"


class SparkApplication(Construct):
    """An application of EMR Serverless for one job. It starts with a run, and stops when it has been idle.

    Args:
        name: of the job.
        configuration: of Spark, of every run.
        size: of a run.
        beyond: the AWS services that the job calls and that EMR Serverless reaches only through a network.
        cluster: that the job is a client of; it needs no other service beyond the usual ones then.
        sessions: it is for sessions of notebooks, in EMR Studio and by Livy, and Lake Formation decides what each
            reads, row by row and column by column.
        idle_minutes: after which it stops.
    """

    application: emrserverless.CfnApplication
    arn: str

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        configuration: Mapping[str, str],
        size: SparkSize,
        beyond: Sequence[ec2.InterfaceVpcEndpointAwsService],
        platform: Platform,
        cluster: StreamCluster | None = None,
        sessions: bool = False,
        idle_minutes: int = _IDLE_MINUTES,
    ) -> None:
        super().__init__(scope, id_)
        self._name, self._size = name, size
        kind = emrserverless.CfnApplication
        most = size.workers * size.concurrent_runs
        self._logs = log_group(self, "Logs", platform=platform)
        self.application = kind(
            self,
            "Application",
            name=f"{PROJECT}-{platform.environment}-{name}",
            type="SPARK",
            release_label=RELEASE,
            architecture="ARM64",
            auto_start_configuration=kind.AutoStartConfigurationProperty(enabled=True),
            auto_stop_configuration=kind.AutoStopConfigurationProperty(enabled=True, idle_timeout_minutes=idle_minutes),
            maximum_capacity=kind.MaximumAllowedResourcesProperty(
                cpu=f"{most * size.vcpus} vCPU",
                memory=f"{most * size.memory} GB",
                disk=f"{most * _DISK_GIGABYTES} GB",
            ),
            # A run beyond the limit waits for its turn, as it waits for Glue.
            scheduler_configuration=kind.SchedulerConfigurationProperty(
                max_concurrent_runs=size.concurrent_runs, queue_timeout_minutes=_QUEUE_MINUTES
            ),
            network_configuration=self._network(beyond, platform) if cluster is None else _place(cluster),
            interactive_configuration=_for_notebooks() if sessions else None,
            runtime_configuration=[
                kind.ConfigurationObjectProperty(
                    classification="spark-defaults",
                    properties={
                        **configuration,
                        **_own_settings(size),
                        **(_of_sessions(size) if sessions else _of_a_job(size)),
                    },
                )
            ],
            monitoring_configuration=kind.MonitoringConfigurationProperty(
                cloud_watch_logging_configuration=kind.CloudWatchLoggingConfigurationProperty(
                    enabled=True, log_group_name=self._logs.log_group_name
                ),
                # EMR's own storage would keep a copy under a key that is not ours.
                managed_persistence_monitoring_configuration=kind.ManagedPersistenceMonitoringConfigurationProperty(
                    enabled=False
                ),
            ),
        )
        stack = cdk.Stack.of(self)
        self.arn = (
            f"arn:{stack.partition}:emr-serverless:{stack.region}:{stack.account}:/applications/"
            f"{self.application.attr_application_id}"
        )

    def let_run(self, role: iam.Role) -> None:
        """Let a role write the logs of its runs, which EMR Serverless does with the role."""
        stack = cdk.Stack.of(self)
        all_groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:*"
        allow(role, ("logs:DescribeLogGroups",), all_groups)
        allow(
            role,
            ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
            self._logs.log_group_arn,
        )
        acknowledge(role, {wildcard(role, all_groups): "EMR Serverless looks for its group among all of the account"})

    def let_start(self, starter: iam.IRole, role: iam.IRole) -> None:
        """Let the role of a state machine run the job with the job's role, see how it ends, and stop it."""
        stack = cdk.Stack.of(self)
        allow(starter, ("emr-serverless:StartJobRun",), self.arn)
        runs = f"{self.arn}/jobruns/*"
        allow(starter, ("emr-serverless:GetJobRun", "emr-serverless:CancelJobRun"), runs)
        starter.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": PRINCIPAL}},
            )
        )
        rule = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:rule/{_EVENTS_RULE}"
        allow(starter, ("events:PutTargets", "events:PutRule", "events:DescribeRule"), rule)
        acknowledge(starter, {wildcard(starter, runs): "EMR Serverless names the runs of this application itself"})

    def step(
        self,
        scope: Construct,
        id_: str,
        *,
        role: iam.IRole,
        script: s3_assets.Asset,
        library: s3_assets.Asset,
        arguments: Mapping[str, str],
    ) -> sfn.CustomState:
        """Return a step that runs the job and waits for its end; the CDK has no class for this integration."""
        words = [word for pair in arguments.items() for word in pair]
        stated = any(sfn.JsonPath.is_encoded_json_path(word) for word in words)
        given = {"EntryPointArguments": sfn.JsonPath.array(*words) if stated else words}
        submitted = {
            "EntryPoint": script.s3_object_url,
            **(sfn.FieldUtils.render_object(given) or {}),
            "SparkSubmitParameters": f"--conf spark.submit.pyFiles={library.s3_object_url}",
        }
        step = sfn.CustomState(
            scope,
            id_,
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::emr-serverless:startJobRun.sync",
                "Parameters": {
                    "ApplicationId": self.application.attr_application_id,
                    "ExecutionRoleArn": role.role_arn,
                    "Name": self._name,
                    "ExecutionTimeoutMinutes": self._size.minutes,
                    "JobDriver": {"SparkSubmit": submitted},
                },
                "ResultPath": sfn.JsonPath.DISCARD,
            },
        )
        wait_for_capacity(step, "EMRServerless")
        return step

    def _network(
        self, beyond: Sequence[ec2.InterfaceVpcEndpointAwsService], platform: Platform
    ) -> emrserverless.CfnApplication.NetworkConfigurationProperty | None:
        """Place the workers in the private network, if the job needs one."""
        if not beyond:
            return None
        network = platform.network
        if network is None:
            services = ", ".join(service.short_name for service in beyond)
            raise SettingsError(
                f"runtime.spark.services.{self._name}: emr_serverless needs foundation.network.deployed: true, because "
                f"EMR Serverless reaches {services} only from inside a network; switch that on, or write glue"
            )
        network.reach(*_CALLED, *beyond)
        group = ec2.SecurityGroup(
            self, "Workers", vpc=network.vpc, description=f"Workers of {self._name}", allow_all_outbound=False
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_HTTPS), "AWS's APIs")
        return emrserverless.CfnApplication.NetworkConfigurationProperty(
            subnet_ids=network.vpc.select_subnets(subnet_type=network.subnets.subnet_type).subnet_ids,
            security_group_ids=[group.security_group_id],
        )


def _place(cluster: StreamCluster) -> emrserverless.CfnApplication.NetworkConfigurationProperty:
    """Place the workers with the clients of a cluster, from where they reach what every job calls."""
    network = cluster.network
    network.reach(*_CALLED)
    return emrserverless.CfnApplication.NetworkConfigurationProperty(
        subnet_ids=network.vpc.select_subnets(subnet_type=network.subnets.subnet_type).subnet_ids,
        security_group_ids=[cluster.clients.security_group_id],
    )


def _for_notebooks() -> emrserverless.CfnApplication.InteractiveConfigurationProperty:
    return emrserverless.CfnApplication.InteractiveConfigurationProperty(
        livy_endpoint_enabled=True, studio_enabled=True
    )


def _of_a_job(size: SparkSize) -> Mapping[str, str]:
    return {"spark.executor.instances": str(size.workers - 1), "spark.dynamicAllocation.enabled": "false"}


def _of_sessions(size: SparkSize) -> Mapping[str, str]:
    """Return what a session needs under Lake Formation, which does not go with a fixed number of executors."""
    return {_GUARDED: "true", "spark.dynamicAllocation.maxExecutors": str(size.workers - _DRIVERS)}


def _own_settings(size: SparkSize) -> Mapping[str, str]:
    """Return the settings of Spark that Glue has arguments and worker types for."""
    heap = f"{size.memory * 7 // 8}g"  # Spark adds a tenth for itself, and EMR rounds up to a size that it has
    return {
        "spark.jars": _ICEBERG_JAR,
        "spark.driver.cores": str(size.vcpus),
        "spark.driver.memory": heap,
        "spark.executor.cores": str(size.vcpus),
        "spark.executor.memory": heap,
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": _PYTHON,
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": _PYTHON,
        "spark.executorEnv.PYSPARK_PYTHON": _PYTHON,
        "spark.pyspark.driver.python": _PYTHON,
        "spark.pyspark.python": _PYTHON,
    }
