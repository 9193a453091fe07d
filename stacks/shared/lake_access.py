"""Who works with which zone of the lake, as Lake Formation has to know it, and the grants that say so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lakeformation
from constructs import Construct

from c360_core.names import Zone, database_name

READ: Final = ("SELECT", "DESCRIBE")
WRITE: Final = (*READ, "INSERT", "DELETE", "ALTER")
LakeResource = lakeformation.CfnPrincipalPermissions.ResourceProperty


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeAccess:
    """One role's work in one zone.

    Attributes:
        name: names the grant, unique in the environment.
        role: who works.
        zone: where.
        writes: changes the data of tables, beside reading them.
        creates: makes and drops tables and views.
    """

    name: str
    role: iam.IRole
    zone: Zone
    writes: bool = False
    creates: bool = False


def grant_in_lake(
    scope: Construct, id_: str, *, principal: str, resource: LakeResource, permissions: Sequence[str]
) -> lakeformation.CfnPrincipalPermissions:
    """Let a principal, by its ARN, do something with a resource of the lake; nobody may hand it on."""
    return lakeformation.CfnPrincipalPermissions(
        scope,
        id_,
        principal=lakeformation.CfnPrincipalPermissions.DataLakePrincipalProperty(
            data_lake_principal_identifier=principal
        ),
        resource=resource,
        permissions=list(permissions),
        permissions_with_grant_option=[],
    )


def database_resource(environment: str, zone: Zone) -> LakeResource:
    """Return the database of a zone, as what a grant is about."""
    return LakeResource(
        database=lakeformation.CfnPrincipalPermissions.DatabaseResourceProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID, name=database_name(environment, zone)
        )
    )


def tables_resource(environment: str, zone: Zone) -> LakeResource:
    """Return all tables of a zone, as what a grant is about."""
    return LakeResource(
        table=lakeformation.CfnPrincipalPermissions.TableResourceProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID, database_name=database_name(environment, zone), table_wildcard={}
        )
    )
