"""An earlier result is the answer again only where Athena gives it again; and the limit of what a query may read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.twin.providers.athena.test_athena import Engine, Store, call, finished, start
from twin.emulator.wire import ServiceError
from twin.providers.athena import reuse
from twin.providers.athena.prepared import PreparedStatements
from twin.providers.athena.service import Access, Athena
from twin.providers.athena.statements import Kind

ORDERED = "select n from t order by n"
AN_HOUR = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}}
LIMITED = 41  # the engine of these tests reads 42 bytes for every query


def workgroup(name: str, **configuration: Any) -> dict[str, Any]:
    result = {"ResultConfiguration": {"OutputLocation": f"s3://results/{name}"}}
    return {"Name": name, "WorkGroupConfiguration": {**result, **configuration}}


class World:
    """The service, its engine, and what is closed to whoever asks."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.closed: set[tuple[str, str]] = set()
        self.refused = ""
        self.prepared = [
            {"StatementName": "one", "WorkGroup": "fixed", "QueryStatement": "select n from t where n = ?"}
        ]
        self.athena = Athena(
            connect=self.engine.connect,
            client=lambda _: Store(),
            workgroups=lambda: [
                workgroup("fixed"),
                workgroup("other"),
                workgroup("close", BytesScannedCutoffPerQuery=LIMITED),
            ],
            prepared=PreparedStatements(lambda: self.prepared),
            access=Access(
                caller=lambda: "Analyst",
                require=self.require,
                filtered=lambda _, tables: bool(self.closed & set(tables)),
            ),
        )

    def require(self, _principal: str, calls: Any) -> None:
        for one in calls:
            if one.action == self.refused:
                raise ServiceError("AccessDeniedException", f"not authorized to perform: {one.action}")

    def asks(self, sql: str = ORDERED, *, again: bool = True, **request: Any) -> Any:
        wanted = {"ResultReuseConfiguration": AN_HOUR} if again else {}
        return finished(self.athena, start(self.athena, sql, **{**wanted, **request}))

    def was_reused(self, *requests: dict[str, Any], sql: str = ORDERED) -> bool:
        """Ask with one request after the other; say whether the last one was answered by an earlier result."""
        return bool([reused(self.asks(sql, **one)) for one in requests][-1])


def reused(execution: Any) -> bool:
    return bool(execution["Statistics"]["ResultReuseInformation"]["ReusedPreviousResult"])


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.athena.close()


def test_the_same_question_has_the_same_answer_and_reads_nothing(world: World) -> None:
    first, second = world.asks(), world.asks()
    assert (reused(first), reused(second)) == (False, True)
    assert second["Statistics"]["DataScannedInBytes"] == 0
    assert second["ResultConfiguration"] == first["ResultConfiguration"]
    pages = [
        call(world.athena, "GetQueryResults", QueryExecutionId=one["QueryExecutionId"])["ResultSet"]
        for one in (first, second)
    ]
    assert pages[0] == pages[1]
    assert [sql for _, sql in world.engine.asked] == [ORDERED, f"EXPLAIN (TYPE VALIDATE) {ORDERED}"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"again": False}),
        ({}, {"WorkGroup": "other"}),
        ({}, {"QueryExecutionContext": {"Database": "d"}}),
        ({"ExecutionParameters": ["1"]}, {"ExecutionParameters": ["2"]}),
        ({}, {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}}}),
        ({}, {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 0}}}),
    ],
    ids=["not asked for", "workgroup", "database", "values", "off", "too old"],
)
def test_another_question_is_asked_anew(world: World, first: dict[str, Any], second: dict[str, Any]) -> None:
    assert not world.was_reused(first, second)
    assert world.was_reused(first, first)


@pytest.mark.parametrize(
    "sql",
    [
        "select n from t limit 5",
        "select n from (select n from t limit 5) order by n",
        "select rand() from t",
        "select shuffle(a) from t",
        "select current_date from t",
        "select now() from t",
        "select uuid() from t",
        "select random(5) from t",
        "select n from t tablesample bernoulli (10)",
        "insert into t select 1",
    ],
)
def test_what_may_change_by_itself_is_asked_anew(world: World, sql: str) -> None:
    assert not world.was_reused({}, {}, sql=sql)


def test_a_limit_with_an_order_always_gives_the_same(world: World) -> None:
    assert world.was_reused({}, {}, sql="select n from t order by n limit 5")


def test_a_table_with_closed_columns_is_asked_anew(world: World) -> None:
    world.closed = {("default", "t")}
    assert not world.was_reused({}, {})


def test_whoever_lost_a_right_gets_no_earlier_result(world: World) -> None:
    world.asks()
    world.refused = "s3:GetObject"
    assert not reused(world.asks())
    world.refused = "glue:GetTable"
    assert world.asks()["Status"]["State"] == "FAILED"


def test_a_table_that_the_engine_refuses_now_gives_no_earlier_result(world: World) -> None:
    world.asks()
    world.engine.answer = ([("n", "bigint")], [["1", "too many"]])  # the engine fails from now on
    assert world.asks()["Status"]["State"] == "FAILED"


def test_a_prepared_statement_that_changed_is_asked_anew(world: World) -> None:
    sql = "EXECUTE one USING 1"
    assert world.was_reused({}, {}, sql=sql)
    world.prepared[0]["QueryStatement"] = "select n from t where n > ?"
    assert not world.was_reused({}, sql=sql)


def test_the_age_is_an_hour_unless_stated() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    stated = {"ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": True}}}
    assert reuse.oldest(stated, now) == now - timedelta(hours=1)
    assert reuse.oldest({}, now) is None


def test_what_cannot_be_read_is_taken_for_changing() -> None:
    assert not reuse.is_steady(Kind.QUERY, "select from from where")


def test_a_query_that_reads_more_than_its_workgroup_allows_is_cancelled(world: World) -> None:
    execution = world.asks(WorkGroup="close")
    status = execution["Status"]
    assert (status["State"], status["StateChangeReason"]) == ("CANCELLED", "Bytes scanned limit was exceeded")
    assert execution["Statistics"]["DataScannedInBytes"] == LIMITED + 1
    with pytest.raises(ServiceError, match="Final query state: CANCELLED"):
        call(world.athena, "GetQueryResults", QueryExecutionId=execution["QueryExecutionId"])
