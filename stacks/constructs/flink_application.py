"""An application on Managed Service for Apache Flink."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisanalyticsv2 as flink
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.names import READS, WRITES, Property, Stream
from config.operations import OperationsSettings
from config.shared import FlinkSettings
from stacks.constructs import flink_steps
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import allow
from stacks.constructs.log_group import log_group
from stacks.constructs.nag import acknowledge, wildcard
from stacks.shared.ids import pascal_case
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph, StandingCost, alarm_on_silence
from stacks.shared.platform import Platform

RUNTIME: Final = "FLINK-2_3"
PropertyGroups = Mapping[Property, Mapping[str, str]]
_Configuration = flink.CfnApplication
_KPU_USD: Final = 80  # a month


class FlinkApplication(Construct):
    """A streaming application, deployed stopped: a template cannot start it.

    `name` is the folder in the zip that holds the entry point. While the streams are not deployed there is a role and
    no application: its snapshots hold positions in the deleted streams, and an application restored from one would miss
    records of the new streams. The application that is deployed again has no snapshots.
    """

    label: str
    application: flink.CfnApplication | None
    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        platform: Platform,
        streams: Mapping[Stream, DataStream],
        settings: FlinkSettings,
        properties: PropertyGroups,
    ) -> None:
        super().__init__(scope, id_)
        self.label = pascal_case(name)
        self._name, self._settings = name, settings
        code = s3_assets.Asset(self, "Code", path=platform.assets.flink_application(name))
        self.role = self._role(code)
        place = self._place(streams)
        log_stream_arn = self._log_stream(platform)
        self.application = None
        if all(stream.deployed for stream in streams.values()):
            configuration = _configuration(code, settings, _with_run_options(name, properties), place)
            self.application = self._deploy(name, configuration, log_stream_arn)

    @property
    def kept_running(self) -> flink.CfnApplication | None:
        """The application if the settings keep it running, otherwise none."""
        return self.application if self._settings.started else None

    @property
    def is_supervised(self) -> bool:
        """Whether there is an application that the settings keep running."""
        return self.kept_running is not None

    def steps_to_start(self, scope: Construct) -> sfn.IChainable:
        """Create the steps that start the application from its latest snapshot if it has stopped."""
        return flink_steps.start(scope, self.label, self._supervised())

    def steps_to_save(self, scope: Construct) -> sfn.IChainable:
        """Create the steps that take a snapshot of the running application, named by the execution's input."""
        return flink_steps.save(scope, self.label, self._supervised())

    def _supervised(self) -> flink.CfnApplication:
        if (application := self.kept_running) is None:
            raise ValueError(f"{self.node.path} is not kept running")
        return application

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # one restart is too many
        """Return alarms on an application that should run and does not, and on one that restarts."""
        if (application := self.kept_running) is None:
            return ()
        return (
            alarm_on_silence(
                name=f"{self.label}Down",
                metric=_metric(application, "runningTime"),
                text=f"the Flink application {self.label} does not run",
            ),
            AlarmSpec(
                name=f"{self.label}Restarts",
                metric=self._restarts(application),
                threshold=1,
                text=f"the Flink application {self.label} restarts after failures",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return how long the application has run since its last start, and how often it restarts."""
        running, restarts = {}, {}
        if (application := self.kept_running) is not None:
            running = {self.label: _metric(application, "runningTime")}
            restarts = {self.label: self._restarts(application)}
        return (
            Graph(title="Flink running (ms)", position=60, lines=running),
            Graph(title="Flink restarts", position=61, lines=restarts),
        )

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of one KPU per `parallelism_per_kpu` parallel tasks, and of one for the service itself."""
        if self.kept_running is None:
            return ()
        workers = -(-self._settings.parallelism // self._settings.parallelism_per_kpu)
        return (StandingCost(part=f"Flink application {self._name}", usd=(workers + 1) * _KPU_USD),)

    def _restarts(self, application: flink.CfnApplication) -> cloudwatch.MathExpression:
        counter = f"restartsOf{self.label}"
        return cloudwatch.MathExpression(
            expression=f"DIFF({counter})",
            using_metrics={counter: _metric(application, "numRestarts")},
            period=METRIC_PERIOD,
            label=self.label,
        )

    def _role(self, code: s3_assets.Asset) -> iam.Role:
        account = cdk.Stack.of(self).account
        principal = iam.ServicePrincipal(
            "kinesisanalytics.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": account}}
        )
        role = iam.Role(self, "Role", assumed_by=principal)
        allow(role, ("s3:GetObject", "s3:GetObjectVersion"), code.bucket.arn_for_objects(code.s3_object_key))
        return role

    def _place(self, streams: Mapping[Stream, DataStream]) -> Sequence[flink.CfnApplication.VpcConfigurationProperty]:
        """Place the application with the clients of its streams, where these stand in the private network."""
        cluster = next((stream.cluster for stream in streams.values() if stream.cluster is not None), None)
        if cluster is None:
            return ()
        network = cluster.network
        network.reach(ec2.InterfaceVpcEndpointAwsService.GLUE, ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER)
        cluster.let_application_in(self.role)
        return (
            _Configuration.VpcConfigurationProperty(
                subnet_ids=network.vpc.select_subnets(subnet_type=network.subnets.subnet_type).subnet_ids,
                security_group_ids=[cluster.clients.security_group_id],
            ),
        )

    def _log_stream(self, platform: Platform) -> str:
        """Create the log stream and let the role write to it; return its ARN."""
        stream = logs.LogStream(
            self,
            "LogStream",
            log_group=log_group(self, "Logs", platform=platform),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        stack = cdk.Stack.of(self)
        group = stream.node.try_find_child("Resource")
        if not isinstance(group, logs.CfnLogStream):
            raise TypeError(f"{stream.node.path} has no log stream resource")
        group_arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{group.log_group_name}"
        stream_arn = f"{group_arn}:log-stream:{stream.log_stream_name}"
        allow(self.role, ("logs:PutLogEvents",), stream_arn)
        all_streams = f"{group_arn}:log-stream:*"  # a list is about the group's streams, not about the group
        allow(self.role, ("logs:DescribeLogStreams",), all_streams)
        all_groups = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:*"
        allow(self.role, ("logs:DescribeLogGroups",), all_groups)
        acknowledge(
            self.role,
            {
                wildcard(self, all_groups): "log groups can only be listed as a whole",
                wildcard(self, all_streams): "log streams of a group can only be listed as a whole",
            },
        )
        return stream_arn

    def _deploy(
        self, name: str, configuration: flink.CfnApplication.ApplicationConfigurationProperty, log_stream_arn: str
    ) -> flink.CfnApplication:
        application = flink.CfnApplication(
            self,
            "Application",
            runtime_environment=RUNTIME,
            application_mode="STREAMING",
            application_description=f"Flink application {name}",
            service_execution_role=self.role.role_arn,
            application_configuration=configuration,
        )
        flink.CfnApplicationCloudWatchLoggingOption(
            self,
            "LoggingOption",
            application_name=application.ref,
            cloud_watch_logging_option=flink.CfnApplicationCloudWatchLoggingOption.CloudWatchLoggingOptionProperty(
                log_stream_arn=log_stream_arn
            ),
        )
        # The service checks at creation that the role may read the code.
        application.node.add_dependency(self.role)
        return application


def _metric(application: flink.CfnApplication, name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/KinesisAnalytics",
        metric_name=name,
        dimensions_map={"Application": application.ref},
        period=METRIC_PERIOD,
        statistic="Maximum",
    )


def _with_run_options(name: str, properties: PropertyGroups) -> PropertyGroups:
    options = {"python": f"{name}/main.py", "jarfile": "lib/pyflink-dependencies.jar", "pyFiles": "dep/"}
    return {Property.RUN_OPTIONS: options, **properties}


def _configuration(
    code: s3_assets.Asset,
    settings: FlinkSettings,
    properties: PropertyGroups,
    place: Sequence[flink.CfnApplication.VpcConfigurationProperty],
) -> flink.CfnApplication.ApplicationConfigurationProperty:
    return _Configuration.ApplicationConfigurationProperty(
        application_code_configuration=_Configuration.ApplicationCodeConfigurationProperty(
            code_content_type="ZIPFILE",
            code_content=_Configuration.CodeContentProperty(
                s3_content_location=_Configuration.S3ContentLocationProperty(
                    bucket_arn=code.bucket.bucket_arn, file_key=code.s3_object_key
                )
            ),
        ),
        # The service rolls a failed update back to the previous version and its state.
        application_system_rollback_configuration=_Configuration.ApplicationSystemRollbackConfigurationProperty(
            rollback_enabled=True
        ),
        application_snapshot_configuration=_Configuration.ApplicationSnapshotConfigurationProperty(
            snapshots_enabled=True
        ),
        environment_properties=_Configuration.EnvironmentPropertiesProperty(
            property_groups=[
                _Configuration.PropertyGroupProperty(property_group_id=group, property_map=dict(values))
                for group, values in properties.items()
            ]
        ),
        flink_application_configuration=_flink_configuration(settings),
        vpc_configurations=list(place) or None,
    )


def _flink_configuration(settings: FlinkSettings) -> flink.CfnApplication.FlinkApplicationConfigurationProperty:
    return _Configuration.FlinkApplicationConfigurationProperty(
        checkpoint_configuration=_Configuration.CheckpointConfigurationProperty(
            configuration_type="CUSTOM",
            checkpointing_enabled=True,
            checkpoint_interval=settings.checkpoint_interval_seconds * 1000,
            min_pause_between_checkpoints=min(5_000, settings.checkpoint_interval_seconds * 1000),
        ),
        monitoring_configuration=_Configuration.MonitoringConfigurationProperty(
            configuration_type="CUSTOM", log_level="INFO", metrics_level="APPLICATION"
        ),
        parallelism_configuration=_Configuration.ParallelismConfigurationProperty(
            configuration_type="CUSTOM",
            parallelism=settings.parallelism,
            parallelism_per_kpu=settings.parallelism_per_kpu,
            auto_scaling_enabled=settings.autoscaling,
        ),
    )


def common_properties(
    scope: Construct,
    *,
    platform: Platform,
    streams: Mapping[Stream, DataStream],
    reads: Iterable[Stream],
    writes: Iterable[Stream],
    warehouse: s3.IBucket,
) -> dict[Property, dict[str, str]]:
    """Return the property groups that every application reads: its streams, the lake, its environment.

    The streams come with those that the application reads and those that it writes, for whatever carries them.
    """
    stream_values: dict[str, str] = {}
    for name, stream in streams.items():
        stream_values |= stream.flink_properties(name.replace("-", "_"))
    stream_values[READS] = ",".join(streams[name].name for name in reads)
    stream_values[WRITES] = ",".join(streams[name].name for name in writes)
    provider = stream_values.pop("provider")
    return {
        Property.STREAMS: {"provider": provider, "region": cdk.Stack.of(scope).region, **stream_values},
        Property.LAKE: {"catalog": "glue", "warehouse": f"s3://{warehouse.bucket_name}"},
        Property.ENVIRONMENT: {"name": platform.environment},
    }
