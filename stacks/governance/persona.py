"""Roles of people who read the lake. Tags decide which columns they see, not lists of columns."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lakeformation
from constructs import Construct

from c360_core.names import LakeTag, lake_tag_key
from c360_core.personas import PersonaDefinition
from stacks.constructs.grants import query_as, query_warehouse
from stacks.governance.tags import LakeTags
from stacks.shared.bootstrap import deployer_role_arn
from stacks.shared.lake_access import READ, LakeResource, database_resource, grant_in_lake
from stacks.shared.platform import Platform
from stacks.shared.query_places import QueryPlaces, Workbench

_ACCOUNT_PART: Final = 4  # of an ARN


class Persona(Construct):
    """A role that queries the zones of a persona and reads only columns of its classes.

    It has a workgroup to itself. Only the named roles may assume it, and the role that starts deployments: that one
    could change the persona anyway, and so the smoke test can ask as the persona in every account.

    In the warehouse its people have the database's role of the persona. Their notebooks run with roles of their own,
    which have the persona's grants in Lake Formation, and no others.
    """

    role: iam.Role

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        persona: PersonaDefinition,
        tags: LakeTags,
        places: QueryPlaces,
        principals: Sequence[str],
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
        query_as(self.role, persona, places.workgroups[persona.querier], platform)
        self._see("", self.role, persona, tags)
        if places.warehouse_arn is not None and persona.reads_warehouse:
            query_warehouse(self.role, places.warehouse_arn, database_role=persona.database_role)
        for number, workbench in enumerate(places.workbenches):
            self._work_at(workbench, f"Notebooks{number or ''}", persona, tags)

    def _work_at(self, workbench: Workbench, name: str, persona: PersonaDefinition, tags: LakeTags) -> None:
        role = workbench.roles.get(persona.name)
        if role is not None:
            self._see(name, role, persona, tags)
            workbench.let_open(persona.name, self.role)

    def _see(self, name: str, role: iam.IRole, persona: PersonaDefinition, tags: LakeTags) -> None:
        """Grant a role what the persona sees: the zones, and in them the columns of its classes."""
        for zone in persona.zones:
            grant_in_lake(
                self,
                f"{name}Describe{zone.title()}",
                principal=role.role_arn,
                resource=database_resource(self._environment, zone),
                permissions=("DESCRIBE",),
            )
        self._select(name, role, persona, tags)

    def _select(self, name: str, role: iam.IRole, persona: PersonaDefinition, tags: LakeTags) -> None:
        allowed = {
            LakeTag.PII: [str(one) for one in persona.classes],
            LakeTag.ZONE: [str(zone) for zone in persona.zones],
        }
        policy = lakeformation.CfnPrincipalPermissions.LFTagPolicyResourceProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID,
            resource_type="TABLE",
            expression=[
                lakeformation.CfnPrincipalPermissions.LFTagProperty(
                    tag_key=lake_tag_key(self._environment, tag), tag_values=values
                )
                for tag, values in allowed.items()
            ],
        )
        grant = grant_in_lake(
            self,
            f"{name}SelectByTag",
            principal=role.role_arn,
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
