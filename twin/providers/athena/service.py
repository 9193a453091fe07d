"""Athena on Trino: the operations that boto3, awswrangler and dbt call, as methods.

A query runs in Trino as the caller's principal, so that Lake Formation's permissions hold. Its result lies in S3 where
Athena would put it, and in memory for GetQueryResults. The emulator authorizes each request on the workgroup that
it is about, and a query then needs its author's permissions on the catalog and the result
(`twin.providers.athena.rights`). A query that has read more than its workgroup's cut-off is cancelled, after it has
read. Not carried: quotas, the cut-off of statements that write, federated catalogs, notebooks.
"""

import json
import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from twin.emulator.calls import Call
from twin.emulator.wire import ServiceError
from twin.engines.trino import CATALOG, HIVE_CATALOG, SCRATCH_CATALOG, SCRATCH_SCHEMA
from twin.providers.athena import results, reuse, rights, statements
from twin.providers.athena.prepared import PreparedStatements
from twin.providers.athena.statements import Kind, Statement

LOGGER: Final = logging.getLogger("twin.athena")

Document = dict[str, Any]
Rows = list[list[str | None]]

ENGINE_VERSION: Final = "Athena engine version 3"
_CONCURRENT_QUERIES: Final = 6
_KEPT_EXECUTIONS: Final = 2000
_PAGE: Final = 1000
_CATALOGS: Final = {CATALOG, HIVE_CATALOG}
_FINAL: Final = {"SUCCEEDED", "FAILED", "CANCELLED"}
_USER_ERROR, _SYSTEM_ERROR = 2, 1
_ICEBERG_ERROR: Final = 233  # the error type by which dbt knows a commit conflict that is worth a retry


@dataclass(slots=True, kw_only=True)
class Execution:
    """One query: the request, its state, and its result."""

    id: str
    request: Document
    user: str
    principal: str
    workgroup: str
    output: str
    submitted: datetime
    statement: Statement | None = None
    state: str = "QUEUED"
    reason: str | None = None
    error: Document | None = None
    completed: datetime | None = None
    location: str = ""
    manifest: str | None = None
    columns: list[Document] = field(default_factory=list)
    rows: Rows = field(default_factory=list)
    update_count: int | None = None
    scanned: int = 0
    cursor: Any = None
    prepared: Statement | None = None
    reused: bool = False

    @property
    def runs(self) -> Statement:
        """What runs: of EXECUTE the prepared statement.

        Raises:
            ValueError: the query was not parsed.
        """
        found = self.prepared or self.statement
        if found is None:
            raise ValueError(f"query {self.id} was not parsed")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOutcome:
    """Trino's answer: names and types of the columns, rows as text, number of rows written, bytes read."""

    columns: list[tuple[str, str]]
    rows: Rows
    update_count: int | None
    scanned: int

    def without_rows(self) -> "QueryOutcome":
        """The same for a statement that defines or writes: a count, no rows."""
        return QueryOutcome(columns=[], rows=[], update_count=self.update_count, scanned=self.scanned)


NOTHING: Final = QueryOutcome(columns=[], rows=[], update_count=None, scanned=0)


class ScanLimitError(Exception):
    """A query has read more than its workgroup allows."""


def _allow(_user: str) -> None:
    return None


def _unfiltered(_user: str, _tables: Iterable[rights.Table]) -> bool:
    return False


def _allow_calls(_principal: str, _calls: Iterable[Call]) -> None:
    return None


WorkgroupFinder = Callable[[Mapping[str, Any]], tuple[str, ...]]


def _found_by_nobody(_find: WorkgroupFinder) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who asks, and what they may.

    Attributes:
        caller: gives the ARN of the request's principal; called in the request's thread.
        user_of: gives the engine's user of a principal.
        require: refuses calls that a principal may not make; see `twin.emulator.calls.require_all`.
        authorized_by: takes what finds the workgroups that a request is about, for whoever authorizes requests.
        filtered: says whether one of these tables has columns that are closed to an engine's user.
    """

    caller: Callable[[], str]
    user_of: Callable[[str], str] = str
    require: Callable[[str, Iterable[Call]], None] = _allow_calls
    authorized_by: Callable[[WorkgroupFinder], None] = _found_by_nobody
    filtered: Callable[[str, Iterable[rights.Table]], bool] = _unfiltered


class Athena:
    """The stand-in; every public method is an operation of the service.

    Args:
        connect: opens a DB-API connection to Trino as a user, with the keywords `catalog` and `schema`.
        client: gives a boto3 client of the emulator by service name (`s3`, `glue`).
        workgroups: resolved properties of the deployed AWS::Athena::WorkGroup resources.
        access: who asks, and what they may.
        named_queries: resolved properties of the deployed AWS::Athena::NamedQuery resources.
        prepared: the prepared statements.
        before_query: called with the user before each of their queries: refreshes the access rules.
    """

    def __init__(
        self,
        *,
        connect: Callable[..., Any],
        client: Callable[[str], Any],
        workgroups: Callable[[], list[Document]],
        access: Access,
        named_queries: Callable[[], list[Document]] = list,
        prepared: PreparedStatements | None = None,
        before_query: Callable[[str], None] = _allow,
    ) -> None:
        self._connect = connect
        self._s3 = client("s3")
        self._glue = client("glue")
        self._workgroups = workgroups
        self._caller = access.caller
        self._user_of = access.user_of
        self._require = access.require
        self._filtered = access.filtered
        self._named_queries = named_queries
        self._before_query = before_query
        self._executions: OrderedDict[str, Execution] = OrderedDict()
        self._tokens: dict[str, str] = {}
        self._prepared = prepared or PreparedStatements(list)
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(_CONCURRENT_QUERIES, thread_name_prefix="athena")
        access.authorized_by(self._workgroups_of)

    def close(self) -> None:
        """Let running queries end and stop taking new ones."""
        self._pool.shutdown(cancel_futures=True)

    def _workgroups_of(self, request: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the workgroups that a request is about: that which it names, or those of its queries.

        None for a query that is not there.
        """
        if "WorkGroup" in request:
            return (str(request["WorkGroup"]),)
        saved = self._saved()
        ids = [request[name] for name in ("QueryExecutionId", "NamedQueryId") if name in request]
        ids += [*request.get("QueryExecutionIds", ()), *request.get("NamedQueryIds", ())]
        if not ids:
            return ("primary",)
        running = {str(self._executions[i].workgroup) for i in ids if i in self._executions}
        return tuple(sorted(running | {str(saved[i].get("WorkGroup", "primary")) for i in ids if i in saved}))

    # ---- queries

    def start_query_execution(self, request: Document) -> Document:
        """Accept a query; it runs in the background as the caller's principal."""
        workgroup = self._workgroup(request.get("WorkGroup", "primary"))
        if workgroup["State"] == "DISABLED":
            raise ServiceError("InvalidRequestException", f"WorkGroup {workgroup['Name']} is disabled.")
        output = _output_location(request, workgroup)
        principal = self._caller()
        with self._lock:
            token = request.get("ClientRequestToken")
            known = self._executions.get(self._tokens.get(token, "")) if token else None
            if known is not None:
                if known.request["QueryString"] != request["QueryString"]:
                    raise ServiceError("InvalidRequestException", "Idempotent parameters do not match")
                return {"QueryExecutionId": known.id}
            execution = Execution(
                id=str(uuid.uuid4()),
                request=request,
                user=self._user_of(principal),
                principal=principal,
                workgroup=workgroup["Name"],
                output=output,
                submitted=datetime.now(UTC),
            )
            execution.statement = statements.parse(
                request["QueryString"], request.get("QueryExecutionContext", {}).get("Database", "default")
            )
            self._remember(execution, token)
        self._pool.submit(self._run, execution)
        return {"QueryExecutionId": execution.id}

    def get_query_execution(self, request: Document) -> Document:
        """Describe one query."""
        return {"QueryExecution": _described(self._execution(request["QueryExecutionId"]))}

    def batch_get_query_execution(self, request: Document) -> Document:
        """Describe several queries; unknown ones are listed apart."""
        known = [i for i in request["QueryExecutionIds"] if i in self._executions]
        missing = [i for i in request["QueryExecutionIds"] if i not in self._executions]
        return {
            "QueryExecutions": [_described(self._executions[i]) for i in known],
            "UnprocessedQueryExecutionIds": [
                {"QueryExecutionId": i, "ErrorCode": "INVALID_QUERY_EXECUTION_ID", "ErrorMessage": "not found"}
                for i in missing
            ],
        }

    def list_query_executions(self, request: Document) -> Document:
        """List the ids of a workgroup's queries, newest first."""
        workgroup = self._workgroup(request.get("WorkGroup", "primary"))["Name"]
        with self._lock:
            ids = [e.id for e in reversed(self._executions.values()) if e.workgroup == workgroup]
        start, end, token = _page(request, len(ids), 50)
        return _given({"QueryExecutionIds": ids[start:end] or None, "NextToken": token})

    def stop_query_execution(self, request: Document) -> Document:
        """Cancel a query that has not ended."""
        execution = self._execution(request["QueryExecutionId"])
        with self._lock:
            if execution.state not in _FINAL:
                _finish(execution, "CANCELLED", "Query was cancelled by the user")
                if execution.cursor is not None:
                    execution.cursor.cancel()
        return {}

    def get_query_results(self, request: Document) -> Document:
        """Return a page of rows; the first row of a query's first page holds the column names."""
        execution = self._execution(request["QueryExecutionId"])
        if execution.state != "SUCCEEDED":
            reason = f"Query did not finish successfully. Final query state: {execution.state}"
            raise ServiceError("InvalidRequestException", reason)
        workgroup = self._workgroup(execution.workgroup)
        self._require(self._caller(), rights.reads_result(execution.location, workgroup))
        is_query = execution.location.endswith(".csv")
        header: Rows = [[column["Name"] for column in execution.columns]] if is_query and execution.columns else []
        rows = header + execution.rows
        start, end, token = _page(request, len(rows), _PAGE)
        answer = {
            "UpdateCount": execution.update_count,
            "ResultSet": {
                "Rows": [{"Data": [_datum(value) for value in row]} for row in rows[start:end]],
                "ResultSetMetadata": {"ColumnInfo": execution.columns},
            },
            "NextToken": token,
        }
        return _given(answer)

    # ---- workgroups and saved queries

    def get_work_group(self, request: Document) -> Document:
        """Describe a workgroup as the template states it."""
        return {"WorkGroup": self._workgroup(request["WorkGroup"])}

    def list_work_groups(self, _request: Document) -> Document:
        """List the workgroups of the template, and `primary`, which every account has."""
        names = sorted({"primary", *(properties["Name"] for properties in self._workgroups())})
        found = [self._workgroup(name) for name in names]
        return {"WorkGroups": [{"Name": group["Name"], "State": group["State"]} for group in found]}

    def list_named_queries(self, request: Document) -> Document:
        """List the ids of the saved queries of a workgroup."""
        workgroup = request.get("WorkGroup", "primary")
        ids = [i for i, query in self._saved().items() if query.get("WorkGroup", "primary") == workgroup]
        return _given({"NamedQueryIds": ids or None})

    def get_named_query(self, request: Document) -> Document:
        """Return a saved query."""
        saved = self._saved()
        if request["NamedQueryId"] not in saved:
            raise ServiceError("InvalidRequestException", f"NamedQuery {request['NamedQueryId']} was not found")
        return {"NamedQuery": saved[request["NamedQueryId"]]}

    def create_prepared_statement(self, request: Document) -> Document:
        """Keep a statement with `?` for EXECUTE."""
        self._prepared.create(*self._to_prepare(request))
        return {}

    def update_prepared_statement(self, request: Document) -> Document:
        """Replace a prepared statement."""
        self._prepared.update(*self._to_prepare(request))
        return {}

    def _to_prepare(self, request: Document) -> tuple[str, str, str, str | None]:
        workgroup = self._workgroup(request["WorkGroup"])["Name"]
        return workgroup, request["StatementName"], request["QueryStatement"], request.get("Description")

    def get_prepared_statement(self, request: Document) -> Document:
        """Return a prepared statement."""
        return {"PreparedStatement": self._prepared.find(request["WorkGroup"], request["StatementName"])}

    def delete_prepared_statement(self, request: Document) -> Document:
        """Forget a prepared statement."""
        self._prepared.delete(request["WorkGroup"], request["StatementName"])
        return {}

    def list_prepared_statements(self, request: Document) -> Document:
        """List the prepared statements of a workgroup."""
        found = self._prepared.listed(self._workgroup(request["WorkGroup"])["Name"])
        start, end, token = _page(request, len(found), 50)
        return _given({"PreparedStatements": found[start:end], "NextToken": token})

    # ---- how a query runs

    def _run(self, execution: Execution) -> None:
        with self._lock:
            if execution.state in _FINAL:
                return
            execution.state = "RUNNING"
        try:
            self._look_up_prepared(execution)
            self._permit_catalog(execution)
            self._before_query(execution.user)
            earlier = self._reusable(execution)
            if earlier is None:
                self._perform(execution)
            else:
                _take_over(execution, earlier)
        except ScanLimitError as error:
            with self._lock:
                if execution.state not in _FINAL:
                    _finish(execution, "CANCELLED", str(error))
        except ServiceError as error:
            self._fail(execution, error.message, category=_USER_ERROR, kind=0)
        except Exception as error:  # whatever went wrong belongs to this query, not to the service
            self._fail_by(execution, error)
        else:
            with self._lock:
                if execution.state not in _FINAL:
                    _finish(execution, "SUCCEEDED")

    def _look_up_prepared(self, execution: Execution) -> None:
        """Find what EXECUTE runs, and refuse whoever may not find, make or forget prepared statements."""
        statement = execution.runs
        workgroup = execution.workgroup
        self._require(execution.principal, rights.of_prepared(statement, workgroup, known=self._known(execution)))
        if statement.kind is not Kind.EXECUTE:
            return
        text = self._prepared.find(workgroup, statement.target[0])["QueryStatement"]
        found = statements.parse(text, _database_of(execution))
        if found.kind not in {Kind.QUERY, Kind.WRITE}:
            raise statements.refusal(f"EXECUTE of a prepared {found.substatement}")
        execution.prepared = found

    def _known(self, execution: Execution) -> bool:
        name = execution.runs.target[0] if execution.runs.kind is Kind.PREPARE else ""
        return bool(name) and self._prepared.has(execution.workgroup, name)

    def _permit_catalog(self, execution: Execution) -> None:
        """Refuse a query whose author may not look up what it names."""
        self._require(execution.principal, rights.of_catalog(execution.runs, _database_of(execution)))

    def _reusable(self, execution: Execution) -> Execution | None:
        """Return the newest query whose result is that of this one, and that its author may read."""
        oldest = reuse.oldest(execution.request, execution.submitted)
        if oldest is None or not reuse.is_steady(execution.runs.kind, execution.runs.sql):
            return None
        key = _key_of(execution)
        with self._lock:
            before = [one for one in reversed(self._executions.values()) if one is not execution]
        found = next((one for one in before if _is_answer(one, since=oldest) and _key_of(one) == key), None)
        return found if found is not None and self._may_reuse(execution, found) else None

    def _may_reuse(self, execution: Execution, earlier: Execution) -> bool:
        """Ask for the tables and for the earlier result; the engine checks the tables without reading them."""
        if self._filtered(execution.user, rights.tables_of(execution.runs, _database_of(execution))):
            return False
        try:
            workgroup = self._workgroup(execution.workgroup)
            self._require(execution.principal, rights.reads_result(earlier.location, workgroup))
            self._trino_run(execution, statements.without_reading(execution.runs.sql, _arguments(execution)))
        except Exception:  # then the query runs, and says itself what is wrong
            LOGGER.debug("query %s cannot have the result of %s", execution.id, earlier.id, exc_info=True)
            return False
        return True

    def _perform(self, execution: Execution) -> None:
        statement = execution.statement
        if statement is None:
            raise ValueError(f"query {execution.id} was not parsed")
        run = {
            Kind.UNLOAD: self._unload,
            Kind.CTAS: self._create_table_as,
            Kind.VIEW: self._create_view,
            Kind.PREPARE: self._prepare,
            Kind.EXECUTE: self._execute_prepared,
            Kind.DEALLOCATE: self._deallocate,
        }.get(statement.kind, self._ask)
        run(execution, statement)

    def _ask(self, execution: Execution, statement: Statement) -> None:
        outcome = self._trino_run(execution, statements.with_arguments(statement.sql, _arguments(execution)))
        if statement.kind is Kind.QUERY:
            self._keep_to_limit(execution, outcome)
        if statement.kind is Kind.DDL:
            outcome = outcome.without_rows()
        self._publish(execution, outcome, plain_text=statement.statement_type != "DML")

    def _keep_to_limit(self, execution: Execution, outcome: QueryOutcome) -> None:
        execution.scanned = outcome.scanned
        limit = self._workgroup(execution.workgroup)["Configuration"].get("BytesScannedCutoffPerQuery")
        if limit is not None and outcome.scanned > int(limit):
            raise ScanLimitError("Bytes scanned limit was exceeded")

    def _create_table_as(self, execution: Execution, statement: Statement) -> None:
        if statement.is_iceberg:
            self._require_types(execution, statement, lambda kind: kind == "timestamp(6)", "cast it to timestamp(6)")
        default = f"{execution.output}tables/{execution.id}/"
        self._require(execution.principal, rights.writes_files(statement.location or default))
        outcome = self._trino_run(execution, statements.create_table_as(statement, default))
        self._write_manifest(execution, statement.location or default)
        self._publish(execution, outcome.without_rows(), plain_text=True)

    def _require_types(self, execution: Execution, statement: Statement, fits: Callable[[str], bool], fix: str) -> None:
        """Refuse time types that Athena refuses; Trino would silently store another type."""
        for name, kind in self._columns_of(execution, statement.query):
            if kind.startswith("timestamp") and not fits(kind):
                message = f"NOT_SUPPORTED: column {name}: type {kind} is not supported here; {fix}"
                raise ServiceError("InvalidRequestException", message)

    def _columns_of(self, execution: Execution, query: str) -> list[tuple[str, str]]:
        return self._trino_run(execution, f"SELECT * FROM (\n{query}\n) LIMIT 0").columns  # noqa: S608  # a user's own SQL

    def _create_view(self, execution: Execution, statement: Statement) -> None:
        self._require_types(execution, statement, lambda kind: "zone" not in kind, "cast it to timestamp(6)")
        outcome = self._trino_run(execution, statement.sql)
        _, database, name = statement.target
        self._describe_view(
            database, name, self._columns_of(execution, f"TABLE {statements.quoted(*statement.target)}")
        )
        self._publish(
            execution, QueryOutcome(columns=[], rows=[], update_count=None, scanned=outcome.scanned), plain_text=True
        )

    def _describe_view(self, database: str, name: str, columns: list[tuple[str, str]]) -> None:
        """Write a view's columns into the catalog, where Athena's users read them; Trino writes a dummy."""
        table = self._glue.get_table(DatabaseName=database, Name=name)["Table"]
        kept = ("Name", "Description", "Owner", "TableType", "Parameters", "ViewOriginalText", "ViewExpandedText")
        table_input = {key: table[key] for key in kept if table.get(key)}
        described = [{"Name": column, "Type": results.hive_type(kind)} for column, kind in columns]
        storage = {**table.get("StorageDescriptor", {}), "Columns": described}
        self._glue.update_table(DatabaseName=database, TableInput={**table_input, "StorageDescriptor": storage})

    def _unload(self, execution: Execution, statement: Statement) -> None:
        """Write files through a table that only this engine sees, and forget the table."""
        location = _folder(statement.location or "")
        self._require(execution.principal, rights.writes_files(location))
        if self._files(location):
            raise ServiceError("InvalidRequestException", f"HIVE_PATH_ALREADY_EXISTS: {location} is not empty")
        table = statements.quoted(SCRATCH_CATALOG, SCRATCH_SCHEMA, f"unload_{execution.id.replace('-', '_')}")
        properties = f"external_location = {statements.literal(location)}, format = 'PARQUET'"
        sql = f"CREATE TABLE {table} WITH ({properties}) AS {statement.sql}"
        outcome = self._trino_run(execution, statements.with_arguments(sql, _arguments(execution)))
        self._trino_run(execution, f"DROP TABLE {table}")
        self._write_manifest(execution, location)
        self._publish(execution, outcome.without_rows(), plain_text=False)

    def _prepare(self, execution: Execution, statement: Statement) -> None:
        keep = self._prepared.update if self._known(execution) else self._prepared.create
        keep(execution.workgroup, statement.target[0], statement.sql, None)
        self._publish(execution, NOTHING, plain_text=True)

    def _execute_prepared(self, execution: Execution, _statement: Statement) -> None:
        sql = statements.execute_immediate(execution.runs.sql, _arguments(execution))
        outcome = self._trino_run(execution, sql)
        if execution.runs.kind is Kind.QUERY:
            self._keep_to_limit(execution, outcome)
        self._publish(execution, outcome, plain_text=False)

    def _deallocate(self, execution: Execution, statement: Statement) -> None:
        self._prepared.delete(execution.workgroup, statement.target[0])
        self._publish(execution, NOTHING, plain_text=True)

    def _trino_run(self, execution: Execution, sql: str) -> QueryOutcome:
        context = execution.request.get("QueryExecutionContext", {})
        catalog = context.get("Catalog", CATALOG).lower()
        if catalog not in _CATALOGS:
            raise ServiceError("InvalidRequestException", f"Catalog {catalog} does not exist; the twin has {CATALOG}")
        connection = self._connect(execution.user, catalog=catalog, schema=context.get("Database"))
        cursor = connection.cursor()
        with self._lock:
            if execution.state in _FINAL:
                raise ServiceError("InvalidRequestException", "Query was cancelled by the user")
            execution.cursor = cursor
        try:
            cursor.execute(sql)
            raw = cursor.fetchall()
            columns = [(column[0], column[1]) for column in cursor.description or ()]
            written = cursor.rowcount if cursor.rowcount >= 0 else None
            scanned = int((cursor.stats or {}).get("physicalInputBytes", 0))
        finally:
            execution.cursor = None
            connection.close()
        rows = [[results.text(v, kind) for v, (_, kind) in zip(row, columns, strict=True)] for row in raw]
        return QueryOutcome(columns=columns, rows=rows, update_count=written, scanned=scanned)

    # ---- where the results go

    def _publish(self, execution: Execution, outcome: QueryOutcome, *, plain_text: bool) -> None:
        execution.columns = [results.column_info(name, kind) for name, kind in outcome.columns]
        execution.update_count = outcome.update_count
        execution.scanned = outcome.scanned
        is_query = execution.statement is not None and execution.statement.kind in {Kind.QUERY, Kind.EXECUTE}
        execution.rows = outcome.rows if plain_text or is_query else []
        if not plain_text and not is_query:  # INSERT and its kin answer with a count, not with rows
            execution.columns = []
        execution.location = f"{execution.output}{execution.id}.{'txt' if plain_text else 'csv'}"
        workgroup = self._workgroup(execution.workgroup)
        self._require(execution.principal, rights.writes_result(execution.location, workgroup))
        if plain_text:
            body = results.text_document(execution.rows)
        else:
            body = results.csv_document([column["Name"] for column in execution.columns], execution.rows)
        self._put(execution.location, body)
        self._put(execution.location + ".metadata", json.dumps(execution.columns).encode())

    def _write_manifest(self, execution: Execution, location: str) -> None:
        """List the written files; without the list awswrangler would consider the result empty."""
        execution.manifest = f"{execution.output}tables/{execution.id}-manifest.csv"
        self._put(execution.manifest, "".join(f"{path}\n" for path in self._files(location)).encode())

    def _files(self, location: str) -> list[str]:
        bucket, key = _bucket_and_key(_folder(location))
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
        return [f"s3://{bucket}/{found['Key']}" for page in pages for found in page.get("Contents", [])]

    def _put(self, location: str, body: bytes) -> None:
        bucket, key = _bucket_and_key(location)
        self._s3.put_object(Bucket=bucket, Key=key, Body=body)

    # ---- stored queries and workgroups

    def _remember(self, execution: Execution, token: str | None) -> None:
        self._executions[execution.id] = execution
        if token:
            self._tokens[token] = execution.id
        while len(self._executions) > _KEPT_EXECUTIONS:
            self._executions.popitem(last=False)

    def _execution(self, execution_id: str) -> Execution:
        if execution_id not in self._executions:
            raise ServiceError("InvalidRequestException", f"QueryExecution {execution_id} was not found")
        return self._executions[execution_id]

    def _workgroup(self, name: str) -> Document:
        stated = {properties["Name"]: properties for properties in self._workgroups()}
        if name not in stated and name != "primary":
            known = ", ".join(sorted({"primary", *stated}))
            raise ServiceError("InvalidRequestException", f"WorkGroup {name} is not found. There are: {known}.")
        properties = stated.get(name, {})
        configuration = {"EnforceWorkGroupConfiguration": True, **properties.get("WorkGroupConfiguration", {})}
        if name not in stated:
            configuration["EnforceWorkGroupConfiguration"] = False
        version = {"SelectedEngineVersion": ENGINE_VERSION, "EffectiveEngineVersion": ENGINE_VERSION}
        return {
            "Name": name,
            "State": properties.get("State", "ENABLED"),
            "Description": properties.get("Description", ""),
            "Configuration": {**configuration, "EngineVersion": version},
        }

    def _saved(self) -> dict[str, Document]:
        queries = {}
        for stated in self._named_queries():
            name = stated.get("Name", "")
            identifier = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{stated.get('WorkGroup', 'primary')}/{name}"))
            queries[identifier] = {**stated, "Name": name, "NamedQueryId": identifier}
        return queries

    # ---- how a query fails

    def _fail_by(self, execution: Execution, error: Exception) -> None:
        import trino.exceptions

        if isinstance(error, trino.exceptions.TrinoQueryError):
            category = _USER_ERROR if error.error_type == "USER_ERROR" else _SYSTEM_ERROR
            kind = _ICEBERG_ERROR if str(error.error_name).startswith("ICEBERG") else 0
            self._fail(execution, f"{error.error_name}: {error.message}", category=category, kind=kind)
            return
        LOGGER.exception("query %s failed outside the engine", execution.id)
        self._fail(execution, f"{type(error).__name__}: {error}", category=_SYSTEM_ERROR, kind=0)

    def _fail(self, execution: Execution, reason: str, *, category: int, kind: int) -> None:
        with self._lock:
            if execution.state in _FINAL:
                return
            execution.error = {
                "ErrorCategory": category,
                "ErrorType": kind,
                "Retryable": False,
                "ErrorMessage": reason,
            }
            execution.location = execution.location or f"{execution.output}{execution.id}.csv"
            _finish(execution, "FAILED", reason)


def _database_of(execution: Execution) -> str:
    return str(execution.request.get("QueryExecutionContext", {}).get("Database", rights.DEFAULT_DATABASE))


def _arguments(execution: Execution) -> str:
    """Return the values for `?` as SQL: those of EXECUTE ... USING, or those of the request."""
    stated = execution.statement
    if stated is not None and stated.kind is Kind.EXECUTE and stated.sql:
        return stated.sql
    return ", ".join(execution.request.get("ExecutionParameters") or ())


def _key_of(execution: Execution) -> reuse.Key:
    return reuse.key_of(execution.request, execution.runs, workgroup=execution.workgroup, output=execution.output)


def _is_answer(execution: Execution, *, since: datetime) -> bool:
    """Say whether a query has a result of its own that is as new."""
    done = execution.state == "SUCCEEDED" and not execution.reused
    return done and execution.completed is not None and execution.completed >= since


def _take_over(execution: Execution, earlier: Execution) -> None:
    """Give a query the result of an earlier one; nothing is read for it."""
    execution.columns, execution.rows = earlier.columns, earlier.rows
    execution.update_count, execution.location = earlier.update_count, earlier.location
    execution.scanned, execution.reused = 0, True


def _finish(execution: Execution, state: str, reason: str | None = None) -> None:
    execution.reason = reason
    execution.completed = datetime.now(UTC)
    execution.state = state


def _described(execution: Execution) -> Document:
    statement = execution.statement
    ended = execution.completed or datetime.now(UTC)
    milliseconds = max(0, int((ended - execution.submitted).total_seconds() * 1000))
    described = {
        "QueryExecutionId": execution.id,
        "Query": execution.request["QueryString"],
        "StatementType": statement.statement_type if statement else None,
        "SubstatementType": statement.substatement if statement else None,
        "WorkGroup": execution.workgroup,
        "QueryExecutionContext": execution.request.get("QueryExecutionContext", {}),
        "ExecutionParameters": execution.request.get("ExecutionParameters"),
        "ResultReuseConfiguration": execution.request.get("ResultReuseConfiguration"),
        "ResultConfiguration": {"OutputLocation": execution.location or f"{execution.output}{execution.id}.csv"},
        "Status": {
            "State": execution.state,
            "StateChangeReason": execution.reason,
            "SubmissionDateTime": execution.submitted,
            "CompletionDateTime": execution.completed,
            "AthenaError": execution.error,
        },
        "Statistics": {
            "EngineExecutionTimeInMillis": milliseconds,
            "TotalExecutionTimeInMillis": milliseconds,
            "DataScannedInBytes": execution.scanned,
            "DataManifestLocation": execution.manifest,
            "ResultReuseInformation": {"ReusedPreviousResult": execution.reused},
        },
        "EngineVersion": {"SelectedEngineVersion": ENGINE_VERSION, "EffectiveEngineVersion": ENGINE_VERSION},
    }
    return _given({key: _given(part) if isinstance(part, dict) else part for key, part in described.items()})


def _given(document: Document) -> Document:
    """Return the document without members that have no value, as the service does."""
    return {key: value for key, value in document.items() if value is not None}


def _output_location(request: Document, workgroup: Mapping[str, Any]) -> str:
    configuration = workgroup["Configuration"]
    stated: str | None = configuration.get("ResultConfiguration", {}).get("OutputLocation")
    asked: str | None = request.get("ResultConfiguration", {}).get("OutputLocation")
    location = stated if stated and configuration["EnforceWorkGroupConfiguration"] else asked or stated
    if not location:
        message = f"No output location provided: set one in workgroup {workgroup['Name']} or in the request."
        raise ServiceError("InvalidRequestException", message)
    return _folder(location)


def _folder(location: str) -> str:
    return location if location.endswith("/") else location + "/"


def _bucket_and_key(location: str) -> tuple[str, str]:
    scheme, _, rest = location.partition("://")
    if scheme != "s3" or not rest:
        raise ServiceError("InvalidRequestException", f"{location!r} is not an S3 location (s3://bucket/prefix)")
    bucket, _, key = rest.partition("/")
    return bucket, key


def _page(request: Document, length: int, default: int) -> tuple[int, int, str | None]:
    start = int(request.get("NextToken") or 0)
    end = start + int(request.get("MaxResults") or default)
    return start, end, str(end) if end < length else None


def _datum(value: str | None) -> Document:
    return {} if value is None else {"VarCharValue": value}
