"""The Athena service on an engine that answers from a list."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from twin.emulator.wire import ServiceError, Wire
from twin.providers.athena.service import Access, Athena

WORKGROUPS = [
    {
        "Name": "fixed",
        "WorkGroupConfiguration": {"ResultConfiguration": {"OutputLocation": "s3://results/fixed"}},
    },
    {"Name": "off", "State": "DISABLED", "WorkGroupConfiguration": {}},
]


class Cursor:
    rowcount = -1

    def __init__(self, engine: "Engine", user: str) -> None:
        self._engine, self._user = engine, user
        self.stats = {"physicalInputBytes": engine.reads}
        self.description: list[tuple[str, str]] = []
        self._rows: list[list[Any]] = []

    def execute(self, sql: str) -> None:
        self._engine.asked.append((self._user, sql))
        self._engine.proceed.wait(5)
        self.description, self._rows = self._engine.answer

    def fetchall(self) -> list[list[Any]]:
        return self._rows

    def cancel(self) -> None:
        self._engine.proceed.set()


class Connection:
    def __init__(self, engine: "Engine", user: str) -> None:
        self._engine, self._user = engine, user

    def cursor(self) -> Cursor:
        return Cursor(self._engine, self._user)

    def close(self) -> None:
        return None


class Engine:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.reads = 42
        self.answer: tuple[list[tuple[str, str]], list[list[Any]]] = ([("n", "bigint")], [[1], [2], [3]])
        self.proceed = threading.Event()
        self.proceed.set()

    def connect(self, user: str, *, catalog: str, schema: str | None) -> Connection:
        assert catalog == "awsdatacatalog"
        return Connection(self, user)


class Store:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803  # boto3's words
        self.objects[f"s3://{Bucket}/{Key}"] = Body


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def athena(engine: Engine, store: Store) -> Iterator[Athena]:
    service = Athena(
        connect=engine.connect,
        client=lambda _: store,
        workgroups=lambda: WORKGROUPS,
        access=Access(caller=lambda: "Analyst"),
        named_queries=lambda: [{"Name": "Best", "WorkGroup": "fixed", "QueryString": "select 1", "Database": "d"}],
    )
    yield service
    service.close()


def call(athena: Athena, operation: str, **request: Any) -> Any:
    """Call through the wire: input and answer are checked against the service's own model."""
    return Wire("athena", athena).invoke(operation, request)


def finished(athena: Athena, query: str) -> Any:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        execution = call(athena, "GetQueryExecution", QueryExecutionId=query)["QueryExecution"]
        if execution["Status"]["State"] in {"SUCCEEDED", "FAILED", "CANCELLED"}:
            return execution
        time.sleep(0.01)
    raise TimeoutError(query)


def start(athena: Athena, sql: str = "select n from t", **request: Any) -> str:
    return str(
        call(athena, "StartQueryExecution", QueryString=sql, **{"WorkGroup": "fixed", **request})["QueryExecutionId"]
    )


def test_results_are_stored_in_the_location_of_the_workgroup(athena: Athena, store: Store) -> None:
    query = start(athena, ResultConfiguration={"OutputLocation": "s3://mine/"})
    execution = finished(athena, query)
    assert execution["ResultConfiguration"]["OutputLocation"] == f"s3://results/fixed/{query}.csv"
    assert store.objects[f"s3://results/fixed/{query}.csv"] == b'"n"\n"1"\n"2"\n"3"\n'
    assert f"s3://results/fixed/{query}.csv.metadata" in store.objects
    assert execution["Statistics"]["DataScannedInBytes"] == 42


def test_a_workgroup_without_a_location_takes_that_of_the_request(athena: Athena, store: Store) -> None:
    query = start(athena, WorkGroup="primary", ResultConfiguration={"OutputLocation": "s3://mine/here"})
    finished(athena, query)
    assert f"s3://mine/here/{query}.csv" in store.objects


def test_queries_run_as_the_caller(athena: Athena, engine: Engine) -> None:
    finished(athena, start(athena))
    assert engine.asked == [("Analyst", "select n from t")]


def test_rows_come_in_pages_after_a_header(athena: Athena) -> None:
    query = start(athena)
    finished(athena, query)
    first = call(athena, "GetQueryResults", QueryExecutionId=query, MaxResults=3)
    second = call(athena, "GetQueryResults", QueryExecutionId=query, MaxResults=3, NextToken=first["NextToken"])
    cells = [row["Data"][0]["VarCharValue"] for page in (first, second) for row in page["ResultSet"]["Rows"]]
    assert cells == ["n", "1", "2", "3"]
    assert "NextToken" not in second


def test_null_has_no_value(athena: Athena, engine: Engine) -> None:
    engine.answer = ([("a", "varchar")], [[None], [""]])
    query = start(athena)
    finished(athena, query)
    rows = call(athena, "GetQueryResults", QueryExecutionId=query)["ResultSet"]["Rows"]
    assert rows[1:] == [{"Data": [{}]}, {"Data": [{"VarCharValue": ""}]}]


def test_a_query_can_be_stopped(athena: Athena, engine: Engine) -> None:
    engine.proceed.clear()
    query = start(athena)
    while not engine.asked:
        time.sleep(0.01)
    call(athena, "StopQueryExecution", QueryExecutionId=query)
    assert finished(athena, query)["Status"]["State"] == "CANCELLED"
    with pytest.raises(ServiceError, match="Final query state: CANCELLED"):
        call(athena, "GetQueryResults", QueryExecutionId=query)


def test_the_same_token_is_the_same_query(athena: Athena) -> None:
    token = "t" * 32
    assert start(athena, ClientRequestToken=token) == start(athena, ClientRequestToken=token)
    with pytest.raises(ServiceError, match="Idempotent parameters do not match"):
        start(athena, "select 2", ClientRequestToken=token)


def test_failures_of_the_engine_become_the_querys_reason(athena: Athena, engine: Engine) -> None:
    engine.answer = ([("a", "varchar")], [["x", "too many"]])
    execution = finished(athena, start(athena))
    assert execution["Status"]["State"] == "FAILED"
    assert "ValueError" in execution["Status"]["StateChangeReason"]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"WorkGroup": "unknown"}, "WorkGroup unknown is not found"),
        ({"WorkGroup": "off"}, "WorkGroup off is disabled"),
        ({"WorkGroup": "primary"}, "No output location provided"),
        ({"sql": "msck repair table t"}, "does not support this statement: msck repair table t"),
    ],
)
def test_requests_that_cannot_run_are_refused_at_once(athena: Athena, request_: dict[str, str], reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        start(athena, **request_)


def test_workgroups_are_those_of_the_template(athena: Athena) -> None:
    assert [group["Name"] for group in call(athena, "ListWorkGroups")["WorkGroups"]] == ["fixed", "off", "primary"]
    fixed = call(athena, "GetWorkGroup", WorkGroup="fixed")["WorkGroup"]["Configuration"]
    assert fixed["EnforceWorkGroupConfiguration"] is True
    primary = call(athena, "GetWorkGroup", WorkGroup="primary")["WorkGroup"]["Configuration"]
    assert primary["EnforceWorkGroupConfiguration"] is False


def test_saved_queries_are_those_of_the_template(athena: Athena) -> None:
    ids = call(athena, "ListNamedQueries", WorkGroup="fixed")["NamedQueryIds"]
    assert call(athena, "GetNamedQuery", NamedQueryId=ids[0])["NamedQuery"]["QueryString"] == "select 1"
    assert "NamedQueryIds" not in call(athena, "ListNamedQueries")


def test_prepared_statements_live_in_their_workgroup(athena: Athena, engine: Engine) -> None:
    names = {"StatementName": "Spend", "WorkGroup": "fixed"}
    call(athena, "CreatePreparedStatement", **names, QueryStatement="select ? from t")
    assert call(athena, "GetPreparedStatement", **names)["PreparedStatement"]["QueryStatement"] == "select ? from t"

    finished(athena, start(athena, "EXECUTE spend USING 5"))
    assert engine.asked[-1][1] == "EXECUTE IMMEDIATE 'select ? from t' USING 5"

    call(athena, "DeletePreparedStatement", **names)
    with pytest.raises(ServiceError, match="was not found in workgroup fixed"):
        call(athena, "GetPreparedStatement", **names)


def test_queries_are_listed_newest_first(athena: Athena) -> None:
    first, second = start(athena), start(athena)
    assert call(athena, "ListQueryExecutions", WorkGroup="fixed")["QueryExecutionIds"] == [second, first]
    answer = call(athena, "BatchGetQueryExecution", QueryExecutionIds=[first, "gone"])
    assert [e["QueryExecutionId"] for e in answer["QueryExecutions"]] == [first]
    assert [e["QueryExecutionId"] for e in answer["UnprocessedQueryExecutionIds"]] == ["gone"]
