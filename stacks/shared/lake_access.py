"""Which role uses which zone of the lake, and the Lake Formation grants for it."""

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
    """The access of one role to one zone.

    Attributes:
        name: names the grant, unique in the environment.
        role: the role that gets access.
        zone: the zone that it uses.
        writes: the role changes the data of tables, besides reading it.
        creates: the role creates and drops tables and views; what it creates, it may read and change.
        tables: the tables that the role uses; empty for all of the zone.
        granted: the role's own stack grants the database and the tables, because the role works before the zone is
            governed.
    """

    name: str
    role: iam.IRole
    zone: Zone
    writes: bool = False
    creates: bool = False
    tables: Sequence[str] = ()
    granted: bool = False

    @property
    def places_tables(self) -> bool:
        """Whether the role creates tables, or changes entries of the catalog: each Iceberg commit does.

        Both take the location of the table's data.
        """
        return self.writes or self.creates


def grant_in_lake(
    scope: Construct,
    id_: str,
    *,
    principal: str,
    resource: LakeResource,
    permissions: Sequence[str],
    revokes: bool = False,
) -> lakeformation.CfnPrincipalPermissions:
    """Grant permissions on a resource of the lake to a principal, given by its ARN.

    With `revokes` it holds the grant option, which Lake Formation asks of those who revoke, and may use the permissions
    that it holds as far as IAM lets it.
    """
    return lakeformation.CfnPrincipalPermissions(
        scope,
        id_,
        principal=lakeformation.CfnPrincipalPermissions.DataLakePrincipalProperty(
            data_lake_principal_identifier=principal
        ),
        resource=resource,
        permissions=list(permissions),
        permissions_with_grant_option=list(permissions) if revokes else [],
    )


def database_resource(environment: str, zone: Zone) -> LakeResource:
    """Return the resource of a grant on a zone's database."""
    return LakeResource(
        database=lakeformation.CfnPrincipalPermissions.DatabaseResourceProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID, name=database_name(environment, zone)
        )
    )


def table_resource(environment: str, zone: Zone, table: str) -> LakeResource:
    """Return the resource of a grant on one table."""
    return LakeResource(
        table=lakeformation.CfnPrincipalPermissions.TableResourceProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID, database_name=database_name(environment, zone), name=table
        )
    )


def tables_resource(environment: str, zone: Zone) -> LakeResource:
    """Return the resource of a grant on all tables of a zone."""
    return LakeResource(
        table=lakeformation.CfnPrincipalPermissions.TableResourceProperty(
            catalog_id=cdk.Aws.ACCOUNT_ID, database_name=database_name(environment, zone), table_wildcard={}
        )
    )
