"""Tables of databases: a connection and a Spark job for each database, a state machine for each source.

The job lands rows in the folder of their source, where the file ingestion finds them like any other file.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.contracts import Contracts, DatabaseTable, Source
from c360_core.names import Zone, connection_name
from config.collection import DatabaseSettings
from stacks.constructs.grants import add_objects, allow, read_objects, read_tables, use_interfaces, use_items, use_key
from stacks.constructs.progress_table import progress_table
from stacks.constructs.spark_job import SparkJob
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.monitoring import StandingCost
from stacks.shared.platform import Platform

_WORKERS: Final = 2
_USD_PER_DPU_HOUR: Final = 0.44
_RUN_MINUTES: Final = 2  # of a quiet increment; AWS bills by the second, and at least a minute
_HOURS_PER_MONTH: Final = 730
_RETRIES: Final = 3
_HTTPS: Final = 443
# What the job calls from inside the network; S3 and DynamoDB have gateways.
_CALLED: Final = (
    ec2.InterfaceVpcEndpointAwsService.GLUE,
    ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
)
_FIXED_ZONE: Final = "CloudFormation-Validate::W3010"


class UnusedDatabaseError(ValueError):
    """The settings name a database that no contract reads from."""


class Databases(Construct):
    """Reads sources from the databases of the settings. Without any, it has no resources."""

    lake_access: Sequence[LakeAccess]
    machines: Mapping[str, sfn.StateMachine]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        databases: Mapping[str, DatabaseSettings],
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.lake_access, self.machines = [], {}
        if not databases:
            return
        # Up to which time each source has been read.
        progress = progress_table(self, key="source", platform=platform)
        for name, settings in databases.items():
            read = _sources(lake.contracts, name)
            if not read:
                raise UnusedDatabaseError(
                    f"collection.databases.{name}: no contract has a server of this name; write one, or take the "
                    "database out of the settings"
                )
            database = _Database(
                self, pascal_case(name), name=name, settings=settings, read=read, lake=lake, platform=platform,
                progress=progress,
            )  # fmt: skip
            access = LakeAccess(
                name=f"Extract{pascal_case(name)}",
                role=database.job.role,
                zone=Zone.RAW,
                tables=[source.name for source, _ in read],
            )
            self.lake_access = [*self.lake_access, access]
            self.machines = {**self.machines, **database.machines}


class _Database(Construct):
    """One database: its connection, the job that reads it, and a state machine for each of its sources."""

    job: SparkJob
    machines: Mapping[str, sfn.StateMachine]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        settings: DatabaseSettings,
        read: Sequence[tuple[Source, DatabaseTable]],
        lake: Lake,
        platform: Platform,
        progress: dynamodb.ITableV2,
    ) -> None:
        super().__init__(scope, id_)
        self._read = read
        connection = self._connection(name, settings, platform)
        self.job = SparkJob(
            self,
            "Job",
            name="extract_tables",
            platform=platform,
            lake=lake,
            arguments={
                "--connection": connection_name(platform.environment, name),
                "--landing_bucket": lake.buckets[Zone.LANDING].bucket_name,
                "--progress_table": progress.table_name,
            },
            workers=_WORKERS,
            concurrent_runs=2 * len(read),  # an increment and a comparison of each source
        )
        self.job.job.connections = glue.CfnJob.ConnectionsListProperty(
            connections=[connection_name(platform.environment, name)]
        )
        self.job.job.add_resource_dependency(connection)
        self._let_job_connect(name, settings, platform)
        self._let_job_work(lake, platform, progress)
        self.machines = {source.name: self._schedule(source, table, platform) for source, table in read}

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return what the increments cost while nothing changes in the database."""
        runs = sum(_HOURS_PER_MONTH * 60 / _minutes(source) for source, _ in self._read)
        usd = runs * _WORKERS * _RUN_MINUTES / 60 * _USD_PER_DPU_HOUR
        return (StandingCost(part="sources read from databases", usd=usd, pieces=len(self._read)),)

    # ---- the connection

    def _connection(self, name: str, settings: DatabaseSettings, platform: Platform) -> glue.CfnConnection:
        _, table = self._read[0]  # the check of the contracts: all say the same of a connection
        kind = glue.CfnConnection
        connection = kind(
            self,
            "Connection",
            catalog_id=cdk.Stack.of(self).account,
            connection_input=kind.ConnectionInputProperty(
                name=connection_name(platform.environment, name),
                description=f"The database {name} of the contracts",
                connection_type="JDBC",
                connection_properties={
                    "JDBC_CONNECTION_URL": f"jdbc:{table.engine}://{settings.host}:{settings.port}/{table.database}",
                    "JDBC_ENFORCE_SSL": "true",
                    "SECRET_ID": settings.secret,
                },
                physical_connection_requirements=self._place(settings, platform),
            ),
        )
        if settings.network is not None:
            reason = "the zone is that of the subnet, which the settings of the environment name together with it"
            cdk.Validations.of(connection).acknowledge(cdk.Acknowledgment(id=_FIXED_ZONE, reason=reason))
        return connection

    def _place(
        self, settings: DatabaseSettings, platform: Platform
    ) -> glue.CfnConnection.PhysicalConnectionRequirementsProperty:
        """Say where the job's network interfaces are; Glue puts all of them into one subnet."""
        if settings.network is not None:
            vpc = ec2.Vpc.from_vpc_attributes(
                self, "Vpc", vpc_id=settings.network.vpc_id, availability_zones=[settings.network.availability_zone]
            )
            subnet, zone = settings.network.subnet_id, settings.network.availability_zone
        elif platform.network is not None:
            platform.network.reach(*_CALLED)
            vpc = platform.network.vpc
            first = vpc.select_subnets(subnet_type=platform.network.subnets.subnet_type).subnets[0]
            subnet, zone = first.subnet_id, first.availability_zone
        else:
            raise ValueError("a database needs a network; the settings check this")
        group = self._security_group(vpc, settings.port)
        return glue.CfnConnection.PhysicalConnectionRequirementsProperty(
            subnet_id=subnet, availability_zone=zone, security_group_id_list=[group.security_group_id]
        )

    def _security_group(self, vpc: ec2.IVpc, port: int) -> ec2.SecurityGroup:
        """Create the group of the job's interfaces.

        Glue asks for a rule that lets the group's members reach each other on every TCP port: driver and executors.
        """
        group = ec2.SecurityGroup(
            self, "Readers", vpc=vpc, description="Jobs that read a database", allow_all_outbound=False
        )
        group.add_ingress_rule(group, ec2.Port.all_tcp(), "driver and executors of a job")
        group.add_egress_rule(group, ec2.Port.all_tcp(), "driver and executors of a job")
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(port), "the database")
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_HTTPS), "AWS's APIs")
        return group

    # ---- the job's rights

    def _let_job_connect(self, name: str, settings: DatabaseSettings, platform: Platform) -> None:
        role, stack = self.job.role, cdk.Stack.of(self)
        prefix = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
        allow(
            role,
            ("glue:GetConnection",),
            f"{prefix}:catalog",
            f"{prefix}:connection/{connection_name(platform.environment, name)}",
        )
        secrets = f"arn:{stack.partition}:secretsmanager:{stack.region}:{stack.account}:secret"
        allow(role, ("secretsmanager:GetSecretValue",), f"{secrets}:{settings.secret}-??????")
        if settings.secret_key_arn is not None:
            key = kms.Key.from_key_arn(self, "SecretKey", settings.secret_key_arn)
            use_key(role, key, through="secretsmanager", actions=("Decrypt",))
        use_interfaces(role)

    def _let_job_work(self, lake: Lake, platform: Platform, progress: dynamodb.ITableV2) -> None:
        role, names = self.job.role, [source.name for source, _ in self._read]
        for source in names:
            add_objects(role, lake.buckets[Zone.LANDING], f"{source}/")
            read_objects(role, lake.buckets[Zone.RAW], f"{source}/")
        read_tables(role, platform, Zone.RAW, names)
        use_items(role, progress, platform.key, ("GetItem", "UpdateItem"))

    # ---- the schedule

    def _schedule(self, source: Source, table: DatabaseTable, platform: Platform) -> sfn.StateMachine:
        scope = Construct(self, pascal_case(source.name))
        name = f"Extract{pascal_case(source.name)}"
        machine = StateMachine(
            scope,
            "Run",
            name=name,
            platform=platform,
            steps=self._steps(scope, source),
            subject=f"{source.name} could not be read from its database",
            runbook="a-database-is-not-read.md",
        )
        rules = StartRules(scope, machine=machine, platform=platform)
        paces = {
            "increment": cdk.Duration.minutes(_minutes(source)),
            "comparison": cdk.Duration.hours(table.compare_hours),
        }
        for mode, pace in paces.items():
            rules.on_schedule(
                mode.capitalize(),
                description=f"Time for the {mode} of {source.name}",
                schedule=events.Schedule.rate(pace),
                execution_input=events.RuleTargetInput.from_object({"mode": mode, "accept_deletions": "no"}),
            )
        return machine.machine

    def _steps(self, scope: Construct, source: Source) -> sfn.IChainable:
        run = self.job.step(
            scope,
            "Extract",
            arguments={
                "--source": source.name,
                "--mode": sfn.JsonPath.string_at("$.mode"),
                "--accept_deletions": sfn.JsonPath.string_at("$.accept_deletions"),
            },
        )
        # A database that is down is often back soon, and a run that is repeated skips nothing.
        run.add_retry(
            errors=["States.TaskFailed"],
            interval=cdk.Duration.minutes(1),
            backoff_rate=3,
            max_attempts=_RETRIES,
            jitter_strategy=sfn.JitterType.FULL,
        )
        return run


def _sources(contracts: Contracts, connection: str) -> Sequence[tuple[Source, DatabaseTable]]:
    return [(source, table) for source, table in contracts.database_sources() if source.server.name == connection]


def _minutes(source: Source) -> int:
    return source.cadence_seconds // 60
