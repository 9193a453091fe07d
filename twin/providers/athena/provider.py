"""Athena: queries run on Trino; workgroups, named queries and prepared statements come from the template."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from twin.emulator.calls import Call, require_all
from twin.emulator.provider import Document, Provider, ResourceType, Task
from twin.emulator.resource_names import found_by
from twin.emulator.state_machines import poll, sdk_integration, task_failed
from twin.emulator.wire import Wire
from twin.engines.trino import TrinoEngine
from twin.providers.athena.prepared import PreparedStatements
from twin.providers.athena.rights import workgroup_arn
from twin.providers.athena.service import Access, Athena, WorkgroupFinder
from twin.providers.lake_formation.provider import LakeFormationProvider
from twin.providers.lake_formation.rules import user_name

WORK_GROUP = ResourceType(name="AWS::Athena::WorkGroup")
NAMED_QUERY = ResourceType(name="AWS::Athena::NamedQuery")
PREPARED_STATEMENT = ResourceType(name="AWS::Athena::PreparedStatement")
SUCCEEDED: Final = "SUCCEEDED"
ENDED: Final = {SUCCEEDED, "FAILED", "CANCELLED"}


class AthenaProvider(Provider):
    """Athena."""

    types = (WORK_GROUP, NAMED_QUERY, PREPARED_STATEMENT)
    engines = (TrinoEngine,)
    _athena: Athena

    def api(self) -> Mapping[str, object]:
        """Serve queries as the caller's principal, after its Lake Formation permissions are up to date."""
        twin = self.twin
        rules = twin.provider(LakeFormationProvider).rules
        self._athena = Athena(
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
        return {"athena": self._athena}

    def tasks(self) -> Mapping[str, Task]:
        """Let state machines run queries."""
        return {"athena:startQueryExecution": self._start_query_execution}

    def _start_query_execution(self, resource: str, request: Document) -> Any:
        """Run a query and, for `.sync`, wait for its end, as the optimized integration does."""
        call = sdk_integration(Wire("athena", self._athena))
        started: Document = call("athena:startQueryExecution", request)
        if not resource.endswith(".sync"):
            return started
        found = poll(
            lambda: dict(call("athena:getQueryExecution", started)),
            lambda asked: asked["QueryExecution"]["Status"]["State"] in ENDED,
        )
        if found["QueryExecution"]["Status"]["State"] != SUCCEEDED:
            raise task_failed(found["QueryExecution"])
        return found

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
