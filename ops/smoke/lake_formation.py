"""Lake Formation: the account's defaults, who holds what, and the tags of columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from c360_aws.lake_permissions import EVERYBODY, open_permissions, permissions_on
from c360_core import contracts, projections
from c360_core.names import CATALOGED_ZONES, LakeTag, Zone, database_name, lake_tag_key
from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment

if TYPE_CHECKING:
    from mypy_boto3_lakeformation.type_defs import ResourceUnionTypeDef

ASK_AS_ADMINISTRATOR: Final = "ask as a data lake administrator, whom Lake Formation shows everything"


@check("Lake Formation", fix="let an administrator read step 5 of docs/deploying.md, and add the deployment role")
def settings(deployed: DeployedEnvironment) -> str:
    """The account has administrators, and new databases and tables are not open to everybody."""
    found = deployed.client("lakeformation").get_data_lake_settings()["DataLakeSettings"]
    admins = [admin["DataLakePrincipalIdentifier"] for admin in found.get("DataLakeAdmins", ())]
    wrong = [] if admins else ["nobody is a data lake administrator"]
    wrong += [
        f"{key} still lets IAM alone decide"
        for key in ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions")
        if _opened(found.get(key, ()))
    ]
    return expect(wrong, f"{len(admins)} administrator(s), no open defaults")


@check(
    "Lake Formation grants",
    fix=f"revoke with aws lakeformation revoke-permissions what {EVERYBODY} holds; {ASK_AS_ADMINISTRATOR}",
)
def grants(deployed: DeployedEnvironment) -> str:
    """No database or table of the environment is left to IAM alone, and no database opens its new tables."""
    glue, client = deployed.client("glue"), deployed.client("lakeformation")
    databases = [database_name(deployed.environment, zone) for zone in CATALOGED_ZONES]
    wrong, seen = [], 0
    for database in databases:
        if _opened(glue.get_database(Name=database)["Database"].get("CreateTableDefaultPermissions", ())):
            wrong.append(f"{database} lets IAM alone decide on its new tables")
        held = [*_on_database(deployed, database)]
        if not held:
            wrong.append(f"no grant on {database} is shown to who asks")
        wrong += [
            f"all tables of {database} are open to {EVERYBODY}"
            for one in held
            if "Table" in one["Resource"] and one["Principal"]["DataLakePrincipalIdentifier"] == EVERYBODY
        ]
        wrong += [f"{EVERYBODY} holds {one}" for one in open_permissions(database, glue=glue, lake_formation=client)]
        seen += len(held)
    return expect(wrong, f"{seen} grants on {len(databases)} databases, none to {EVERYBODY}")


def _opened(defaults: Sequence[Mapping[str, Any]]) -> bool:
    return any(one.get("Permissions") for one in defaults)


def _on_database(deployed: DeployedEnvironment, database: str) -> Iterator[Mapping[str, Any]]:
    """Yield the permissions on a database, and on all its tables at once."""
    client, account = deployed.client("lakeformation"), deployed.account
    yield from permissions_on(client, {"Database": {"CatalogId": account, "Name": database}})
    all_tables: ResourceUnionTypeDef = {"Table": {"CatalogId": account, "DatabaseName": database, "TableWildcard": {}}}
    yield from permissions_on(client, all_tables)


@check(
    "column tags",
    fix=f"deploy the governance stack of the zone again; {ASK_AS_ADMINISTRATOR}",
)
def column_tags(deployed: DeployedEnvironment) -> str:
    """Each column has the class of personal data that its contract states, and each database the zone."""
    wrong = [said for zone in CATALOGED_ZONES if (said := _wrong_zone(deployed, zone))]
    tables = contracts.load().lake_tables()
    wrong += [said for table in tables if (said := _wrong_classes(deployed, table))]
    return expect(wrong, f"{len(tables)} tables are tagged as the contracts say")


def _wrong_zone(deployed: DeployedEnvironment, zone: Zone) -> str:
    database = database_name(deployed.environment, zone)
    tags = _tags(deployed, {"Database": {"CatalogId": deployed.account, "Name": database}})
    found = _value(deployed, tags.get("LFTagOnDatabase", ()), LakeTag.ZONE)
    return "" if found == zone else f"{database} has zone={found or 'nothing'}"


def _wrong_classes(deployed: DeployedEnvironment, table: contracts.Table) -> str:
    database = database_name(deployed.environment, table.zone)
    place = {"CatalogId": deployed.account, "DatabaseName": database, "Name": table.name}
    tags = _tags(deployed, {"Table": place})
    kept = {one["Name"]: _value(deployed, one["LFTags"], LakeTag.PII) for one in tags.get("LFTagsOnColumns", ())}
    wrong = [
        f"{column} has pii={kept.get(column) or 'nothing'} instead of {stated}"
        for column, stated in projections.lakeformation_tags(table).items()
        if kept.get(column) != stated
    ]
    return f"{database}.{table.name}: {', '.join(wrong)}" if wrong else ""


def _tags(deployed: DeployedEnvironment, resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tags that were assigned to a resource itself, without those that it inherits."""
    answer: dict[str, Any] = deployed.client("lakeformation").get_resource_lf_tags(
        Resource=resource, ShowAssignedLFTags=True
    )
    return answer


def _value(deployed: DeployedEnvironment, tags: Sequence[Mapping[str, Any]], tag: LakeTag) -> str:
    key = lake_tag_key(deployed.environment, tag)
    return ", ".join(sorted(value for one in tags if one["TagKey"] == key for value in one["TagValues"]))
