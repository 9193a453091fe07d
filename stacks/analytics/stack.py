"""Analytics: workgroups, named queries, marts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import Querier, Zone
from config.analytics import AnalyticsSettings
from stacks.analytics.models import SOURCES, Models
from stacks.analytics.named_queries import NamedQueries
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform


class AnalyticsStack(cdk.Stack):
    """Owns a workgroup for each kind of queriers, and the build of the marts."""

    workgroups: Mapping[Querier, Workgroup]
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
        self.workgroups = {
            querier: Workgroup(
                self,
                f"{pascal_case(querier)}Workgroup",
                querier=querier,
                results=buckets[Zone.RESULTS],
                scan_limit_gigabytes=settings.scan_limit_gigabytes,
                platform=platform,
            )
            for querier in Querier
        }
        NamedQueries(
            self,
            "Queries",
            folder=Path(platform.assets.named_queries),
            workgroup=self.workgroups[Querier.MARKETING_ANALYST],
            platform=platform,
        )
        self.models = Models(
            self,
            "Models",
            buckets=buckets,
            workgroup=self.workgroups[Querier.MODELS],
            settings=settings,
            platform=platform,
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
        for querier, workgroup in self.workgroups.items():
            cdk.CfnOutput(self, f"{pascal_case(querier)}WorkgroupName", value=workgroup.name)
        cdk.CfnOutput(self, "ModelsProjectName", value=self.models.project.ref)
        cdk.CfnOutput(self, "BuildModelsStateMachineArn", value=self.models.machine.state_machine_arn)
