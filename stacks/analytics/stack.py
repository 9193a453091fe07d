"""Analytics: workgroup, named queries, marts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import Zone
from config.analytics import AnalyticsSettings
from stacks.analytics.models import SOURCES, Models
from stacks.analytics.workgroup import NamedQueries, Workgroup
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform


class AnalyticsStack(cdk.Stack):
    """Owns the workgroup and the build of the marts."""

    workgroup: Workgroup
    models: Models
    lake_access: Sequence[LakeAccess]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        buckets: Mapping[Zone, s3.IBucket],
        settings: AnalyticsSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: queries and marts")
        self.workgroup = Workgroup(
            self,
            "Workgroup",
            buckets=buckets,
            scan_limit_gigabytes=settings.scan_limit_gigabytes,
            platform=platform,
        )
        NamedQueries(
            self,
            "Queries",
            folder=Path(platform.assets.named_queries),
            workgroup=self.workgroup,
            platform=platform,
        )
        self.models = Models(
            self, "Models", buckets=buckets, workgroup=self.workgroup, settings=settings, platform=platform
        )
        self.lake_access = [
            LakeAccess(name="ModelsRaw", role=self.models.role, zone=Zone.RAW, tables=SOURCES[Zone.RAW]),
            LakeAccess(
                name="ModelsCurated",
                role=self.models.role,
                zone=Zone.CURATED,
                creates=True,
                tables=SOURCES[Zone.CURATED],
            ),
            LakeAccess(name="ModelsProducts", role=self.models.role, zone=Zone.PRODUCTS, writes=True, creates=True),
        ]
        cdk.CfnOutput(self, "WorkgroupName", value=self.workgroup.name)
        cdk.CfnOutput(self, "ModelsProjectName", value=self.models.project.ref)
        cdk.CfnOutput(self, "BuildModelsStateMachineArn", value=self.models.machine.state_machine_arn)
