"""Governance: one stack for the whole lake, and one for each queried zone."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import Zone
from c360_core.personas import MARKETING_ANALYST
from config.governance import GovernanceSettings
from stacks.governance.data_events import DataEvents
from stacks.governance.lake_defaults import ClosedDatabase, LakeDefaults
from stacks.governance.locations import LakeLocations
from stacks.governance.persona import Persona
from stacks.governance.retention import Retention
from stacks.governance.tags import LakeTags
from stacks.governance.zone_grants import ZoneGrants
from stacks.governance.zone_tags import ZoneTags
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform
from stacks.shared.query_places import QueryPlaces


class GovernanceStack(cdk.Stack):
    """Owns Lake Formation's tags, the registered locations, the personas, what closes the databases, and the trail.

    Rows whose retention has ended are deleted from here, too, where the settings ask for it. There is
    a trail of data events where there is a bucket for its records.
    """

    defaults: LakeDefaults
    marketing_analyst: Persona
    retention: Retention | None

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        places: QueryPlaces,
        single_view: dynamodb.ITableV2,
        data_event_log: s3.IBucket | None,
        settings: GovernanceSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: tags, locations, personas")
        tags = LakeTags(self, "Tags", environment=platform.environment)
        LakeLocations(self, "Locations", buckets=lake.buckets)
        self.defaults = LakeDefaults(self, "Defaults", platform=platform)
        self.marketing_analyst = Persona(
            self,
            MARKETING_ANALYST.name,
            persona=MARKETING_ANALYST,
            tags=tags,
            places=places,
            principals=settings.marketing_analyst_role_arns,
            platform=platform,
        )
        cdk.CfnOutput(self, MARKETING_ANALYST.role_output, value=self.marketing_analyst.role.role_arn)
        self.retention = (
            Retention(self, "Retention", lake=lake, settings=settings.retention, platform=platform)
            if settings.retention.enforced
            else None
        )
        if self.retention is not None:
            cdk.CfnOutput(self, "EnforceRetentionStateMachineArn", value=self.retention.machine.state_machine_arn)
        if data_event_log is not None:
            DataEvents(
                self,
                "DataEvents",
                buckets=lake.buckets,
                single_view=single_view,
                log=data_event_log,
                platform=platform,
            )


class ZoneGovernanceStack(cdk.Stack):
    """Closes one zone's database, and owns the tags on it and on its columns, and the pipelines' grants in it.

    CloudFormation takes 500 resources in a stack, and each table needs several associations.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        zone: Zone,
        lake: Lake,
        access: Sequence[LakeAccess],
        governance: GovernanceStack,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description=f"Customer 360: tags and grants of the {zone} zone")
        tables = [table for table in lake.tables() if table.zone is zone]
        ClosedDatabase(
            self,
            "Defaults",
            zone=zone,
            tables=[table.name for table in tables],
            defaults=governance.defaults,
            platform=platform,
        )
        ZoneTags(self, "Tags", zone=zone, tables=tables, platform=platform)
        ZoneGrants(self, "Grants", zone=zone, access=access, bucket=lake.buckets[zone], platform=platform)
        # Tags and locations are referred to by name, so the CDK does not see the dependency.
        self.add_stack_dependency(governance)
