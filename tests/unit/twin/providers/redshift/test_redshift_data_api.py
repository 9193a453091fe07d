"""The Data API: who may send a statement, what becomes of it, and what it answers."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from twin.emulator.calls import Call
from twin.emulator.wire import ServiceError, Wire
from twin.providers.redshift.data_api import Access, RedshiftData, Workgroup, database_user
from twin.providers.redshift.database import Column, Database, Outcome

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:redshift!c360-x-administrator-AbCdEf"
WORKGROUP = "arn:aws:redshift-serverless:us-east-1:123456789012:workgroup/c360-x"
ROLE = "arn:aws:iam::123456789012:role/Loader"
ROWS = [(1, "a", Decimal("0.10"), None, True, 1.5, datetime(2026, 3, 1, 12, 30))]  # noqa: DTZ001  # Redshift's TIMESTAMP has no zone
COLUMNS = [Column(name=f"c{number}", type="int8") for number in range(7)]


class FakeDatabase:
    """Takes statements, and fails those that say so."""

    administrator = "administrator"

    def __init__(self) -> None:
        self.ran: list[tuple[str, str]] = []
        self.roles: tuple[str, ...] = ()

    def run(
        self, statements: Sequence[str], user: str, ended: Callable[[Outcome], None], *, roles: Sequence[str] = ()
    ) -> None:
        self.roles = tuple(roles)
        for statement in statements:
            if statement == "refused":
                raise ServiceError("ValidationException", "the laptop twin's Redshift does not support refused")
            if statement == "broken":
                raise ValueError('relation "v" already exists')
            self.ran.append((statement, user))
            ended(Outcome(columns=COLUMNS, rows=ROWS, is_query=True) if statement == "query" else Outcome(updated=3))


class Asked:
    """Who asks, and what was asked of IAM on their behalf."""

    def __init__(self) -> None:
        self.principal = ROLE
        self.calls: list[tuple[str, str]] = []
        self.refused: set[str] = set()

    def require(self, principal: str, calls: Iterable[Call]) -> None:
        for call in calls:
            self.calls.append((call.action, call.resource))
            if call.action in self.refused:
                raise ServiceError("AccessDeniedException", f"{principal} may not {call.action}", 403)


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def wire(asked: Asked, database: FakeDatabase) -> Wire:
    deployed = Workgroup(
        name="c360-x", arn=WORKGROUP, database_name="c360", secret_arn=SECRET, database=cast("Database", database)
    )
    service = RedshiftData(
        lambda name: deployed if name == "c360-x" else None,
        Access(caller=lambda: asked.principal, require=asked.require, roles_of=lambda _: ["analyst"]),
    )
    return Wire("redshift-data", service)


def send(wire: Wire, *sqls: str, **more: Any) -> str:
    request = {"WorkgroupName": "c360-x", "Database": "c360", "Sqls": list(sqls), **more}
    return str(wire.invoke("BatchExecuteStatement", request)["Id"])


def ended(wire: Wire, statement: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while (found := wire.invoke("DescribeStatement", {"Id": statement}))["Status"] in {"SUBMITTED", "STARTED"}:
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def test_statements_run_as_the_administrator_whose_secret_the_caller_may_read(
    wire: Wire, asked: Asked, database: FakeDatabase
) -> None:
    found = ended(wire, send(wire, "write", "query", SecretArn=SECRET))
    assert (found["Status"], found["DbUser"], found["HasResultSet"]) == ("FINISHED", "administrator", True)
    assert (asked.calls, database.roles) == ([("secretsmanager:GetSecretValue", SECRET)], ())
    assert database.ran == [("write", "administrator"), ("query", "administrator")]
    assert [(one["Status"], one["ResultRows"]) for one in found["SubStatements"]] == [("FINISHED", 3), ("FINISHED", 1)]


def test_without_a_secret_they_run_as_the_user_of_the_identity(
    wire: Wire, asked: Asked, database: FakeDatabase
) -> None:
    asked.principal = "arn:aws:sts::123456789012:assumed-role/Analyst/maria"
    ended(wire, send(wire, "write"))
    assert (database.ran, database.roles) == ([("write", "IAMR:Analyst")], ("analyst",))
    assert asked.calls == [("redshift-serverless:GetCredentials", WORKGROUP)]
    assert database_user("arn:aws:iam::123456789012:user/maria") == "IAM:maria"


def test_who_may_not_read_the_secret_runs_nothing(wire: Wire, asked: Asked, database: FakeDatabase) -> None:
    asked.refused.add("secretsmanager:GetSecretValue")
    with pytest.raises(ServiceError, match="may not secretsmanager:GetSecretValue"):
        send(wire, "write", SecretArn=SECRET)
    assert database.ran == []


def test_rows_are_as_the_api_shows_them(wire: Wire) -> None:
    statement = send(wire, "write", "query")
    ended(wire, statement)
    [row] = wire.invoke("GetStatementResult", {"Id": f"{statement}:2"})["Records"]
    assert row == [
        {"longValue": 1},
        {"stringValue": "a"},
        {"stringValue": "0.10"},
        {"isNull": True},
        {"booleanValue": True},
        {"doubleValue": 1.5},
        {"stringValue": "2026-03-01 12:30:00"},
    ]
    with pytest.raises(ServiceError, match="does not have result"):
        wire.invoke("GetStatementResult", {"Id": f"{statement}:1"})


@pytest.mark.parametrize(
    ("statement", "error"), [("refused", "does not support refused"), ("broken", 'relation "v" already exists')]
)
def test_a_statement_that_fails_says_why_and_those_after_it_do_not_run(
    statement: str, error: str, wire: Wire, database: FakeDatabase
) -> None:
    found = ended(wire, send(wire, "write", statement, "never"))
    assert (found["Status"], error in found["Error"]) == ("FAILED", True)
    assert database.ran == [("write", "IAMR:Loader")]
    assert [one["Status"] for one in found["SubStatements"]] == ["ABORTED", "FAILED", "ABORTED"]


def test_a_token_makes_one_statement_of_two_requests(wire: Wire, database: FakeDatabase) -> None:
    first, second = (send(wire, "write", ClientToken="a-token") for _ in range(2))
    assert first == second
    ended(wire, first)
    assert len(database.ran) == 1


def test_nobody_sees_what_another_one_runs(wire: Wire, asked: Asked) -> None:
    statement = send(wire, "query")
    asked.principal = "arn:aws:iam::123456789012:role/Other"
    with pytest.raises(ServiceError, match="Query does not exist"):
        wire.invoke("DescribeStatement", {"Id": statement})
    assert wire.invoke("ListStatements", {})["Statements"] == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"WorkgroupName": "other"}, "doesn't exist"),
        ({"Database": "other"}, 'database "other" does not exist'),
        ({"Sqls": ["write"] * 41}, "at most 40 statements"),
        ({"Sqls": ["x" * 100_001]}, "more than 100000 bytes"),
        ({"SessionKeepAliveSeconds": 10}, "does not support SessionKeepAliveSeconds"),
        ({"SecretArn": SECRET.replace("c360-x", "c360-y")}, "the administrator's secret only"),
    ],
)
def test_what_is_not_there_or_too_much_is_refused(more: dict[str, Any], said: str, wire: Wire) -> None:
    with pytest.raises(ServiceError, match=said):
        send(wire, *more.pop("Sqls", ["write"]), **more)
