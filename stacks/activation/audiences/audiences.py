"""Audiences of advertising platforms: one function, one table of whom they were told of, a state machine for each."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from constructs import Construct

from c360_core.names import METRIC_NAMESPACE, TableName, Zone
from config.activation import ActivationSettings, AudienceSettings
from config.operations import OperationsSettings
from stacks.activation.audiences.keeping import Keeping
from stacks.constructs.encrypted_table import encrypt
from stacks.constructs.grants import (
    allow,
    arn_of_versions,
    catalog_arns,
    query_in,
    query_lake,
    read_objects,
    use_items,
    use_key,
)
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.state_machine import StateMachine
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.lake_access import LakeAccess
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

_NAME: Final = "audience_members"
_TELL_SECONDS: Final = 900
_MEMORY_MEGABYTES: Final = 2048  # a million members, wanted and held
_REMOVALS_LEFT: Final = "AudienceRemovalsLeft"
_GRAPHS: Final = {
    "Members of audiences": "AudienceMembers",
    "Members that joined audiences": "AudienceMembersAdded",
    "Members that left audiences": "AudienceMembersRemoved",
    "Members that platforms refused": "AudienceMembersRefused",
}


class Audiences(Construct):
    """Keeps each audience as its segment is: a daily run asks the lake and tells the platform who leaves and joins.

    Attributes:
        machines: the state machine of each audience, by its name.
    """

    table: dynamodb.TableV2
    function: PythonFunction
    lake_access: Sequence[LakeAccess]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        workgroup: Workgroup,
        bus: events.IEventBus,
        settings: ActivationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._names = [audience.name for audience in settings.audiences]
        self.table = self._members(platform)
        self.function = self._function(workgroup, bus, settings.audiences, platform)
        self.machines = {
            audience.name: self._machine(audience, workgroup, settings, platform) for audience in settings.audiences
        }
        self.lake_access = [
            LakeAccess(
                name=f"Audience{pascal_case(name)}",
                role=machine.machine.role,
                zone=Zone.PRODUCTS,
                tables=(TableName.SHARED_AUDIENCES,),
            )
            for name, machine in self.machines.items()
        ]

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # one who must go is too many
        """Return an alarm for each audience that still has somebody who must not be in it."""
        return [
            AlarmSpec(
                name=f"Audience{pascal_case(name)}KeepsSomebody",
                metric=self._metric(_REMOVALS_LEFT, name, "Maximum"),
                threshold=1,
                text=f"the audience {name} still has members who must leave it",
            )
            for name in self._names
        ]

    def graphs(self) -> Sequence[Graph]:
        """Return how many members each audience has, and how many joined, left and were refused."""
        return [
            Graph(
                title=title,
                position=70 + place,
                lines={name: self._metric(metric, name, "Maximum" if place == 0 else "Sum") for name in self._names},
            )
            for place, (title, metric) in enumerate(_GRAPHS.items())
        ]

    def _metric(self, metric: str, audience: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=metric,
            dimensions_map={"service": _NAME, "Audience": audience},
            statistic=statistic,
            period=METRIC_PERIOD,
        )

    def _members(self, platform: Platform) -> dynamodb.TableV2:
        """Create the table of whom a platform was told of; a lost item would be somebody who never leaves."""
        table = dynamodb.TableV2(
            self,
            "Members",
            partition_key=dynamodb.Attribute(name="audience", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="member", type=dynamodb.AttributeType.STRING),
            billing=dynamodb.Billing.on_demand(),
            encryption=dynamodb.TableEncryptionV2.aws_managed_key(),
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=platform.removal,
        )
        encrypt(table, platform.key)
        return table

    def _function(
        self,
        workgroup: Workgroup,
        bus: events.IEventBus,
        audiences: Sequence[AudienceSettings],
        platform: Platform,
    ) -> PythonFunction:
        function = PythonFunction(
            self,
            "Function",
            name=_NAME,
            platform=platform,
            variables={"AUDIENCE_MEMBERS_TABLE": self.table.table_name, "EVENT_BUS_NAME": bus.event_bus_name},
            caller=Caller.STATE_MACHINE,
            timeout_seconds=_TELL_SECONDS,
            memory_megabytes=_MEMORY_MEGABYTES,
            calls=(ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,),
        )
        use_items(function.role, self.table, platform.key, ("Query", "BatchWriteItem"))
        read_objects(function.role, workgroup.results, workgroup.prefix)
        allow(function.role, ("events:PutEvents",), bus.event_bus_arn)
        self._read_secrets(function, audiences)
        return function

    def _read_secrets(self, function: PythonFunction, audiences: Sequence[AudienceSettings]) -> None:
        stack = cdk.Stack.of(self)
        prefix = f"arn:{stack.partition}:secretsmanager:{stack.region}:{stack.account}:secret"
        for secret in sorted({audience.secret for audience in audiences}):
            allow(function.role, ("secretsmanager:GetSecretValue",), f"{prefix}:{secret}-??????")
        for arn in sorted({audience.secret_key_arn for audience in audiences if audience.secret_key_arn}):
            key = kms.Key.from_key_arn(self, f"SecretKey{arn.rpartition('/')[2]}", arn)
            use_key(function.role, key, through="secretsmanager", actions=("Decrypt",))

    def _machine(
        self, audience: AudienceSettings, workgroup: Workgroup, settings: ActivationSettings, platform: Platform
    ) -> StateMachine:
        machine = Keeping(
            self,
            pascal_case(audience.name),
            audience=audience,
            function=self.function.function,
            workgroup=workgroup,
            settings=settings,
            platform=platform,
        ).run
        role = machine.machine.role
        query_in(role, workgroup)
        stack = cdk.Stack.of(self)
        catalog = f"arn:{stack.partition}:athena:{stack.region}:{stack.account}:datacatalog/AwsDataCatalog"
        allow(role, ("athena:GetDataCatalog",), catalog)
        query_lake(role)
        tables = catalog_arns(role, platform, Zone.PRODUCTS, [TableName.SHARED_AUDIENCES])
        allow(role, ("glue:GetDatabase", "glue:GetTable"), *tables)
        acknowledge(
            role,
            {
                wildcard(role, arn_of_versions(self.function.function)): "CDK grants the call of all of its versions",
                "IAM5[Resource::*]": "neither GetDataAccess nor X-Ray's actions accept a resource",
            },
        )
        return machine
