"""EMR Studio: notebooks on Spark, whose sessions EMR Serverless runs and Lake Formation guards."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_emr as emr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import WORKSPACES_PREFIX, Zone, studio_name
from c360_core.personas import PERSONAS, PersonaDefinition
from config.analytics import EmrStudioSettings
from stacks.analytics.studio.workspaces import WorkspaceRole
from stacks.constructs.grants import allow, catalog_arns, query_lake
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.spark_on_emr import PRINCIPAL, SparkApplication
from stacks.constructs.spark_size import SparkSize
from stacks.shared.lake import Lake
from stacks.shared.platform import Platform, PrivateNetwork

_NAME: Final = "notebooks"
_ENGINE_PORT: Final = 18888
_HTTPS: Final = 443
_SESSION_MINUTES: Final = 720
_WORKERS_OF_A_SESSION: Final = 4  # two drivers, and an executor for each
# What Spark's catalog looks up, with the role of a session.
_CATALOG: Final = (
    "glue:GetDatabase",
    "glue:GetDatabases",
    "glue:GetTable",
    "glue:GetTables",
    "glue:GetPartition",
    "glue:GetPartitions",
)
# Only the catalog of the session itself goes with Lake Formation.
_SESSION_CATALOG: Final = "spark.sql.catalog.spark_catalog"
# What a person does in the studio, as AWS documents it for whoever makes no clusters. None of these has a resource that
# is known before a workspace is made.
_EDITORS: Final = (
    "elasticmapreduce:CreateEditor",
    "elasticmapreduce:DescribeEditor",
    "elasticmapreduce:ListEditors",
    "elasticmapreduce:StartEditor",
    "elasticmapreduce:StopEditor",
    "elasticmapreduce:DeleteEditor",
    "elasticmapreduce:OpenEditorInConsole",
    "elasticmapreduce:AttachEditor",
    "elasticmapreduce:DetachEditor",
    "elasticmapreduce:ListStudios",
    "emr-serverless:ListApplications",
)
_USE_APPLICATION: Final = (
    "emr-serverless:AccessInteractiveEndpoints",
    "emr-serverless:AccessLivyEndpoints",
    "emr-serverless:GetApplication",
    "emr-serverless:StartApplication",
)


class EmrStudio(Construct):
    """A studio with its two security groups, and the application that its notebooks are attached to.

    A session acts as a role of the persona, which has no right on the lake but through Lake Formation.
    """

    roles: Mapping[str, iam.Role]
    studio: emr.CfnStudio
    application: SparkApplication

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: EmrStudioSettings,
        lake: Lake,
        homes: s3.IBucket,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        network = platform.network
        if network is None:
            raise ValueError("a studio needs a network; the settings check this")
        self.application = self._application(settings, lake, platform)
        self.roles = {persona.name: self._role(persona, platform) for persona in PERSONAS}
        workspace, engine = self._groups(network)
        subnets = network.vpc.select_subnets(subnet_type=network.subnets.subnet_type).subnet_ids
        self._service_role = WorkspaceRole(
            self, "Service", homes=homes, subnets=subnets, groups=[workspace, engine], platform=platform
        ).role
        self.studio = emr.CfnStudio(
            self,
            "Studio",
            name=studio_name(platform.environment),
            description="Notebooks on Spark, for the people of a persona",
            auth_mode="IAM",
            vpc_id=network.vpc.vpc_id,
            subnet_ids=subnets,
            service_role=self._service_role.role_arn,
            workspace_security_group_id=workspace.security_group_id,
            engine_security_group_id=engine.security_group_id,
            default_s3_location=f"s3://{homes.bucket_name}/{WORKSPACES_PREFIX.rstrip('/')}",
            encryption_key_arn=platform.key.key_arn,
        )
        self.studio.node.add_dependency(self._service_role)

    def let_open(self, persona: str, opener: iam.IRole) -> None:
        """Let a role work in the studio, and run its notebooks as the role of a persona."""
        allow(
            opener,
            ("elasticmapreduce:CreateStudioPresignedUrl", "elasticmapreduce:DescribeStudio"),
            self.studio.attr_arn,
        )
        allow(opener, _EDITORS, "*")
        allow(opener, _USE_APPLICATION, self.application.arn)
        _let_pass(opener, self.roles[persona], PRINCIPAL)
        _let_pass(opener, self._service_role, "elasticmapreduce.amazonaws.com")
        reason = "a workspace has no ARN before it is made, and lists accept none; the studio's URL is for its persona"
        acknowledge(opener, {"IAM5[Resource::*]": reason})

    def _application(self, settings: EmrStudioSettings, lake: Lake, platform: Platform) -> SparkApplication:
        stack = cdk.Stack.of(self)
        return SparkApplication(
            self,
            "Application",
            name=_NAME,
            configuration={
                "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
                _SESSION_CATALOG: "org.apache.iceberg.spark.SparkSessionCatalog",
                f"{_SESSION_CATALOG}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
                f"{_SESSION_CATALOG}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
                f"{_SESSION_CATALOG}.warehouse": f"s3://{lake.buckets[Zone.CURATED].bucket_name}/warehouse",
                f"{_SESSION_CATALOG}.client.region": stack.region,
                f"{_SESSION_CATALOG}.glue.account-id": stack.account,
                "spark.sql.session.timeZone": "UTC",
                # By it a notebook finds its databases.
                "spark.c360.environment": platform.environment,
            },
            size=SparkSize(
                workers=settings.workers,
                worker_type="G.1X",
                minutes=_SESSION_MINUTES,
                concurrent_runs=settings.workers // _WORKERS_OF_A_SESSION,
            ),
            beyond=(),
            platform=platform,
            sessions=True,
            idle_minutes=settings.idle_minutes,
        )

    def _groups(self, network: PrivateNetwork) -> tuple[ec2.SecurityGroup, ec2.SecurityGroup]:
        """Create the group of the workspaces, which nobody reaches, and that of engines; AWS documents each rule."""
        workspace = ec2.SecurityGroup(
            self, "Workspaces", vpc=network.vpc, description="Workspaces of EMR Studio", allow_all_outbound=False
        )
        engine = ec2.SecurityGroup(
            self, "Engines", vpc=network.vpc, description="Engines of EMR Studio", allow_all_outbound=False
        )
        workspace.add_egress_rule(engine, ec2.Port.tcp(_ENGINE_PORT), "To engines")
        engine.add_ingress_rule(workspace, ec2.Port.tcp(_ENGINE_PORT), "From workspaces")
        workspace.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(_HTTPS), "AWS's APIs, and Git repositories")
        return workspace, engine

    def _role(self, persona: PersonaDefinition, platform: Platform) -> iam.Role:
        """Create the role of the sessions of a persona; Lake Formation's grants come with the persona."""
        here = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}}
        role = iam.Role(self, f"{persona.name}Role", assumed_by=iam.ServicePrincipal(PRINCIPAL, conditions=here))
        self.application.let_run(role)
        query_lake(role)
        seen = {}
        for zone in persona.zones:
            arns = catalog_arns(self, platform, zone, ["*"])
            allow(role, _CATALOG, *arns)
            seen[wildcard(role, arns[-1])] = "which tables exist is for Lake Formation's tags to say, not for IAM"
        stack = cdk.Stack.of(self)
        # Spark's catalog begins in this database.
        default = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}:database/default"
        allow(role, ("glue:GetDatabase",), default)
        acknowledge(role, seen)
        return role


def _let_pass(starter: iam.IRole, role: iam.IRole, service: str) -> None:
    starter.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": service}},
        )
    )
