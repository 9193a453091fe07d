"""Roles of people who read the lake. Tags decide which columns they see, not lists of columns."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lakeformation
from constructs import Construct

from c360_core.names import LakeTag, Zone, lake_tag_key
from c360_core.personas import PersonaDefinition
from stacks.constructs.grants import allow, browse_tables, catalog_arns, query_in, query_lake, query_warehouse
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.workgroup import Workgroup
from stacks.governance.tags import LakeTags
from stacks.shared.bootstrap import deployer_role_arn
from stacks.shared.lake_access import READ, LakeResource, database_resource, grant_in_lake
from stacks.shared.platform import Platform

_ACCOUNT_PART: Final = 4  # of an ARN
# What a person does in the console or with a JDBC driver, beside running queries; EXECUTE asks for what was prepared.
_WORK_IN_WORKGROUP: Final = (
    "athena:BatchGetNamedQuery",
    "athena:BatchGetQueryExecution",
    "athena:GetNamedQuery",
    "athena:GetPreparedStatement",
    "athena:GetQueryResultsStream",
    "athena:ListNamedQueries",
    "athena:ListPreparedStatements",
    "athena:ListQueryExecutions",
)


class Persona(Construct):
    """A role that queries the zones of a persona and reads only columns of its classes.

    It has a workgroup to itself. Only the named roles may assume it, and the role that starts deployments: that one
    could change the persona anyway, and so the smoke test can ask as the persona in every account.

    In the warehouse its people have the database's role of the persona.
    """

    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        persona: PersonaDefinition,
        tags: LakeTags,
        workgroup: Workgroup,
        principals: Sequence[str],
        warehouse_arn: str | None,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = platform.environment
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.CompositePrincipal(*map(_trusted, (deployer_role_arn(), *principals))),
            max_session_duration=cdk.Duration.hours(4),
        )
        query_in(self.role, workgroup)
        allow(self.role, _WORK_IN_WORKGROUP, workgroup.arn)
        query_lake(self.role)
        for zone in persona.zones:
            browse_tables(self.role, platform, zone)
            seen = wildcard(self.role, catalog_arns(self.role, platform, zone, ["*"])[-1])
            acknowledge(self.role, {seen: "which tables exist is for Lake Formation's tags to say, not for IAM"})
            self._describe(zone)
        self._select(persona, tags)
        if warehouse_arn is not None and persona.reads_warehouse:
            query_warehouse(self.role, warehouse_arn, database_role=persona.database_role)

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


def _trusted(role_arn: str) -> iam.PrincipalBase:
    """Return the principal of a role; IAM allows `*` in a condition, not in a principal."""
    if not role_arn.endswith("*"):
        return iam.ArnPrincipal(role_arn)
    account = iam.AccountPrincipal(role_arn.split(":")[_ACCOUNT_PART])
    return account.with_conditions({"ArnLike": {"aws:PrincipalArn": role_arn}})
