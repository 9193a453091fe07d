"""Athena: queries run on Trino; workgroups, named queries and prepared statements come from the template."""

from collections.abc import Iterable, Mapping
from typing import Any

from twin.emulator.calls import Call, require_all
from twin.emulator.provider import Provider, ResourceType
from twin.emulator.resource_names import found_by
from twin.engines.trino import TrinoEngine
from twin.providers.athena.prepared import PreparedStatements
from twin.providers.athena.rights import workgroup_arn
from twin.providers.athena.service import Access, Athena, WorkgroupFinder
from twin.providers.lake_formation.provider import LakeFormationProvider
from twin.providers.lake_formation.rules import user_name

WORK_GROUP = ResourceType(name="AWS::Athena::WorkGroup")
NAMED_QUERY = ResourceType(name="AWS::Athena::NamedQuery")
PREPARED_STATEMENT = ResourceType(name="AWS::Athena::PreparedStatement")


class AthenaProvider(Provider):
    """Athena."""

    types = (WORK_GROUP, NAMED_QUERY, PREPARED_STATEMENT)
    engines = (TrinoEngine,)

    def api(self) -> Mapping[str, object]:
        """Serve queries as the caller's principal, after its Lake Formation permissions are up to date."""
        twin = self.twin
        rules = twin.provider(LakeFormationProvider).rules
        athena = Athena(
            connect=self._connect,
            client=twin.client,
            workgroups=lambda: twin.registry.properties(WORK_GROUP.name),
            named_queries=lambda: twin.registry.properties(NAMED_QUERY.name),
            prepared=PreparedStatements(lambda: twin.registry.properties(PREPARED_STATEMENT.name)),
            access=Access(
                caller=twin.caller,
                user_of=user_name,
                require=_require,
                authorized_by=_authorize_on,
                filtered=rules.filters,
            ),
            before_query=rules.before_query,
        )
        return {"athena": athena}

    def _connect(self, user: str, **options: Any) -> Any:
        return self.twin.engines.get(TrinoEngine).connect(user, **options)


def _require(principal: str, calls: Iterable[Call]) -> None:
    """Refuse what the caller's policies do not allow; whoever calls past HTTP has been authorized by then."""
    if principal:
        require_all(principal, calls)


def _authorize_on(find: WorkgroupFinder) -> None:
    """Let the emulator authorize each request on the workgroups that it is about."""
    found_by("athena", lambda request: tuple(map(workgroup_arn, find(request))))


PROVIDER = AthenaProvider
