"""What a role of Entity Resolution needs to read the table that a schema mapping describes."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_entityresolution as entityresolution
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lakeformation as lakeformation
from constructs import Construct

from c360_core.names import TableName, Zone
from stacks.constructs.grants import allow, catalog_arns, query_lake
from stacks.shared.lake_access import READ, database_resource, grant_in_lake, table_resource
from stacks.shared.platform import Platform

_READ_CATALOG: Final = (
    "glue:GetDatabase",
    "glue:GetTable",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:GetSchema",
    "glue:GetSchemaVersion",
    "glue:BatchGetPartition",
)


def entity_resolution(scope: Construct) -> iam.ServicePrincipal:
    """Return the service, for this account alone."""
    here = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}}
    return iam.ServicePrincipal("entityresolution.amazonaws.com", conditions=here)


def look_up_input(
    role: iam.Role, schema: entityresolution.CfnSchemaMapping, platform: Platform, zone: Zone, table: TableName
) -> None:
    """Let a role look up its input in the catalog, ask Lake Formation for it, and read what its columns mean."""
    allow(role, _READ_CATALOG, *catalog_arns(role, platform, zone, [table]))
    query_lake(role)
    allow(role, ("entityresolution:GetSchemaMapping",), schema.attr_schema_arn)


def grant_input(
    scope: Construct, id_: str, *, role: iam.Role, platform: Platform, zone: Zone, table: TableName
) -> Sequence[lakeformation.CfnPrincipalPermissions]:
    """Let a role describe a zone's database and read its input; in sequence, because parallel grants can conflict.

    Entity Resolution looks as soon as what uses the role is made. The last grant is that on the table.
    """
    see = grant_in_lake(
        scope,
        "SeeDatabase",
        principal=role.role_arn,
        resource=database_resource(platform.environment, zone),
        permissions=("DESCRIBE",),
    )
    read = grant_in_lake(
        scope,
        id_,
        principal=role.role_arn,
        resource=table_resource(platform.environment, zone, table),
        permissions=READ,
    )
    read.node.add_dependency(see)
    return [see, read]
