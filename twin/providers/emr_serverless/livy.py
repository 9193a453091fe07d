"""The Livy endpoint of an application: sessions of notebooks, as far as Lake Formation guards them.

On AWS a session has two drivers: one runs the notebook's code, the other reads for it what the session's role may read.
Here the code acts as the role, too, and the tables are read for it by the emulator itself: a session finds a view for
each table that the role's grants name, with the columns that they name, and no other table.
"""

import logging
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from twin.emulator.calls import Call, Require, require_all
from twin.emulator.resource_names import arn
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError
from twin.engines.spark import SUPPORTED_EMR_RELEASES, Statement
from twin.principals import RoleSession
from twin.providers.emr_serverless.rights import service_calls
from twin.providers.emr_serverless.submission import CONSUMED, INTERPRETERS, PYTHON, spark_defaults
from twin.providers.lake_formation.rules import CatalogTable

LOG = logging.getLogger(__name__)

Document = dict[str, Any]
SERVICE: Final = "emr-serverless.amazonaws.com"
ROLE: Final = "emr-serverless.session.executionRoleArn"
GUARDED: Final = "spark.emr-serverless.lakeformation.enabled"
# The catalog of the session itself, on AWS; here its tables are views, which read this one.
SESSION_CATALOG: Final = "spark.sql.catalog.spark_catalog"
LAKE: Final = "twin_lake"
STATEMENT_SECONDS: Final = 600.0


class Engine(Protocol):
    """What runs the statements: `twin.engines.spark.SparkEngine`."""

    def interact(self, statement: Statement, *, timeout: float) -> Document:
        """Run a statement and return its output."""
        ...

    def end_session(self, session: str) -> None:
        """Forget a session."""
        ...


@dataclass(slots=True)
class _Session:
    """A session of a notebook.

    Attributes:
        owner: who has opened it; nobody else may use it.
        statements: in the order in which they came.
    """

    number: int
    name: str
    application: str
    owner: str
    role: RoleSession
    conf: Mapping[str, str]
    views: Mapping[str, str]
    state: str = "idle"
    statements: list[Document] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)


class Livy:
    """The sessions of all applications.

    Args:
        applications: gives the deployed applications.
        engine: gives what runs statements; it starts with the first.
        assume: opens a session of a role, by the role's ARN and a name.
        require: checks a call that is made with somebody's permissions.
        readable: gives the tables that a role may read, with the columns that it may read.
        reader: variables with which tables are read for a session.
    """

    def __init__(
        self,
        *,
        applications: Callable[[], tuple[Resource, ...]],
        engine: Callable[[], Engine],
        assume: Callable[[str, str], RoleSession],
        require: Require,
        readable: Callable[[str], Iterable[CatalogTable]],
        reader: Callable[[], Mapping[str, str]],
    ) -> None:
        self._applications, self._engine, self._assume = applications, engine, assume
        self._require, self._readable, self._reader = require, readable, reader
        self._sessions: dict[tuple[str, int], _Session] = {}
        self._lock = threading.Lock()

    def answer(self, caller: str, method: str, application: str, path: str, body: Document) -> tuple[int, Document]:
        """Answer a request; the path is below that of the application's endpoint.

        Raises:
            ServiceError: nobody who asks for this may have it, or there is no such thing.
        """
        resource = self._application(application)
        access = Call(action="emr-serverless:AccessLivyEndpoints", resource=_arn(application))
        require_all(caller, (access,), self._require)
        match method, path.strip("/").split("/"):
            case "POST", ["sessions"]:
                return 201, _session_shown(self._open(caller, resource, body))
            case "GET", ["sessions"]:
                mine = [one for one in self._of(application) if one.owner == caller]
                return 200, {"from": 0, "total": len(mine), "sessions": [_session_shown(one) for one in mine]}
            case "GET", ["sessions", number]:
                return 200, _session_shown(self._own(caller, application, number))
            case "DELETE", ["sessions", number]:
                self._close(self._own(caller, application, number))
                return 200, {"msg": "deleted"}
            case "POST", ["sessions", number, "statements"]:
                return 201, self._submit(self._own(caller, application, number), body)
            case "GET", ["sessions", number, "statements", statement]:
                found = self._own(caller, application, number).statements
                if not statement.isdigit() or int(statement) >= len(found):
                    raise ServiceError("ResourceNotFoundException", f"Statement {statement} does not exist", 404)
                return 200, dict(found[int(statement)])
        raise ServiceError("NotImplemented", f"the laptop twin's Livy has no {method} {path}", 501)

    # ---- sessions

    def _open(self, caller: str, application: Resource, body: Document) -> _Session:
        spark = _checked(application.properties, body)
        role = body.get("conf", {}).get(ROLE, "")
        if not role:
            raise ServiceError("ValidationException", f"conf: {ROLE} is missing")
        passed = Call(action="iam:PassRole", resource=role, context={"iam:PassedToService": SERVICE})
        require_all(caller, (passed,), self._require)
        name = f"livy-{uuid.uuid4().hex[:12]}"
        session = self._assume(role, name)
        monitoring = application.properties.get("MonitoringConfiguration", {})
        calls = (Call(action="lakeformation:GetDataAccess"), *service_calls(monitoring))
        require_all(session.arn, calls, self._require)
        with self._lock:
            number = len(self._sessions)
            opened = _Session(
                number=number,
                name=name,
                application=application.physical_id,
                owner=caller,
                role=session,
                conf=_conf(spark),
                views=self._views(session),
            )
            self._sessions[application.physical_id, number] = opened
        return opened

    def _views(self, role: RoleSession) -> Mapping[str, str]:
        """Return the query of each view of a session: what is granted, as far as IAM lets it be looked up."""
        views = {}
        for table in self._readable(role.arn):
            if not table.iceberg:
                continue
            looked_up = Call(action="glue:GetTable", resource=arn("glue", f"table/{table.database}/{table.name}"))
            try:
                require_all(role.arn, (looked_up,), self._require)
            except ServiceError as refusal:
                LOG.info("a session does not see %s.%s: %s", table.database, table.name, refusal)
                continue
            columns = ", ".join(f"`{column}`" for column in table.columns)
            named = f"`{table.database}`.`{table.name}`"
            views[named] = f"SELECT {columns} FROM {LAKE}.{named}"  # noqa: S608  # names of the catalog
        return views

    def _close(self, session: _Session) -> None:
        session.state = "dead"
        self._engine().end_session(session.name)

    # ---- statements

    def _submit(self, session: _Session, body: Document) -> Document:
        if session.state == "dead":
            raise ServiceError("ValidationException", f"Session {session.number} has ended")
        if body.get("kind", "pyspark") != "pyspark":
            raise ServiceError("ValidationException", f"the laptop twin runs pyspark, not {body['kind']}")
        statement: Document = {
            "id": len(session.statements), "code": body["code"], "state": "waiting", "output": None, "progress": 0.0,
        }  # fmt: skip
        session.statements.append(statement)
        threading.Thread(target=self._run, args=(session, statement), daemon=True, name=session.name).start()
        return dict(statement)

    def _run(self, session: _Session, statement: Document) -> None:
        with session.turn:
            statement["state"] = "running"
            session.state = "busy"
            try:
                output = self._engine().interact(self._asked(session, statement), timeout=STATEMENT_SECONDS)
            except Exception as error:  # the statement must end in a state, whatever goes wrong around the engine
                LOG.exception("a statement of %s could not be run", session.name)
                output = {"status": "error", "ename": type(error).__name__, "evalue": str(error), "traceback": []}
            if session.state == "busy":
                session.state = "idle"
            done = {"output": {**output, "execution_count": statement["id"]}, "progress": 1.0, "state": "available"}
            statement.update(done)

    def _asked(self, session: _Session, statement: Document) -> Statement:
        return Statement(
            session=session.name,
            code=statement["code"],
            first=statement["id"] == 0,
            credentials=session.role.variables(),
            reader=self._reader(),
            conf=session.conf,
            views=session.views,
        )

    # ---- what there is

    def _application(self, wanted: str) -> Resource:
        found = next((one for one in self._applications() if one.physical_id == wanted), None)
        if found is None:
            raise ServiceError("ResourceNotFoundException", f"Application {wanted} does not exist", 404)
        return found

    def _of(self, application: str) -> list[_Session]:
        with self._lock:
            return [one for (of, _), one in self._sessions.items() if of == application]

    def _own(self, caller: str, application: str, number: str) -> _Session:
        found = next((one for one in self._of(application) if str(one.number) == number), None)
        if found is None or found.owner != caller:
            raise ServiceError("ResourceNotFoundException", f"Session {number} does not exist", 404)
        return found


def _checked(application: Document, body: Document) -> Mapping[str, str]:
    """Return the properties of an application's sessions.

    Raises:
        ServiceError: the application takes no sessions, or one that cannot run here as on AWS; with the fix.
    """
    interactive = application.get("InteractiveConfiguration", {})
    if str(interactive.get("LivyEndpointEnabled", "false")).lower() != "true":
        raise _invalid("the application has no Livy endpoint: set InteractiveConfiguration.LivyEndpointEnabled")
    release = application.get("ReleaseLabel", "")
    if release not in SUPPORTED_EMR_RELEASES:
        known = ", ".join(SUPPORTED_EMR_RELEASES)
        raise _invalid(f"ReleaseLabel {release!r}: this engine is Spark 3.5.6, as {known} is")
    if body.get("kind", "pyspark") != "pyspark":
        raise _invalid(f"kind {body['kind']!r}: the laptop twin runs pyspark alone")
    spark = spark_defaults(application)
    if spark.get(GUARDED) != "true":
        raise _invalid(f"{GUARDED}: only sessions that Lake Formation guards run here; set it to true")
    if other := [name for name in INTERPRETERS if spark.get(name) != PYTHON]:
        raise _invalid(f"{other[0]}: set {PYTHON}; the image's own Python is 3.9, and this engine's is not")
    stated = {name: value for name, value in body.get("conf", {}).items() if name != ROLE}
    if refused := [name for name in stated if not name.startswith("spark.sql.") or name.startswith(SESSION_CATALOG)]:
        raise _invalid(f"conf: the laptop twin knows spark.sql.*, not {refused[0]}")
    return {**spark, **stated}


def _conf(spark: Mapping[str, str]) -> Mapping[str, str]:
    """Return what is for the session, with the catalog of the session under the name from which the views read."""
    conf = {name: value for name, value in spark.items() if not name.startswith((*CONSUMED, SESSION_CATALOG))}
    lake = f"spark.sql.catalog.{LAKE}"
    moved = {
        f"{lake}{name.removeprefix(SESSION_CATALOG)}": value
        for name, value in spark.items()
        if name.startswith(f"{SESSION_CATALOG}.")
    }
    return {**conf, lake: "org.apache.iceberg.spark.SparkCatalog", **moved}


def _session_shown(session: _Session) -> Document:
    return {"id": session.number, "kind": "pyspark", "state": session.state, "appId": session.name, "log": []}


def _arn(application: str) -> str:
    return arn("emr-serverless", f"/applications/{application}")


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
