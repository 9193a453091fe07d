"""Lake Formation's permissions as access rules of Trino.

The deployed template's resources (tags, their associations, permissions, settings), what clients grant, and the
catalog's tables become one rules file, which Trino reads again within a second of a change. Three kinds of user exist:

- a **persona** holds by the template read permissions only (SELECT, DESCRIBE), and is no data lake administrator. It
  reads the columns that its permissions name, by tag or by resource, and nothing else. What a client grants it beyond
  that, it may do (INSERT, DELETE, ALTER); whoever was granted something by a client alone is a persona, too, also
  when it was taken back;
- a **trusted** user has full access: the pipelines' roles and administrators, whom IAM governs, the twin's own
  administrator, who is taken for one of the data lake, the account's root, and the twin itself;
- **everyone else** is refused.

What the group of everybody whom IAM allows holds on tables, everyone may do.

A tag on a database holds for its tables and a tag on a table for its columns, unless a nearer one states another value.

What differs from Lake Formation, because Trino checks differently:

- a refused column makes `SELECT *` fail; Lake Formation leaves the column out. Queries that name columns behave alike;
- `SHOW TABLES` and the information schema still list the names of refused tables;
- a table that appears between two refreshes is refused to personas until the next one, never open.

Row filters (data cells filters) are refused with an error, not ignored.
"""

import json
import logging
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from twin.engines.trino import ADMIN, CATALOG, HIVE_CATALOG, SCRATCH_CATALOG
from twin.principals import Principal

LOGGER: Final = logging.getLogger("twin.lake_formation")

Document = dict[str, Any]

_LAKE: Final = f"{CATALOG}|{HIVE_CATALOG}"
_READ_PERMISSIONS: Final = {"SELECT", "DESCRIBE"}
_REFRESH_SECONDS: Final = 1.6  # Trino's refresh period of one second, and a reserve
# Athena's UPDATE and MERGE take DELETE and INSERT; Trino has a privilege for the first.
_PRIVILEGES: Final = {"INSERT": ("INSERT",), "DELETE": ("DELETE", "UPDATE"), "ALTER": ("OWNERSHIP",)}
_ROOT: Final = "root"
_EVERYTHING: Final = ["SELECT", "INSERT", "DELETE", "UPDATE", "OWNERSHIP", "GRANT_SELECT"]

# Everybody whom IAM allows: Lake Formation does not ask on their behalf.
EVERYBODY: Final = "IAM_ALLOWED_PRINCIPALS"
PERMISSIONS_TYPE: Final = "AWS::LakeFormation::PrincipalPermissions"
ASSOCIATION_TYPE: Final = "AWS::LakeFormation::TagAssociation"
SETTINGS_TYPE: Final = "AWS::LakeFormation::DataLakeSettings"


class PermissionsError(ValueError):
    """A permission of the template that cannot be carried over; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogTable:
    """A table or view of the catalog.

    Attributes:
        iceberg: it is a table of Iceberg.
    """

    database: str
    name: str
    columns: tuple[str, ...]
    iceberg: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeFormationResource:
    """One Lake Formation resource with resolved properties, of the deployed template or from a client."""

    type: str
    properties: Document
    by_client: bool = False


def user_name(principal: str) -> str:
    """The engine's user for a principal's ARN: the role's or user's name, whoever assumed the role.

    >>> user_name("arn:aws:sts::123456789012:assumed-role/Analyst/maria")
    'Analyst'
    """
    kind, _, path = principal.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        return path.partition("/")[0]
    return path.rpartition("/")[2] or kind


class Tags:
    """The tag values of databases, tables and columns."""

    def __init__(self, associations: Iterable[Document]) -> None:
        self._stated: dict[tuple[str, ...], dict[str, set[str]]] = defaultdict(dict)
        for association in associations:
            pairs = {pair["TagKey"]: set(pair["TagValues"]) for pair in association["LFTags"]}
            for place in _places(association["Resource"]):
                self._stated[place].update(pairs)

    def stated_on(self, *place: str) -> dict[str, set[str]]:
        """The values that are stated on a database, table or column itself, given by its names from the database."""
        return dict(self._stated.get(place, {}))

    def columns_of(self, database: str, table: str) -> list[str]:
        """The columns of a table on which a value is stated."""
        parent = (database, table)
        return [column for *place, column in self._stated if tuple(place) == parent]

    def of_column(self, table: CatalogTable, column: str) -> dict[str, set[str]]:
        """The values that hold for a column: its own, else the table's, else the database's."""
        places = ((table.database,), (table.database, table.name), (table.database, table.name, column))
        values: dict[str, set[str]] = {}
        for place in places:
            values.update(self._stated.get(place, {}))
        return values


def _places(resource: Document) -> list[tuple[str, ...]]:
    if "Database" in resource:
        return [(resource["Database"]["Name"],)]
    if "Table" in resource:
        table = resource["Table"]
        if "Name" not in table:
            raise PermissionsError(f"a tag on all tables of {table['DatabaseName']}: put it on the database")
        return [(table["DatabaseName"], table["Name"])]
    if "TableWithColumns" in resource:
        table = resource["TableWithColumns"]
        return [(table["DatabaseName"], table["Name"], column) for column in table["ColumnNames"]]
    raise PermissionsError(f"a tag association on {', '.join(resource)} cannot be carried over")


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Who may do what by the permissions that are held.

    Attributes:
        personas: the permissions of each user that the template gives no others than to read, and that is not trusted.
        trusted: the users with full access.
        everybody: the permissions of everybody whom IAM allows.
    """

    personas: Mapping[str, Sequence[Document]]
    trusted: frozenset[str]
    everybody: Sequence[Document]

    @classmethod
    def of(cls, resources: Iterable[LakeFormationResource]) -> "Users":
        """Sort the principals of the Lake Formation resources."""
        granted: dict[str, list[Document]] = defaultdict(list)
        trusted = {ADMIN, Principal.ADMINISTRATOR.value, _ROOT}
        for resource in resources:
            if resource.type == SETTINGS_TYPE:
                admins = resource.properties.get("Admins") or []
                trusted |= {user_name(admin["DataLakePrincipalIdentifier"]) for admin in admins}
            if resource.type == PERMISSIONS_TYPE:
                user = user_name(resource.properties["Principal"]["DataLakePrincipalIdentifier"])
                granted[user].append(resource.properties)
                if not resource.by_client and not set(resource.properties["Permissions"]) <= _READ_PERMISSIONS:
                    trusted.add(user)
        everybody = granted.pop(EVERYBODY, [])
        return cls(
            personas={user: granted[user] for user in sorted(granted.keys() - trusted)},
            trusted=frozenset(trusted),
            everybody=everybody,
        )


def readable(table: CatalogTable, permissions: Iterable[Document], tags: Tags) -> set[str]:
    """The columns of a table that a persona may read.

    Raises:
        PermissionsError: a permission on a resource that cannot be carried over, such as a row filter.
    """
    selects = [p["Resource"] for p in permissions if "SELECT" in p["Permissions"]]
    return {column for resource in selects for column in table.columns if _reaches(resource, table, column, tags)}


def filtered(user: str, resources: Iterable[LakeFormationResource], tables: Iterable[CatalogTable]) -> bool:
    """Say whether columns of one of these tables are closed to a user."""
    stated = list(resources)
    users = Users.of(stated)
    if user in users.trusted:
        return False
    tags = Tags(resource.properties for resource in stated if resource.type == ASSOCIATION_TYPE)
    held = [*users.personas.get(user, ()), *users.everybody]
    return any(readable(table, held, tags) != set(table.columns) for table in tables)


def _privileges(table: CatalogTable, permissions: Iterable[Document]) -> list[str]:
    """Return what a persona may do with a table: to read, and what was granted on the whole of it."""
    whole = [p for p in permissions if "Table" in p["Resource"] and _reaches(p["Resource"], table, "", Tags(()))]
    granted = {permission for p in whole for permission in p["Permissions"]}
    return ["SELECT", *(name for permission, names in _PRIVILEGES.items() if permission in granted for name in names)]


def _reaches(resource: Document, table: CatalogTable, column: str, tags: Tags) -> bool:
    if "LFTagPolicy" in resource:
        policy = resource["LFTagPolicy"]
        values = tags.of_column(table, column)
        return policy["ResourceType"] == "TABLE" and all(
            values.get(term["TagKey"], set()) & set(term["TagValues"]) for term in policy["Expression"]
        )
    if "Table" in resource:
        stated = resource["Table"]
        return (stated["DatabaseName"], stated.get("Name", table.name)) == (table.database, table.name)
    if "TableWithColumns" in resource:
        stated = resource["TableWithColumns"]
        if (stated["DatabaseName"], stated["Name"]) != (table.database, table.name):
            return False
        if "ColumnWildcard" in stated:
            return column not in (stated["ColumnWildcard"].get("ExcludedColumnNames") or ())
        return column in stated["ColumnNames"]
    raise PermissionsError(f"SELECT on {', '.join(resource)} cannot be carried over to the engine's access rules")


def access_rules(resources: Iterable[LakeFormationResource], tables: Iterable[CatalogTable]) -> Document:
    """Build Trino's rules file.

    Args:
        resources: the Lake Formation resources of the deployed template.
        tables: every table and view of the catalog: a column that a persona may not read is refused by its name.

    Raises:
        PermissionsError: a permission that cannot be carried over.
    """
    stated = list(resources)
    tags = Tags(resource.properties for resource in stated if resource.type == ASSOCIATION_TYPE)
    users = Users.of(stated)
    known = sorted(tables, key=lambda table: (table.database, table.name))
    table_rules = [rule for user, held in users.personas.items() for rule in _table_rules(user, held, known, tags)]
    opened = [table for table in known if _opened(table, users.everybody)]
    writers = "|".join(sorted({rule["user"] for rule in table_rules if rule["privileges"] != ["SELECT"]}))
    trusted = "|".join(_exactly(user) for user in sorted(users.trusted))
    return {
        "catalogs": [
            *([{"catalog": _LAKE, "allow": "all"}] if opened else []),
            *([{"user": writers, "catalog": _LAKE, "allow": "all"}] if writers else []),
            {"user": trusted, "allow": "all"},
            {"catalog": _LAKE, "allow": "read-only"},
            {"catalog": SCRATCH_CATALOG, "allow": "all"},
        ],
        "schemas": [
            {"user": trusted, "owner": True},
            {"catalog": SCRATCH_CATALOG, "owner": True},
            {"owner": False},
        ],
        "tables": [
            *({**_place(table), "privileges": _EVERYTHING} for table in opened),
            *table_rules,
            {"user": trusted, "privileges": _EVERYTHING},
            {"catalog": SCRATCH_CATALOG, "privileges": _EVERYTHING},
            {"privileges": []},
        ],
    }


def _opened(table: CatalogTable, everybody: Iterable[Document]) -> bool:
    """Say whether everybody whom IAM allows may use a table; what they hold on its database opens no table."""
    whole = (held["Resource"] for held in everybody if "Table" in held["Resource"] and held["Permissions"])
    return any(_reaches(resource, table, "", Tags(())) for resource in whole)


def _place(table: CatalogTable) -> Document:
    return {"catalog": _LAKE, "schema": _exactly(table.database), "table": _exactly(table.name)}


def _table_rules(user: str, held: Sequence[Document], tables: Iterable[CatalogTable], tags: Tags) -> list[Document]:
    rules = []
    for table in tables:
        allowed = readable(table, held, tags)
        if not allowed:
            continue
        refused = [{"name": column, "allow": False} for column in table.columns if column not in allowed]
        rule: Document = {
            "user": _exactly(user),
            **_place(table),
            "privileges": _privileges(table, held),
        }
        rules.append({**rule, "columns": refused} if refused else rule)
    return rules


def _exactly(text: str) -> str:
    return re.escape(text)


class LakeFormationRules:
    """Keeps Trino's rules file in step with the template and the catalog.

    Args:
        resources: gives the Lake Formation resources of the deployed template.
        glue: boto3 client of the emulator's Glue.
        rules_path: the file that Trino reads.
    """

    def __init__(self, *, resources: Callable[[], list[LakeFormationResource]], glue: Any, rules_path: Path) -> None:
        self._resources = resources
        self._glue = glue
        self._rules_path = rules_path
        self._lock = threading.Lock()

    def before_query(self, user: str) -> None:
        """Bring the rules up to date for whoever is about to ask; fits `Athena(before_query=...)`.

        A trusted user whom the present rules know already need not wait, whatever else has changed.
        """
        if user in Users.of(self._resources()).trusted and self._known_as_trusted(user):
            return
        if self.refresh():
            time.sleep(_REFRESH_SECONDS)

    def _known_as_trusted(self, user: str) -> bool:
        if not self._rules_path.exists():
            return True  # Trino has not started, and begins with open rules
        rules = json.loads(self._rules_path.read_text(encoding="utf-8"))["catalogs"]
        return any(
            rule["allow"] == "all" and "catalog" not in rule and re.fullmatch(rule.get("user", ".*"), user)
            for rule in rules
        )

    def refresh(self) -> bool:
        """Write the rules file; says whether it changed.

        Raises:
            PermissionsError: a permission that cannot be carried over.
        """
        rules = json.dumps(access_rules(self._resources(), self.tables()), indent=1)
        with self._lock:
            if self._rules_path.exists() and self._rules_path.read_text(encoding="utf-8") == rules:
                return False
            self._rules_path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._rules_path.with_suffix(".new")
            fresh.write_text(rules, encoding="utf-8")
            fresh.replace(self._rules_path)  # at once: Trino must never read half a file
        LOGGER.info("access rules written: %s", self._rules_path)
        return True

    def filters(self, user: str, places: Iterable[tuple[str, str]]) -> bool:
        """Say whether columns of one of these tables, by database and name, are closed to a user."""
        wanted = set(places)
        asked = (table for table in self.tables() if (table.database, table.name) in wanted)
        return filtered(user, self._resources(), asked)

    def readable_by(self, user: str) -> list[CatalogTable]:
        """Return the tables of which a user may read something, each with the columns that it may read.

        Raises:
            PermissionsError: a permission that cannot be carried over.
        """
        stated = self._resources()
        users, known = Users.of(stated), self.tables()
        if user in users.trusted:
            return known
        tags = Tags(resource.properties for resource in stated if resource.type == ASSOCIATION_TYPE)
        held = users.personas.get(user, ())
        seen = [(table, readable(table, held, tags)) for table in known]
        return [
            replace(table, columns=tuple(one for one in table.columns if one in columns))
            for table, columns in seen
            if columns
        ]

    def tables(self) -> list[CatalogTable]:
        """Every table and view of the catalog with its columns."""
        found = []
        for page in self._glue.get_paginator("get_databases").paginate():
            for database in page["DatabaseList"]:
                found.extend(self._tables_of(database["Name"]))
        return found

    def _tables_of(self, database: str) -> list[CatalogTable]:
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=database)
        return [
            CatalogTable(
                database=database,
                name=table["Name"],
                columns=_columns(table),
                iceberg=str((table.get("Parameters") or {}).get("table_type", "")).upper() == "ICEBERG",
            )
            for page in pages
            for table in page["TableList"]
        ]


def _columns(table: Mapping[str, Any]) -> tuple[str, ...]:
    stated = (table.get("StorageDescriptor") or {}).get("Columns") or []
    return tuple(column["Name"].lower() for column in [*stated, *(table.get("PartitionKeys") or [])])
