"""Roles of people who read the lake. Tags decide which columns they see, not lists of columns."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lakeformation
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.names import LakeTag, Zone, lake_tag_key
from c360_core.personas import PersonaDefinition
from stacks.constructs.grants import catalog_arns, query_lake, read_tables, use_workgroup, write_objects
from stacks.constructs.nag import acknowledge, wildcard
from stacks.governance.tags import LakeTags
from stacks.shared.lake import QUERY_RESULTS
from stacks.shared.lake_access import READ, LakeResource, database_resource, grant_in_lake
from stacks.shared.platform import Platform


class Persona(Construct):
    """A role that queries the zones of a persona and reads only columns of its classes."""

    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        persona: PersonaDefinition,
        tags: LakeTags,
        workgroup_arn: str,
        buckets: Mapping[Zone, s3.IBucket],
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = platform.environment
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.AccountPrincipal(cdk.Aws.ACCOUNT_ID),
            max_session_duration=cdk.Duration.hours(4),
        )
        use_workgroup(self.role, workgroup_arn)
        write_objects(self.role, buckets[Zone.RESULTS], QUERY_RESULTS)
        query_lake(self.role)
        for zone in persona.zones:
            read_tables(self.role, platform, zone, ["*"])
            seen = wildcard(self.role, catalog_arns(self.role, platform, zone, ["*"])[-1])
            acknowledge(self.role, {seen: "which tables exist is for Lake Formation's tags to say, not for IAM"})
            self._describe(zone)
        self._select(persona, tags)

    def _describe(self, zone: Zone) -> None:
        grant_in_lake(
            self,
            f"Describe{zone.title()}",
            principal=self.role.role_arn,
            resource=database_resource(self._environment, zone),
            permissions=("DESCRIBE",),
        )

    def _select(self, persona: PersonaDefinition, tags: LakeTags) -> None:
        allowed = {
            LakeTag.PII: [str(one) for one in persona.classes],
            LakeTag.ZONE: [str(zone) for zone in persona.zones],
        }
        policy = lakeformation.CfnPrincipalPermissions.LFTagPolicyResourceProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID,
            resource_type="TABLE",
            expression=[
                lakeformation.CfnPrincipalPermissions.LFTagProperty(
                    tag_key=lake_tag_key(self._environment, name), tag_values=values
                )
                for name, values in allowed.items()
            ],
        )
        grant = grant_in_lake(
            self,
            "SelectByTag",
            principal=self.role.role_arn,
            resource=LakeResource(lf_tag_policy=policy),
            permissions=READ,
        )
        grant.node.add_dependency(*tags.tags)
