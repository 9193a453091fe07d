"""The Livy endpoint in the twin: who may begin a session, what it sees, and what comes of a statement."""

import json
import time
from typing import Any

import pytest

from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError
from twin.engines.spark import Statement
from twin.principals import RoleSession
from twin.providers.emr_serverless.livy import GUARDED, ROLE, SESSION_CATALOG, Livy
from twin.providers.lake_formation.rules import CatalogTable

APPLICATION, PERSONA = "notebooks-1", "arn:aws:sts::123456789012:assumed-role/Analyst/ada"
SESSION_ROLE = "arn:aws:iam::123456789012:role/Sessions"
SESSION = RoleSession(arn="session/role", access_key="of session", secret_key="secret", token="token")
PYTHON = "/usr/bin/python3.11"
SPARK = {
    GUARDED: "true",
    "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    SESSION_CATALOG: "org.apache.iceberg.spark.SparkSessionCatalog",
    f"{SESSION_CATALOG}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
    "spark.c360.environment": "dev",
    "spark.executor.cores": "4",
    "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": PYTHON,
    "spark.executorEnv.PYSPARK_PYTHON": PYTHON,
}
TABLES = [
    CatalogTable(database="c360_dev_products", name="rfm", columns=("person_id", "cell"), iceberg=True),
    CatalogTable(database="c360_dev_curated", name="profiles", columns=("person_id",), iceberg=True),
    CatalogTable(database="c360_dev_curated", name="stg_persons", columns=("person_id",)),
]


class Engine:
    """Answers every statement with what it was given."""

    def __init__(self) -> None:
        self.asked: list[Statement] = []
        self.ended: list[str] = []
        self.output: dict[str, Any] = {"status": "ok", "data": {"text/plain": "3"}}

    def interact(self, statement: Statement, *, timeout: float) -> dict[str, Any]:
        self.asked.append(statement)
        if statement.code == "crash":
            raise OSError("the process is gone")
        return self.output

    def end_session(self, session: str) -> None:
        self.ended.append(session)


class World:
    """An application for notebooks."""

    def __init__(self) -> None:
        self.engine, self.denied, self.asked = Engine(), "", list[tuple[str, str, str, Any]]()
        self.properties: dict[str, Any] = {
            "ReleaseLabel": "emr-7.13.0",
            "InteractiveConfiguration": {"LivyEndpointEnabled": "true"},
            "RuntimeConfiguration": [{"Classification": "spark-defaults", "Properties": dict(SPARK)}],
            "MonitoringConfiguration": {"CloudWatchLoggingConfiguration": {"Enabled": True, "LogGroupName": "logs"}},
        }
        self.livy = Livy(
            applications=self.deployed,
            engine=lambda: self.engine,
            assume=lambda role, _name: SESSION if role == SESSION_ROLE else pytest.fail(role),
            require=self.require,
            readable=lambda _role: TABLES,
            reader=lambda: {"AWS_ACCESS_KEY_ID": "of reader"},
        )

    def deployed(self) -> tuple[Resource, ...]:
        return (
            Resource(
                type_name="AWS::EMRServerless::Application", physical_id=APPLICATION, logical_id="A", stack="s",
                properties=self.properties, attributes={},
            ),
        )  # fmt: skip

    def require(self, principal: str, action: str, resource: str, context: Any) -> None:
        self.asked.append((principal, action, resource, context))
        if self.denied and self.denied in f"{action} {resource}":
            raise ServiceError("AccessDeniedException", f"{principal} may not {action}", 403)

    def ask(self, method: str, path: str, body: Any = None, caller: str = PERSONA) -> Any:
        return self.livy.answer(caller, method, APPLICATION, path, body or {})[1]

    def begin(self, **changed: Any) -> Any:
        return self.ask("POST", "/sessions", {"kind": "pyspark", "conf": {ROLE: SESSION_ROLE}, **changed})

    def output(self, code: str) -> Any:
        number = self.ask("POST", "/sessions/0/statements", {"code": code})["id"]
        for _ in range(500):
            statement = self.ask("GET", f"/sessions/0/statements/{number}")
            if statement["state"] == "available":
                return statement["output"]
            time.sleep(0.01)
        raise TimeoutError(code)


@pytest.fixture
def world() -> World:
    return World()


def test_a_statement_runs_as_the_role_of_the_session_on_views_of_what_it_may_read(world: World) -> None:
    assert world.begin() == {
        "id": 0,
        "kind": "pyspark",
        "state": "idle",
        "appId": world.livy._sessions[APPLICATION, 0].name,
        "log": [],
    }
    assert world.output("1 + 2") == {"status": "ok", "data": {"text/plain": "3"}, "execution_count": 0}
    assert world.output("again")["execution_count"] == 1
    first, second = world.engine.asked
    assert (first.first, second.first) == (True, False)
    assert first.session == second.session
    assert first.credentials["AWS_ACCESS_KEY_ID"] == "of session"
    assert first.reader == {"AWS_ACCESS_KEY_ID": "of reader"}
    assert first.views == {
        "`c360_dev_products`.`rfm`": "SELECT `person_id`, `cell` FROM twin_lake.`c360_dev_products`.`rfm`",
        "`c360_dev_curated`.`profiles`": "SELECT `person_id` FROM twin_lake.`c360_dev_curated`.`profiles`",
    }
    # What belongs to the service stays with it, and the catalog is where the views read.
    assert first.conf == {
        "spark.sql.extensions": SPARK["spark.sql.extensions"],
        "spark.c360.environment": "dev",
        "spark.sql.catalog.twin_lake": "org.apache.iceberg.spark.SparkCatalog",
        "spark.sql.catalog.twin_lake.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
    }


def test_the_rights_that_aws_asks_for_are_asked_of_caller_and_role(world: World) -> None:
    world.begin()
    application = "arn:aws:emr-serverless:us-east-1:000000000000:/applications/notebooks-1"
    calls = {(principal, action): resource for principal, action, resource, _ in world.asked}
    assert calls[PERSONA, "emr-serverless:AccessLivyEndpoints"].endswith(application.partition("000000000000")[2])
    assert calls[PERSONA, "iam:PassRole"] == SESSION_ROLE
    [context] = [context for _, action, _, context in world.asked if action == "iam:PassRole"]
    assert context == {"iam:PassedToService": "emr-serverless.amazonaws.com"}
    assert {"lakeformation:GetDataAccess", "logs:PutLogEvents", "glue:GetTable"} <= {
        action for principal, action in calls if principal == SESSION.arn
    }


@pytest.mark.parametrize(
    "denied", ["AccessLivyEndpoints", "iam:PassRole", "lakeformation:GetDataAccess", "logs:PutLog"]
)
def test_without_one_of_them_no_session_begins(world: World, denied: str) -> None:
    world.denied = denied
    with pytest.raises(ServiceError, match="may not"):
        world.begin()


def test_a_table_that_iam_hides_is_not_seen(world: World) -> None:
    world.denied = "table/c360_dev_curated/profiles"
    world.begin()
    world.output("1")
    assert list(world.engine.asked[0].views) == ["`c360_dev_products`.`rfm`"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"InteractiveConfiguration": {"StudioEnabled": True}}, "has no Livy endpoint"),
        ({"ReleaseLabel": "emr-6.6.0"}, "this engine is Spark 3.5.6"),
    ],
)
def test_an_application_that_takes_no_sessions_refuses_them(world: World, changed: dict[str, Any], said: str) -> None:
    world.properties |= changed
    with pytest.raises(ServiceError, match=said):
        world.begin()


@pytest.mark.parametrize(
    ("spark", "said"),
    [
        ({GUARDED: "false"}, "only sessions that Lake Formation guards"),
        ({"spark.executorEnv.PYSPARK_PYTHON": "/usr/bin/python3"}, "the image's own Python is 3.9"),
    ],
)
def test_settings_that_would_run_otherwise_on_aws_are_refused(world: World, spark: dict[str, str], said: str) -> None:
    world.properties["RuntimeConfiguration"][0]["Properties"] |= spark
    with pytest.raises(ServiceError, match=said):
        world.begin()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "spark"}, "runs pyspark alone"),
        ({"conf": {}}, "executionRoleArn is missing"),
        ({"conf": {ROLE: SESSION_ROLE, "spark.jars": "s3://mine/x.jar"}}, "not spark.jars"),
        ({"conf": {ROLE: SESSION_ROLE, f"{SESSION_CATALOG}.warehouse": "s3://mine"}}, "not spark.sql.catalog"),
    ],
)
def test_a_session_may_not_ask_for_more(world: World, body: dict[str, Any], said: str) -> None:
    with pytest.raises(ServiceError, match=said):
        world.begin(**body)


def test_a_session_belongs_to_whoever_has_begun_it(world: World) -> None:
    world.begin()
    eve = "arn:aws:sts::123456789012:assumed-role/Analyst/eve"
    for method, path in (("GET", "/sessions/0"), ("DELETE", "/sessions/0"), ("POST", "/sessions/0/statements")):
        with pytest.raises(ServiceError, match="Session 0 does not exist"):
            world.ask(method, path, {"code": "1"}, caller=eve)
    assert world.ask("GET", "/sessions", caller=eve)["sessions"] == []
    assert world.ask("GET", "/sessions")["total"] == 1


def test_a_statement_always_ends_and_so_does_a_session(world: World) -> None:
    world.begin()
    assert world.output("crash") == {
        "status": "error", "ename": "OSError", "evalue": "the process is gone", "traceback": [], "execution_count": 0,
    }  # fmt: skip
    world.ask("DELETE", "/sessions/0")
    assert world.engine.ended == [world.livy._sessions[APPLICATION, 0].name]
    with pytest.raises(ServiceError, match="has ended"):
        world.ask("POST", "/sessions/0/statements", {"code": "1"})


def test_what_nobody_here_knows_is_refused_by_name(world: World) -> None:
    with pytest.raises(ServiceError, match="no GET /batches"):
        world.ask("GET", "/batches")
    with pytest.raises(ServiceError, match="Application other does not exist"):
        world.livy.answer(PERSONA, "GET", "other", "/sessions", {})
    assert json.dumps(world.begin())
