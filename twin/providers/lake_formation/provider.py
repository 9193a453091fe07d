"""Lake Formation: the template's permissions and those that clients grant become Trino's access rules."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from twin.emulator.provider import Provider, ResourceType, Twin
from twin.emulator.roles import assume
from twin.emulator.stand_ins import Resource
from twin.engines import trino
from twin.providers.lake_formation.locations import LOCATION_TYPE, SERVICE, SESSION, RegisteredLocations
from twin.providers.lake_formation.rules import (
    ASSOCIATION_TYPE,
    PERMISSIONS_TYPE,
    SETTINGS_TYPE,
    LakeFormationResource,
    LakeFormationRules,
)
from twin.providers.lake_formation.service import Grants, LakeFormation

DATABASE_TYPE: Final = "AWS::Glue::Database"


class LakeFormationProvider(Provider):
    """Lake Formation.

    Attributes:
        rules: the access rules; whoever runs a query brings them up to date first.
    """

    types = tuple(
        ResourceType(name=name)
        for name in (SETTINGS_TYPE, ASSOCIATION_TYPE, PERMISSIONS_TYPE, LOCATION_TYPE, DATABASE_TYPE)
    )

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self.rules = LakeFormationRules(
            resources=lambda: [*self._deployed(), *self._grants.resources()],
            glue=twin.client("glue"),
            rules_path=trino.rules_path(trino.folder_of(twin.settings)),
        )
        self._grants = Grants(tables=self.rules.tables)
        self._databases: set[str] = set()  # one that is changed is not opened again
        self._locations = RegisteredLocations(
            path=trino.mappings_path(trino.folder_of(twin.settings)),
            assume=partial(assume, service=SERVICE, session=SESSION, token=False),
        )

    def deployed(self, resource: Resource) -> None:
        """Let Trino act below a registered location as its role, and open a new database as AWS does."""
        if resource.type_name == LOCATION_TYPE:
            self._locations.register(resource.properties)
        if resource.type_name == DATABASE_TYPE and (name := _database_name(resource)) not in self._databases:
            self._databases.add(name)
            stated = resource.properties["DatabaseInput"]
            self._grants.open_database(name, tables=stated.get("CreateTableDefaultPermissions") != [])

    def removed(self, resource: Resource) -> None:
        """Take a location's role from Trino, and forget what was held on a database."""
        if resource.type_name == LOCATION_TYPE:
            self._locations.deregister(resource.properties)
        if resource.type_name == DATABASE_TYPE:
            self._databases.discard(_database_name(resource))
            self._grants.forget_database(_database_name(resource))

    def api(self) -> Mapping[str, object]:
        """Serve the settings, and grants beside those of the template."""
        return {"lakeformation": LakeFormation(deployed=self._deployed, grants=self._grants)}

    def _deployed(self) -> list[LakeFormationResource]:
        names = {SETTINGS_TYPE, ASSOCIATION_TYPE, PERMISSIONS_TYPE}
        held = (resource for resource in self.twin.registry.all() if resource.type_name in names)
        return [LakeFormationResource(type=resource.type_name, properties=resource.properties) for resource in held]


def _database_name(resource: Resource) -> str:
    return str(resource.properties["DatabaseInput"]["Name"])


PROVIDER = LakeFormationProvider
