"""Lake Formation as its clients know it: the account's settings, and permissions beside those of the template."""

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from twin.emulator.wire import ServiceError
from twin.providers.lake_formation.rules import (
    ASSOCIATION_TYPE,
    EVERYBODY,
    PERMISSIONS_TYPE,
    SETTINGS_TYPE,
    CatalogTable,
    LakeFormationResource,
    Tags,
)

Document = dict[str, Any]

_EVERYBODY: Final = {"DataLakePrincipalIdentifier": EVERYBODY}
_OPEN: Final = [{"Principal": _EVERYBODY, "Permissions": ["ALL"]}]
ACCOUNT_SETTINGS: Final[Document] = {
    "CreateDatabaseDefaultPermissions": _OPEN,
    "CreateTableDefaultPermissions": _OPEN,
}


class Grants:
    """Permissions by principal and resource, for as long as the emulator runs.

    Whoever was granted something stays known when it is taken back: as somebody without permissions.

    Args:
        tables: gives the tables of the catalog: permissions are for what exists.
    """

    def __init__(self, *, tables: Callable[[], Iterable[CatalogTable]]) -> None:
        self._tables = tables
        self._held: dict[str, Document] = {}
        self._lock = threading.Lock()

    def grant(self, request: Document) -> None:
        """Add permissions to those that a principal holds on a resource.

        Raises:
            ServiceError: the catalog has no such table or column.
        """
        self._check(request["Resource"])
        with self._lock:
            entry = self._held.setdefault(_place(request), _nothing_on(request))
            entry["Permissions"] = sorted({*entry["Permissions"], *request["Permissions"]})

    def revoke(self, request: Document) -> None:
        """Take permissions away.

        Raises:
            ServiceError: the principal does not hold all of them.
        """
        with self._lock:
            held = self._held.get(_place(request), _nothing_on(request))["Permissions"]
            missing = sorted(set(request["Permissions"]) - set(held))
            if missing:
                message = f"No permissions revoked. Grantee does not have: {missing}"
                raise ServiceError("InvalidInputException", message)
            self._held[_place(request)]["Permissions"] = sorted(set(held) - set(request["Permissions"]))

    def open_database(self, name: str, *, tables: bool) -> None:
        """Grant everybody whom IAM allows everything on a new database, as AWS does while the account's defaults stand.

        The twin does so whatever the deployed settings say, because CloudFormation is reported to ignore empty lists.

        Args:
            name: the database.
            tables: the database leaves it to the account what its new tables get, so they are open as well.
        """
        opened: list[Document] = [{"Database": {"Name": name}}]
        if tables:
            opened.append({"Table": {"DatabaseName": name, "TableWildcard": {}}})
        with self._lock:
            for resource in opened:
                entry = {"Principal": _EVERYBODY, "Resource": resource, "Permissions": ["ALL"]}
                self._held[_place(entry)] = entry

    def forget_database(self, name: str) -> None:
        """Forget what is held on a database that was dropped, and on its tables."""
        with self._lock:
            self._held = {place: held for place, held in self._held.items() if _database(held["Resource"]) != name}

    def resources(self) -> list[LakeFormationResource]:
        """Return what is held, as resources beside those of the template."""
        with self._lock:
            held = [dict(entry) for entry in self._held.values()]
        return [LakeFormationResource(type=PERMISSIONS_TYPE, properties=entry, by_client=True) for entry in held]

    def _check(self, resource: Mapping[str, Any]) -> None:
        stated = resource.get("TableWithColumns") or resource.get("Table")
        if stated is None:
            message = f"the laptop twin grants permissions on tables and columns, not on {', '.join(resource)}"
            raise ServiceError("NotImplemented", message, 501)
        tables = {table.name: table for table in self._tables() if table.database == stated["DatabaseName"]}
        if not tables:
            raise ServiceError("EntityNotFoundException", f"Database {stated['DatabaseName']} not found.")
        name = stated.get("Name")
        if name is not None and name not in tables:
            raise ServiceError("EntityNotFoundException", f"Table {name} not found.")
        unknown = sorted(set(stated.get("ColumnNames", ())) - set(tables[name].columns if name else ()))
        if unknown:
            raise ServiceError("EntityNotFoundException", f"Columns not found: {unknown}")


class LakeFormation:
    """The operations of the service that the documents ask for.

    Args:
        deployed: gives the Lake Formation resources of what is deployed.
        grants: what clients have granted.
    """

    def __init__(self, *, deployed: Callable[[], Iterable[LakeFormationResource]], grants: Grants) -> None:
        self._deployed = deployed
        self._grants = grants

    def get_data_lake_settings(self, _request: Document) -> Document:
        """Return the settings that are deployed; before that, those that every account begins with."""
        deployed = [resource.properties for resource in self._deployed() if resource.type == SETTINGS_TYPE]
        settings = deployed[-1] if deployed else ACCOUNT_SETTINGS
        names = ("CreateDatabaseDefaultPermissions", "CreateTableDefaultPermissions", "Parameters")
        kept = {name: settings[name] for name in names if name in settings}
        return {"DataLakeSettings": {"DataLakeAdmins": settings.get("Admins", []), **kept}}

    def get_resource_lf_tags(self, request: Document) -> Document:
        """Return the tags that are assigned to a database, or to a table and its columns; not those they inherit."""
        if not request.get("ShowAssignedLFTags"):
            raise ServiceError("NotImplemented", "the laptop twin knows assigned tags: ask for ShowAssignedLFTags", 501)
        tags = Tags(r.properties for r in self._deployed() if r.type == ASSOCIATION_TYPE)
        stated = request["Resource"]
        if "Database" in stated:
            return {"LFTagOnDatabase": _pairs(tags.stated_on(stated["Database"]["Name"]))}
        if "Table" not in stated:
            raise ServiceError("NotImplemented", f"the laptop twin has no tags of {', '.join(stated)}", 501)
        table = (stated["Table"]["DatabaseName"], stated["Table"]["Name"])
        columns = {column: _pairs(tags.stated_on(*table, column)) for column in tags.columns_of(*table)}
        found = {
            "LFTagsOnTable": _pairs(tags.stated_on(*table)),
            "LFTagsOnColumns": [{"Name": name, "LFTags": pairs} for name, pairs in columns.items()],
        }
        return {name: pairs for name, pairs in found.items() if pairs}

    def grant_permissions(self, request: Document) -> Document:
        """Grant permissions; see `Grants.grant`."""
        self._grants.grant(request)
        return {}

    def revoke_permissions(self, request: Document) -> Document:
        """Take permissions back that a client granted; see `Grants.revoke`."""
        self._grants.revoke(request)
        return {}

    def list_permissions(self, request: Document) -> Document:
        """Return who holds what, by the template or from a client: everything, or of one principal or resource."""
        held = [r.properties for r in (*self._deployed(), *self._grants.resources()) if r.type == PERMISSIONS_TYPE]
        if "Principal" in request and "Resource" not in request:
            raise ServiceError("InvalidInputException", "Resource is mandatory if Principal is set in the input.")
        asked = _asked(request)
        names = ("Principal", "Resource", "Permissions", "PermissionsWithGrantOption")
        return {
            "PrincipalResourcePermissions": [
                {name: entry[name] for name in names if name in entry}
                for entry in held
                if entry["Permissions"] and asked.items() <= _asked(entry).items()
            ]
        }


def _pairs(values: Mapping[str, Iterable[str]]) -> list[Document]:
    return [{"TagKey": key, "TagValues": sorted(held)} for key, held in values.items()]


def _asked(request: Mapping[str, Any]) -> Document:
    """Return whom and what a request or an entry is about; every catalog is the account's own."""
    return {
        **({"Principal": request["Principal"]} if "Principal" in request else {}),
        **({"Resource": _without_catalog(request["Resource"])} if "Resource" in request else {}),
    }


def _without_catalog(resource: Mapping[str, Any]) -> Document:
    return {
        kind: {name: value for name, value in stated.items() if name != "CatalogId"}
        for kind, stated in resource.items()
    }


def _database(resource: Mapping[str, Any]) -> str:
    [(kind, stated)] = resource.items()
    return str(stated["Name"] if kind == "Database" else stated.get("DatabaseName", ""))


def _place(request: Document) -> str:
    return f"{request['Principal']['DataLakePrincipalIdentifier']} {_without_catalog(request['Resource'])}"


def _nothing_on(request: Document) -> Document:
    return {"Principal": request["Principal"], "Resource": request["Resource"], "Permissions": []}
