"""What Lake Formation leaves to IAM alone: the permissions of the group `IAM_ALLOWED_PRINCIPALS`.

While the group has permissions on a database or table, every principal that IAM allows reads it, whatever the tags and
grants say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_lakeformation import LakeFormationClient
    from mypy_boto3_lakeformation.type_defs import PrincipalResourcePermissionsTypeDef, ResourceUnionTypeDef

EVERYBODY: Final = "IAM_ALLOWED_PRINCIPALS"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPermission:
    """Permissions that the group has on one resource.

    Attributes:
        name: the database, or the database and the table with a dot between.
        entry: the permissions as Lake Formation lists them.
    """

    name: str
    entry: "PrincipalResourcePermissionsTypeDef"

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(sorted(self.entry.get('Permissions', ())))}"


def open_permissions(
    database: str, *, glue: "GlueClient", lake_formation: "LakeFormationClient"
) -> list[OpenPermission]:
    """Return the group's permissions on a database and on each of its tables and views.

    Args:
        database: its name in the catalog.
        glue: lists the tables that the caller may see: a data lake administrator sees all of them.
        lake_formation: lists the permissions on what the caller may grant.

    Raises:
        ClientError: the database does not exist, or the caller may not ask.
    """
    found = [
        _open(database, entry)
        for entry in permissions_on(lake_formation, {"Database": {"Name": database}}, principal=EVERYBODY)
    ]
    for page in glue.get_paginator("get_tables").paginate(DatabaseName=database):
        for table in page["TableList"]:
            name = table["Name"]
            found += [_open(f"{database}.{name}", entry) for entry in _on_table(lake_formation, database, name)]
    return found


def _open(name: str, entry: "PrincipalResourcePermissionsTypeDef") -> OpenPermission:
    return OpenPermission(name=name, entry=entry)


def _on_table(client: "LakeFormationClient", database: str, name: str) -> "list[PrincipalResourcePermissionsTypeDef]":
    try:
        resource: ResourceUnionTypeDef = {"Table": {"DatabaseName": database, "Name": name}}
        return list(permissions_on(client, resource, principal=EVERYBODY))
    except client.exceptions.EntityNotFoundException:
        return []  # dropped since the tables were listed, and its permissions with it


def permissions_on(
    client: "LakeFormationClient", resource: "ResourceUnionTypeDef", *, principal: str = ""
) -> "Iterator[PrincipalResourcePermissionsTypeDef]":
    """Yield the permissions on a resource, of everybody or of one principal, as far as Lake Formation shows them."""
    asked: dict[str, Any] = {"Resource": resource}
    if principal:
        asked["Principal"] = {"DataLakePrincipalIdentifier": principal}
    while True:
        answer = client.list_permissions(**asked)
        for entry in answer["PrincipalResourcePermissions"]:
            if entry.get("Permissions"):
                yield entry
        if not answer.get("NextToken"):  # a page may be empty, and not the last
            return
        asked["NextToken"] = answer["NextToken"]
