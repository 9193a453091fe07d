"""Prepared statements: those of the template, those that clients make, and what executing one takes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.twin.providers.athena.test_athena import WORKGROUPS, Engine, Store, call, finished, start
from twin.emulator.calls import Call
from twin.emulator.wire import ServiceError
from twin.providers.athena.prepared import PreparedStatements
from twin.providers.athena.service import Access, Athena

DEPLOYED = [
    {
        "StatementName": "Orders_Of",
        "WorkGroup": "fixed",
        "QueryStatement": "select n from t where a = ?",
        "Description": "Orders of one person. Parameters: id.",
    },
    {"StatementName": "orders_of", "WorkGroup": "other", "QueryStatement": "select 1"},
]


class World:
    """The service, with the calls for which it asked the caller's permissions."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.calls: list[Call] = []
        self.refused = ""
        self.athena = Athena(
            connect=self.engine.connect,
            client=lambda _: Store(),
            workgroups=lambda: WORKGROUPS,
            prepared=PreparedStatements(lambda: DEPLOYED),
            access=Access(caller=lambda: "Analyst", require=self.require),
        )

    def require(self, _principal: str, calls: Any) -> None:
        for one in calls:
            self.calls.append(one)
            if one.action == self.refused:
                raise ServiceError("AccessDeniedException", f"not authorized to perform: {one.action}")

    def asks(self, sql: str, **request: Any) -> Any:
        return finished(self.athena, start(self.athena, sql, **request))


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.athena.close()


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [("EXECUTE orders_of USING 'p_1'", {}), ("execute ORDERS_OF", {"ExecutionParameters": ["'p_1'"]})],
    ids=["using", "of the request"],
)
def test_a_deployed_statement_is_executed_with_values(world: World, sql: str, parameters: dict[str, Any]) -> None:
    execution = world.asks(sql, QueryExecutionContext={"Database": "marts"}, **parameters)
    assert execution["Status"]["State"] == "SUCCEEDED", execution
    assert world.engine.asked[-1][1] == "EXECUTE IMMEDIATE 'select n from t where a = ?' USING 'p_1'"
    rows = call(world.athena, "GetQueryResults", QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]["Rows"]
    assert len(rows) == 4


def test_executing_takes_the_statement_and_the_tables_that_it_names(world: World) -> None:
    world.asks("EXECUTE orders_of USING 'p_1'", QueryExecutionContext={"Database": "marts"})
    asked = [(one.action, one.resource.rpartition(":")[2]) for one in world.calls]
    assert ("athena:GetPreparedStatement", "workgroup/fixed") in asked
    assert ("glue:GetTable", "table/marts/t") in asked


@pytest.mark.parametrize(
    ("sql", "action"),
    [
        ("EXECUTE orders_of USING 'p_1'", "athena:GetPreparedStatement"),
        ("PREPARE mine FROM select 1", "athena:CreatePreparedStatement"),
        ("PREPARE orders_of FROM select 1", "athena:UpdatePreparedStatement"),
        ("DEALLOCATE PREPARE orders_of", "athena:DeletePreparedStatement"),
    ],
)
def test_whoever_may_not_is_refused(world: World, sql: str, action: str) -> None:
    world.refused = action
    status = world.asks(sql)["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("FAILED", f"not authorized to perform: {action}")
    assert world.engine.asked == []


def test_deployed_statements_are_listed_and_described(world: World) -> None:
    listed = call(world.athena, "ListPreparedStatements", WorkGroup="fixed")["PreparedStatements"]
    assert [one["StatementName"] for one in listed] == ["orders_of"]
    names = {"WorkGroup": "fixed", "StatementName": "orders_of"}
    found = call(world.athena, "GetPreparedStatement", **names)["PreparedStatement"]
    assert found["Description"] == "Orders of one person. Parameters: id."


def test_a_deployed_statement_belongs_to_its_stack(world: World) -> None:
    names = {"WorkGroup": "fixed", "StatementName": "orders_of"}
    with pytest.raises(ServiceError, match="already exists"):
        call(world.athena, "CreatePreparedStatement", **names, QueryStatement="select 1")
    with pytest.raises(ServiceError, match="change the template"):
        call(world.athena, "UpdatePreparedStatement", **names, QueryStatement="select 1")
    with pytest.raises(ServiceError, match="change the template"):
        call(world.athena, "DeletePreparedStatement", **names)


def test_a_statement_of_a_client_is_replaced_and_forgotten(world: World) -> None:
    world.asks("PREPARE mine FROM select 1")
    world.asks("PREPARE mine FROM select 2")
    world.asks("EXECUTE mine")
    assert world.engine.asked[-1][1] == "EXECUTE IMMEDIATE 'select 2'"
    call(world.athena, "UpdatePreparedStatement", WorkGroup="fixed", StatementName="mine", QueryStatement="select 3")
    world.asks("EXECUTE mine")
    assert world.engine.asked[-1][1] == "EXECUTE IMMEDIATE 'select 3'"
    world.asks("DEALLOCATE PREPARE mine")
    reason = world.asks("EXECUTE mine")["Status"]["StateChangeReason"]
    assert reason == "PreparedStatement mine was not found in workgroup fixed"


def test_what_the_twin_cannot_execute_is_refused_by_name(world: World) -> None:
    world.asks("PREPARE away FROM unload (select 1) to 's3://b/p/' with (format = 'PARQUET')")
    reason = world.asks("EXECUTE away")["Status"]["StateChangeReason"]
    assert "does not support this statement: EXECUTE of a prepared UNLOAD" in reason
