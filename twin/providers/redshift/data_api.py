"""Redshift's Data API: statements run in the background, as the database user of whoever sends them."""

import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from twin.emulator.calls import Call
from twin.emulator.wire import ServiceError
from twin.providers.redshift.database import Database, Outcome

LOGGER: Final = logging.getLogger("twin.redshift")

Document = dict[str, Any]

_CONCURRENT: Final = 4
_KEPT: Final = 1000
_PAGE: Final = 1000
_FINAL: Final = frozenset({"FINISHED", "FAILED", "ABORTED"})
_MOST_STATEMENTS: Final = 40
_LONGEST_BYTES: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Workgroup:
    """A deployed workgroup: its name, its ARN, the database of its namespace, and that one's name and secret."""

    name: str
    arn: str
    database_name: str
    secret_arn: str
    database: Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who asks, and what they may.

    Attributes:
        caller: gives the ARN of the request's principal; called in the request's thread.
        require: refuses calls that a principal may not make; see `twin.emulator.calls.require_all`.
        roles_of: returns the roles of the database that a principal's tag names.
    """

    caller: Callable[[], str]
    require: Callable[[str, Iterable[Call]], None]
    roles_of: Callable[[str], Sequence[str]] = lambda _principal: ()


@dataclass(slots=True, kw_only=True)
class Execution:
    """One request: its statements, its state, and the results."""

    id: str
    owner: str
    workgroup: str
    database: str
    user: str
    secret: str
    statements: Sequence[str]
    is_batch: bool
    name: str
    created: datetime
    token: str = ""
    status: str = "SUBMITTED"
    error: str = ""
    updated: datetime
    outcomes: list[Outcome] = field(default_factory=list)


class RedshiftData:
    """The stand-in; every public method is an operation of the service.

    Args:
        workgroup: finds a deployed workgroup by its name; None if there is none.
        access: who asks.
    """

    def __init__(self, workgroup: Callable[[str], Workgroup | None], access: Access) -> None:
        self._workgroup_named = workgroup
        self._access = access
        self._executions: OrderedDict[str, Execution] = OrderedDict()
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(_CONCURRENT, thread_name_prefix="redshift")

    def close(self) -> None:
        """Let running statements end and take no new ones."""
        self._pool.shutdown(cancel_futures=True)

    # ---- statements

    def execute_statement(self, request: Document) -> Document:
        """Accept one statement."""
        return self._accept(request, [request["Sql"]], is_batch=False)

    def batch_execute_statement(self, request: Document) -> Document:
        """Accept statements that run one after the other in one transaction."""
        if len(request["Sqls"]) > _MOST_STATEMENTS:
            raise _invalid(f"at most {_MOST_STATEMENTS} statements in a batch")
        return self._accept(request, request["Sqls"], is_batch=True)

    def describe_statement(self, request: Document) -> Document:
        """Describe a statement of the caller's own."""
        statement_id, _, part = request["Id"].partition(":")
        execution = self._execution(statement_id)
        described = {
            "Id": request["Id"],
            "Status": execution.status,
            "CreatedAt": execution.created,
            "UpdatedAt": execution.updated,
            "Database": execution.database,
            "WorkgroupName": execution.workgroup,
            "DbUser": execution.user,
            **({"SecretArn": execution.secret} if execution.secret else {}),
            **({"Error": execution.error} if execution.error else {}),
        }
        if execution.is_batch and not part:
            return {
                **described,
                "HasResultSet": any(outcome.is_query for outcome in execution.outcomes),
                "SubStatements": [_sub_statement(execution, number) for number in range(len(execution.statements))],
            }
        number = int(part or 1) - 1
        outcome = _outcome(execution, number)
        return {
            **described,
            "QueryString": execution.statements[number],
            "HasResultSet": outcome is not None and outcome.is_query,
            "ResultRows": _rows_of(outcome),
        }

    def get_statement_result(self, request: Document) -> Document:
        """Return a page of the rows of a statement of the caller's own."""
        statement_id, _, part = request["Id"].partition(":")
        execution = self._execution(statement_id)
        outcome = _outcome(execution, int(part or 1) - 1)
        if execution.status != "FINISHED" or outcome is None or not outcome.is_query:
            raise ServiceError("ResourceNotFoundException", "Query does not have result. Please check query status.")
        start = int(request.get("NextToken", 0))
        end = start + _PAGE
        return {
            "ColumnMetadata": [
                {
                    "name": column.name,
                    "label": column.name,
                    "typeName": column.type,
                    "precision": column.precision,
                    "scale": column.scale,
                    "nullable": 1,
                }
                for column in outcome.columns
            ],
            "Records": [[_field(value) for value in row] for row in outcome.rows[start:end]],
            "TotalNumRows": len(outcome.rows),
            **({"NextToken": str(end)} if end < len(outcome.rows) else {}),
        }

    def list_statements(self, request: Document) -> Document:
        """List the caller's own statements, the newest first."""
        caller, wanted = self._access.caller(), request.get("Status", "ALL")
        with self._lock:
            own = [one for one in reversed(self._executions.values()) if one.owner == caller]
        return {
            "Statements": [
                {
                    "Id": one.id,
                    "Status": one.status,
                    "StatementName": one.name,
                    "CreatedAt": one.created,
                    "UpdatedAt": one.updated,
                    "IsBatchStatement": one.is_batch,
                    **({"QueryStrings": list(one.statements)} if one.is_batch else {"QueryString": one.statements[0]}),
                }
                for one in own
                if wanted in {"ALL", one.status}
            ][: request.get("MaxResults", 100)]
        }

    # ---- how a statement runs

    def _accept(self, request: Document, statements: Sequence[str], *, is_batch: bool) -> Document:
        for unsupported in ("Parameters", "SessionId", "SessionKeepAliveSeconds", "ClusterIdentifier", "DbUser"):
            if request.get(unsupported):
                raise _invalid(f"the laptop twin's Data API does not support {unsupported}")
        if any(len(one.encode()) > _LONGEST_BYTES for one in statements):
            raise _invalid(f"a statement has more than {_LONGEST_BYTES} bytes")
        workgroup = self._workgroup(request)
        principal, secret = self._access.caller(), request.get("SecretArn", "")
        user = self._user(workgroup, principal, secret)
        token = request.get("ClientToken", "")
        now = datetime.now(UTC)
        with self._lock:
            known = next((one for one in self._executions.values() if token and one.token == token), None)
            if known is not None:
                return _accepted(known)
            execution = Execution(
                id=str(uuid.uuid4()),
                owner=principal,
                workgroup=workgroup.name,
                database=request["Database"],
                user=user,
                secret=secret,
                statements=list(statements),
                is_batch=is_batch,
                name=request.get("StatementName", ""),
                created=now,
                updated=now,
                token=token,
            )
            self._executions[execution.id] = execution
            while len(self._executions) > _KEPT:
                self._executions.popitem(last=False)
        self._pool.submit(self._run, execution, workgroup.database)
        return _accepted(execution)

    def _run(self, execution: Execution, database: Database) -> None:
        self._set(execution, "STARTED")
        try:
            roles = () if execution.secret else self._access.roles_of(execution.owner)
            database.run(execution.statements, execution.user, execution.outcomes.append, roles=roles)
        except ServiceError as error:
            self._fail(execution, error.message)
        except Exception as error:  # whatever it is belongs to the statement, not to the service
            LOGGER.info("a statement has failed: %s", error)
            self._fail(execution, f"ERROR: {error}")
        else:
            self._set(execution, "FINISHED")

    def _fail(self, execution: Execution, reason: str) -> None:
        execution.error = reason
        self._set(execution, "FAILED")

    def _set(self, execution: Execution, status: str) -> None:
        with self._lock:
            if execution.status not in _FINAL:
                execution.status, execution.updated = status, datetime.now(UTC)

    # ---- who asks

    def _workgroup(self, request: Document) -> Workgroup:
        name = request.get("WorkgroupName", "")
        found = self._workgroup_named(name.rpartition("/")[2]) if name else None
        if found is None:
            raise _invalid(f"Redshift endpoint doesn't exist in this region: {name or 'no WorkgroupName'}")
        if request.get("Database") != found.database_name:
            raise _invalid(f'database "{request.get("Database")}" does not exist')
        return found

    def _user(self, workgroup: Workgroup, principal: str, secret: str) -> str:
        """Return the database user: that of the secret, or one for the caller's identity."""
        if secret:
            if secret != workgroup.secret_arn:
                raise _invalid("the laptop twin knows the administrator's secret only")
            self._access.require(principal, [Call(action="secretsmanager:GetSecretValue", resource=secret)])
            return workgroup.database.administrator
        self._access.require(principal, [Call(action="redshift-serverless:GetCredentials", resource=workgroup.arn)])
        return database_user(principal)

    def _execution(self, statement_id: str) -> Execution:
        found = self._executions.get(statement_id)
        if found is None or found.owner != self._access.caller():
            raise ServiceError("ResourceNotFoundException", f"Query does not exist: {statement_id}")
        return found


def database_user(principal: str) -> str:
    """Return the user that Redshift maps an identity of IAM to.

    >>> database_user("arn:aws:sts::123456789012:assumed-role/Analyst/maria")
    'IAMR:Analyst'
    """
    kind, _, path = principal.rpartition(":")[2].partition("/")
    if kind == "assumed-role":
        return f"IAMR:{path.partition('/')[0]}"
    name = path.rpartition("/")[2] or kind
    return f"IAMR:{name}" if kind == "role" else f"IAM:{name}"


def _accepted(execution: Execution) -> Document:
    return {
        "Id": execution.id,
        "CreatedAt": execution.created,
        "Database": execution.database,
        "WorkgroupName": execution.workgroup,
        "DbUser": execution.user,
        **({"SecretArn": execution.secret} if execution.secret else {}),
    }


def _sub_statement(execution: Execution, number: int) -> Document:
    outcome = _outcome(execution, number)
    done = len(execution.outcomes)
    rolled_back = execution.status == "FAILED"
    status = "FINISHED" if outcome and not rolled_back else ("FAILED" if rolled_back and number == done else "ABORTED")
    return {
        "Id": f"{execution.id}:{number + 1}",
        "QueryString": execution.statements[number],
        "Status": status if execution.status in _FINAL else "SUBMITTED",
        "HasResultSet": outcome is not None and outcome.is_query,
        "ResultRows": _rows_of(outcome),
        "CreatedAt": execution.created,
        "UpdatedAt": execution.updated,
        **({"Error": execution.error} if rolled_back and number == done else {}),
    }


def _outcome(execution: Execution, number: int) -> Outcome | None:
    return execution.outcomes[number] if number < len(execution.outcomes) else None


def _rows_of(outcome: Outcome | None) -> int:
    if outcome is None:
        return -1
    return len(outcome.rows) if outcome.is_query else outcome.updated


def _field(value: Any) -> Mapping[str, Any]:
    """Return a value as the Data API does: exact numbers and times are texts."""
    if value is None:
        return {"isNull": True}
    for kind, name in _FIELDS.items():
        if isinstance(value, kind):
            return {name: value}
    return {"stringValue": _text(value)}


# In this order: a truth value is a whole number, too.
_FIELDS: Final[Mapping[type, str]] = {bool: "booleanValue", int: "longValue", float: "doubleValue"}


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
