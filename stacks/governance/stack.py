"""Right people, right data, right reason: tags from the contracts, grants to roles, personas."""

from collections.abc import Sequence

import aws_cdk as cdk
from constructs import Construct

from c360_core.names import PiiClass
from stacks.governance.lake_grants import LakeGrants, LakeLocations
from stacks.governance.lake_tags import LakeTags
from stacks.governance.persona import Persona
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform


class GovernanceStack(cdk.Stack):
    """Owns Lake Formation's tags, locations and grants."""

    marketing_analyst: Persona

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        access: Sequence[LakeAccess],
        workgroup_arn: str,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: tags, grants, personas")
        tags = LakeTags(self, "Tags", agreed=lake.contracts, platform=platform)
        locations = LakeLocations(self, "Locations", buckets=lake.buckets, platform=platform)
        LakeGrants(self, "Grants", access=access, buckets=lake.buckets, locations=locations, platform=platform)
        self.marketing_analyst = Persona(
            self,
            "MarketingAnalyst",
            classes=[PiiClass.NONE, PiiClass.PSEUDONYMOUS],
            tags=tags,
            workgroup_arn=workgroup_arn,
            buckets=lake.buckets,
            platform=platform,
        )
        cdk.CfnOutput(self, "MarketingAnalystRoleArn", value=self.marketing_analyst.role.role_arn)
