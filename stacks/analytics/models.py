"""The marts: a build of the dbt project."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.names import MARTS_PREFIX, TableName, Zone, reference_table
from config.analytics import AnalyticsSettings
from stacks.analytics.table_quality import TableQuality
from stacks.constructs.grants import (
    allow,
    catalog_arns,
    query_in,
    query_lake,
    write_objects,
)
from stacks.constructs.log_group import log_group
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.retries import wait_for_capacity
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.constructs.workgroup import Workgroup
from stacks.shared.lake import Lake
from stacks.shared.platform import Platform

_NAME: Final = "BuildModels"
STAGING_VIEWS: Final = "stg_*"
SOURCES: Final[Mapping[Zone, Sequence[str]]] = {
    Zone.RAW: (TableName.INTERACTIONS,),
    Zone.CURATED: (
        TableName.IDENTITY_MAP,
        TableName.IDENTITY_RECORDS,
        TableName.IDENTIFIER_MAP,
        TableName.PROFILES,
        TableName.SEGMENT_MEMBERSHIP,
        reference_table("demographics"),
        reference_table("credit_bands"),
        reference_table("advertising_audiences"),
    ),
}
_READ: Final = ("glue:GetDatabase", "glue:GetTable")
_REPLACE_VIEWS: Final = (*_READ, "glue:GetTableVersions", "glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable")
_REPLACE_TABLES: Final = (*_REPLACE_VIEWS, "glue:GetDatabases", "glue:GetTables")
# A build replaces the partition of the one table that is no Iceberg table.
_REPLACE_PARTITIONS: Final = (
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:BatchCreatePartition",
    "glue:CreatePartition",
    "glue:DeletePartition",
)
_BUILD: Final = {
    "version": "0.2",
    "phases": {
        "install": {
            # `./c360 lock` resolves for this version: dbt's pins have no wheels for 3.13.
            "runtime-versions": {"python": "3.12"},
            "commands": ["pip install --quiet --require-hashes --requirement requirements.txt"],
        },
        "build": {"commands": ["dbt build --project-dir sql --profiles-dir sql $DBT_OPTIONS"]},
    },
}


class Models(Construct):
    """A CodeBuild project that runs `dbt build`, and the state machine that runs it, nightly when switched on."""

    project: codebuild.CfnProject
    role: iam.Role
    machine: sfn.StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        workgroup: Workgroup,
        settings: AnalyticsSettings,
        bus: events.IEventBus,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        buckets = lake.buckets
        self._gated, self._shares, self._maps = settings.quality.deployed, lake.is_shared, lake.is_mapped
        self._advertised = lake.advertised
        source = s3_assets.Asset(self, "Source", path=platform.assets.dbt_project)
        self.role = self._role(source, buckets, workgroup, platform)
        self.project = self._project(source, buckets, workgroup, platform)
        self.project.node.add_dependency(self.role)
        project = codebuild.Project.from_project_name(self, "Built", self.project.ref)
        build = tasks.CodeBuildStartBuild(
            self, "Build", project=project, integration_pattern=sfn.IntegrationPattern.RUN_JOB
        )
        wait_for_capacity(build, "CodeBuild")
        run = StateMachine(
            self, "Run", name=_NAME, platform=platform, steps=build, subject="the marts could not be built"
        )
        self.machine = run.machine
        if not (settings.nightly_models or self._gated):
            return
        rules = StartRules(self, machine=run, platform=platform)
        if settings.nightly_models:
            rules.nightly("Nightly", description="Build the marts every night", hour_utc=settings.nightly_hour_utc)
        if self._gated:
            rules.on_event(
                "Recovered",
                description="A table keeps its rules again: build the marts that waited for it",
                bus=bus,
                pattern=TableQuality.recoveries(),
            )

    def _project(
        self, source: s3_assets.Asset, buckets: Mapping[Zone, s3.IBucket], workgroup: Workgroup, platform: Platform
    ) -> codebuild.CfnProject:
        logs = log_group(self, "Logs", platform=platform)
        logs.grant_write(self.role)
        marts = f"s3://{buckets[Zone.PRODUCTS].bucket_name}/{MARTS_PREFIX}"
        variables = {
            "C360_ENVIRONMENT": platform.environment,
            "C360_WORKGROUP": workgroup.name,
            "C360_MARTS_LOCATION": marts,
            "C360_QUALITY_GATE": str(self._gated).lower(),  # whether what depends on a failed table is held back
            "C360_CLEAN_ROOM": str(self._shares).lower(),  # whether what partners may ask about is built
            "C360_SHARED_IDENTITIES": str(self._maps).lower(),
            "C360_AUDIENCE_SEGMENTS": ",".join(self._advertised),  # whose members advertising platforms are told of
            "DBT_OPTIONS": "",  # for one build, by an override: --full-refresh
        }
        project = codebuild.CfnProject
        built = project(
            self,
            "Project",
            description="Builds and tests the marts with dbt",
            service_role=self.role.role_arn,
            encryption_key=platform.key.key_arn,
            timeout_in_minutes=60,
            concurrent_build_limit=1,
            artifacts=project.ArtifactsProperty(type="NO_ARTIFACTS"),
            source=project.SourceProperty(
                type="S3",
                location=f"{source.s3_bucket_name}/{source.s3_object_key}",
                build_spec=cdk.Stack.of(self).to_json_string(_BUILD),
            ),
            environment=project.EnvironmentProperty(
                type="ARM_CONTAINER",
                compute_type="BUILD_GENERAL1_SMALL",
                image="aws/codebuild/amazonlinux-aarch64-standard:4.0",
                environment_variables=[
                    project.EnvironmentVariableProperty(name=name, value=value) for name, value in variables.items()
                ],
            ),
            logs_config=project.LogsConfigProperty(
                cloud_watch_logs=project.CloudWatchLogsConfigProperty(status="ENABLED", group_name=logs.log_group_name)
            ),
        )
        acknowledge(built, {"CodeBuildProjectSourceRepoUrl": "the source is an asset in S3, read with the role"})
        return built

    def _role(
        self, source: s3_assets.Asset, buckets: Mapping[Zone, s3.IBucket], workgroup: Workgroup, platform: Platform
    ) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"))
        allow(role, ("s3:GetObject", "s3:GetObjectVersion"), source.bucket.arn_for_objects(source.s3_object_key))
        query_in(role, workgroup)
        query_lake(role)
        # dbt drops the temporary tables of incremental models, whose files lie among the results.
        allow(role, ("s3:DeleteObject",), workgroup.results.arn_for_objects(f"{workgroup.prefix}*"))
        # Athena reads with credentials from Lake Formation. It uses the caller's own for CTAS, OPTIMIZE and VACUUM on
        # Iceberg tables in a registered location; and dbt lists and deletes the files of a table that it replaces.
        write_objects(role, buckets[Zone.PRODUCTS], MARTS_PREFIX)
        allow(role, ("s3:GetBucketLocation",), buckets[Zone.PRODUCTS].bucket_arn)
        self._catalog(role, platform)
        return role

    def _catalog(self, role: iam.Role, platform: Platform) -> None:
        for zone, tables in SOURCES.items():
            allow(role, _READ, *catalog_arns(role, platform, zone, tables))
        allow(role, _REPLACE_VIEWS, *catalog_arns(role, platform, Zone.CURATED, [STAGING_VIEWS]))
        allow(role, _REPLACE_TABLES, *catalog_arns(role, platform, Zone.PRODUCTS, ["*"]))
        if self._maps:
            allow(
                role, _REPLACE_PARTITIONS, *catalog_arns(role, platform, Zone.PRODUCTS, [TableName.SHARED_IDENTITIES])
            )
        # dbt looks in the database of its views for what exists, which Glue authorizes on every table of it.
        allow(role, ("glue:GetTables",), *catalog_arns(role, platform, Zone.CURATED, ["*"]))
        named = "dbt creates these tables and views under names that its models give"
        listed = "Glue lists a database's tables as a whole; Lake Formation shows those that the role has grants on"
        reasons = {
            (Zone.CURATED, STAGING_VIEWS): named,
            (Zone.PRODUCTS, "*"): named,
            (Zone.CURATED, "*"): listed,
        }
        acknowledge(
            role,
            {
                wildcard(role, catalog_arns(role, platform, zone, [pattern])[-1]): reason
                for (zone, pattern), reason in reasons.items()
            },
        )
