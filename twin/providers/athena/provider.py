"""Athena: queries run on Trino; workgroups and named queries come from the template."""

from collections.abc import Mapping
from typing import Any

from twin.emulator.provider import Provider, ResourceType
from twin.engines.trino import TrinoEngine
from twin.providers.athena.service import Athena
from twin.providers.lake_formation.provider import LakeFormationProvider
from twin.providers.lake_formation.rules import user_name

WORK_GROUP = ResourceType(name="AWS::Athena::WorkGroup")
NAMED_QUERY = ResourceType(name="AWS::Athena::NamedQuery")


class AthenaProvider(Provider):
    """Athena."""

    types = (WORK_GROUP, NAMED_QUERY)
    engines = (TrinoEngine,)

    def api(self) -> Mapping[str, object]:
        """Serve queries as the caller's principal, after its Lake Formation permissions are up to date."""
        twin = self.twin
        athena = Athena(
            connect=self._connect,
            client=twin.client,
            workgroups=lambda: twin.registry.properties(WORK_GROUP.name),
            named_queries=lambda: twin.registry.properties(NAMED_QUERY.name),
            principal=lambda: user_name(twin.caller()),
            before_query=twin.provider(LakeFormationProvider).rules.before_query,
        )
        return {"athena": athena}

    def _connect(self, user: str, **options: Any) -> Any:
        return self.twin.engines.get(TrinoEngine).connect(user, **options)


PROVIDER = AthenaProvider
