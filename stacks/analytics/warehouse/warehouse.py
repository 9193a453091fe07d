"""The warehouse: a namespace and a workgroup of Redshift Serverless in the private network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_redshiftserverless as redshift
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.names import WAREHOUSE_ADMIN, WAREHOUSE_DATABASE, TableName, Zone, warehouse_name
from config.analytics import RowRule, WarehouseSettings
from config.operations import OperationsSettings
from stacks.analytics.warehouse.churn import ChurnModel
from stacks.analytics.warehouse.data_api import Place
from stacks.analytics.warehouse.loads import Loads
from stacks.analytics.warehouse.statements import Batch, read_batches
from stacks.analytics.warehouse.usage_limit import UsageLimit
from stacks.constructs.data_stream import DataStream, KinesisStream
from stacks.constructs.generated_secret import KEY_AND_SECRETS
from stacks.constructs.grants import allow, catalog_arns, query_lake, use_key
from stacks.constructs.log_group import log_group
from stacks.shared.lake_access import LakeAccess
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph, StandingCost
from stacks.shared.platform import Platform

_LOGS: Final = ("connectionlog", "useractivitylog", "userlog")
_HTTPS: Final = 443
_SECRET_USD: Final = 0.4  # a month
_PARAMETERS: Final = {"require_ssl": "true", "enable_user_activity_logging": "true"}
# Redshift Serverless reads the lake by fleets of Redshift's own, so that AWS asks for both.
_SERVICES: Final = ("redshift-serverless.amazonaws.com", "redshift.amazonaws.com")
# What the external schemas look up, with the role of the namespace.
_CATALOG: Final = (
    "glue:GetDatabase",
    "glue:GetDatabases",
    "glue:GetTable",
    "glue:GetTables",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:BatchGetPartition",
)
_LIVE: Final = "live"
_READ_STREAM: Final = ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
_CHURN: Final = ("churn_features",)
# What the statements of `sql/warehouse` load from. Lake Formation's grant is on all marts: it takes none on a table
# that is not there, and dbt makes the marts after the deployment.
_READ: Final = {
    Zone.PRODUCTS: (
        "customer_360",
        "interactions_by_key_day",
        "product_ratings",
        TableName.SEGMENT_MEMBERSHIP,
        "spend_by_currency",
    ),
    Zone.CURATED: (TableName.IDENTIFIER_MAP,),
}


class Warehouse(Construct):
    """Redshift Serverless, which reads the lake by external schemas, under the grants of Lake Formation.

    Nothing is only here: everything is loaded from the lake, so that the namespace goes with its stack.
    """

    role: iam.Role
    loads: Loads
    lake_access: Sequence[LakeAccess]
    machine: sfn.StateMachine
    arn: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: WarehouseSettings,
        row_rules: Sequence[RowRule],
        interactions: DataStream,
        training: s3.IBucket | None,
        built_by: sfn.IStateMachine,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._hours = settings.daily_hours
        self.name = warehouse_name(platform.environment)
        self.churn = (
            ChurnModel(self, "Churn", settings=settings.churn, bucket=training, platform=platform) if training else None
        )
        self.role = self._role(platform)
        live = self._live(interactions, platform) if settings.streaming.deployed else ()
        self.namespace = self._namespace(platform)
        self.workgroup = self._workgroup(settings, platform)
        self.limit = UsageLimit(
            self, "UsageLimit", workgroup=self.workgroup, daily_hours=settings.daily_hours, platform=platform
        )
        place = Place(namespace=self.namespace, workgroup=self.workgroup, poll_seconds=settings.poll_seconds)
        self.loads = Loads(
            self,
            "Loads",
            place=place,
            row_rules=row_rules,
            more=[*(self.churn.batches if self.churn else ()), *live],
            built_by=built_by,
            platform=platform,
        )
        self.machine = self.loads.machine
        self.training = self.churn.train(place) if self.churn else None
        self.arn = self.workgroup.attr_workgroup_workgroup_arn
        self.lake_access = [
            LakeAccess(name="WarehouseProducts", role=self.role, zone=Zone.PRODUCTS),
            LakeAccess(name="WarehouseCurated", role=self.role, zone=Zone.CURATED, tables=_READ[Zone.CURATED]),
        ]

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # the limit is its own setting
        """Return an alarm on a day's limit that is used up."""
        left = cloudwatch.Metric(
            namespace="AWS/Redshift-Serverless",
            metric_name="UsageLimitAvailable",
            dimensions_map={"UsageLimitId": self.limit.limit_id, "Workgroup": self.name},
            statistic="Minimum",
            period=METRIC_PERIOD,
        )
        return (
            AlarmSpec(
                name="WarehouseLimitReached",
                metric=left,
                threshold=0,
                comparison=cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD,
                text="the warehouse has used its RPU-hours of the day and takes no more queries",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return what the warehouse computes."""
        used = cloudwatch.Metric(
            namespace="AWS/Redshift-Serverless",
            metric_name="ComputeSeconds",
            dimensions_map={"Workgroup": self.name},
            statistic="Sum",
            period=METRIC_PERIOD,
        )
        return (Graph(title="Warehouse: RPU-seconds", position=26, lines={"computed": used}),)

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of the administrator's secret; computing and storage cost by use."""
        return (StandingCost(part=KEY_AND_SECRETS, usd=_SECRET_USD),)

    # ---- namespace and workgroup

    def _namespace(self, platform: Platform) -> redshift.CfnNamespace:
        namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=self.name,
            db_name=WAREHOUSE_DATABASE,
            admin_username=WAREHOUSE_ADMIN,
            # Redshift makes the password, keeps it in Secrets Manager and changes it every 30 days.
            manage_admin_password=True,
            admin_password_secret_kms_key_id=platform.key.key_arn,
            kms_key_id=platform.key.key_arn,
            iam_roles=[self.role.role_arn, *([self.churn.role.role_arn] if self.churn else [])],
            default_iam_role_arn=self.role.role_arn,
            log_exports=list(_LOGS),
        )
        # Redshift would make these groups itself, without the key and for ever.
        for log in _LOGS:
            name = f"/aws/redshift/{self.name}/{log}"
            namespace.node.add_dependency(log_group(self, log.capitalize(), platform=platform, name=name))
        namespace.node.add_dependency(self.role, *([self.churn.role] if self.churn else []))
        namespace.apply_removal_policy(cdk.RemovalPolicy.DESTROY)
        return namespace

    def _workgroup(self, settings: WarehouseSettings, platform: Platform) -> redshift.CfnWorkgroup:
        network = platform.network
        if network is None:
            raise ValueError("the warehouse needs a network; the settings check this")
        network.reach(ec2.InterfaceVpcEndpointAwsService.GLUE, ec2.InterfaceVpcEndpointAwsService.LAKE_FORMATION)
        group = ec2.SecurityGroup(
            self, "Access", vpc=network.vpc, description="The warehouse", allow_all_outbound=False
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_HTTPS), "AWS's APIs, by the network's endpoints")
        kind = redshift.CfnWorkgroup
        workgroup = kind(
            self,
            "Workgroup",
            workgroup_name=self.name,
            namespace_name=self.name,
            base_capacity=settings.base_capacity,
            max_capacity=settings.max_capacity,
            enhanced_vpc_routing=True,
            publicly_accessible=False,
            subnet_ids=network.vpc.select_subnets(subnet_type=network.subnets.subnet_type).subnet_ids,
            security_group_ids=[group.security_group_id],
            config_parameters=[
                kind.ConfigParameterProperty(parameter_key=key, parameter_value=value)
                for key, value in _PARAMETERS.items()
            ],
        )
        workgroup.add_resource_dependency(self.namespace)
        return workgroup

    def _live(self, interactions: DataStream, platform: Platform) -> Sequence[Batch]:
        """Let the warehouse read the stream of interactions, from inside the network, and return what reads it."""
        if not isinstance(interactions, KinesisStream) or platform.network is None:
            raise ValueError("the warehouse reads a stream of Kinesis from a network; the settings check this")
        platform.network.reach(ec2.InterfaceVpcEndpointAwsService.KINESIS_STREAMS)
        allow(self.role, (f"kinesis:{action}" for action in _READ_STREAM), interactions.arn)
        allow(self.role, ("kinesis:ListStreams",), "*")
        use_key(self.role, platform.key, through="kinesis", actions=("Decrypt",))
        folder = Path(platform.assets.warehouse_statements) / _LIVE
        return read_batches(folder, {"stream": interactions.name})

    # ---- the namespace's role

    def _role(self, platform: Platform) -> iam.Role:
        """Create the role with which Redshift reads the lake; Lake Formation gives out the data."""
        role = iam.Role(
            self, "Role", assumed_by=iam.CompositePrincipal(*(iam.ServicePrincipal(one) for one in _SERVICES))
        )
        query_lake(role)
        for zone, tables in _READ.items():
            more = _CHURN if self.churn and zone is Zone.PRODUCTS else ()
            allow(role, _CATALOG, *catalog_arns(role, platform, zone, (*tables, *more)))
        return role
