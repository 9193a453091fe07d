"""The database of a namespace: PostgreSQL, in which the tables of external schemas are what Trino reads of the lake."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from twin.emulator.wire import ServiceError
from twin.providers.redshift import models, policies, streams
from twin.providers.redshift.statements import STREAMS, Kind, Statement, Table, refusal, translate

if TYPE_CHECKING:
    import psycopg

# What only the stand-in knows has a schema of its own.
_MAKE_HOME: Final = "CREATE SCHEMA IF NOT EXISTS twin"
_MAKE_KNOWN: Final = "CREATE TABLE IF NOT EXISTS twin.external_schema (name TEXT PRIMARY KEY, database TEXT, role TEXT)"
_FORGET: Final = "DELETE FROM twin.external_schema WHERE to_regnamespace(quote_ident(name)) IS NULL"
_KNOW: Final = "INSERT INTO twin.external_schema (name, database, role) VALUES (%s, %s, %s)"
_KNOWN: Final = "SELECT name, database, role FROM twin.external_schema"
_DROPPED: Final = re.compile(r"DROP MATERIALIZED VIEW (?:IF EXISTS )?(?P<schema>\w+)\.(?P<name>\w+)", re.IGNORECASE)
_DUPLICATE_SCHEMA: Final = "already exists"
# Scalars of Trino; Redshift reads other columns of such a table by paths, which no statement here does.
_TYPES: Final[Mapping[str, str]] = {
    "bigint": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "double": "DOUBLE PRECISION",
    "integer": "INTEGER",
    "real": "REAL",
    "smallint": "SMALLINT",
    "tinyint": "SMALLINT",
    "varchar": "VARCHAR",
}

Connect = Callable[[], "psycopg.Connection[Any]"]
# Yields the rows of columns of a table, by the database of the catalog, its name, and the role that reads.
ReadLake = Callable[["ExternalSchema", str], "LakeTable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSchema:
    """A schema that shows a database of the catalog.

    Attributes:
        database: of the catalog.
        role: the ARN of the role that reads it, or `default` for that of the namespace.
    """

    database: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeTable:
    """A table of the lake.

    Attributes:
        columns: the types of its columns, as Trino calls them, by name.
        rows: reads the rows of some columns.
    """

    columns: Mapping[str, str]
    rows: Callable[[Sequence[str]], Iterable[Sequence[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a result, with its type as PostgreSQL and Redshift call it."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a statement gave: columns and rows of a query, and how many rows another one changed."""

    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[Any]] = ()
    updated: int = -1
    is_query: bool = False


NOTHING: Final = Outcome()


@dataclass(slots=True, kw_only=True)
class Session:
    """One transaction of a user. Rows of the lake are read once in it."""

    connection: "psycopg.Connection[Any]"
    user: str
    is_administrator: bool
    read_lake: ReadLake
    check_model: models.Check
    read_stream: streams.ReadStream
    read: dict[Table, frozenset[str]] = field(default_factory=dict)

    def run(self, sql: str) -> Outcome:
        """Run one statement.

        Raises:
            ServiceError: the twin does not support it, or the user may not.
            psycopg.Error: the database refuses it.
        """
        if change := policies.read(sql):
            self._require_administrator(sql)
            change.apply(self.connection, change)
            return NOTHING
        schemas = self._external_schemas()
        statement = self._translate(sql, schemas)
        if statement.kept_from:
            policies.require_unprotected(self.connection, statement.kept_from, sql)
        if statement.changed and self._may_change(statement.changed):
            raise refusal("a change of rows that policies protect", sql)
        if (outcome := self._without_postgresql(statement, schemas, sql)) is not None:
            return outcome
        for table, name in statement.external.items():
            self._require_usage(table[0])
            self._bring_in(schemas[table[0]], table, name, statement.columns)
        with self._as_user(), self.connection.cursor() as cursor:
            cursor.execute(statement.sql)  # the text is a client's, as it must be
            if statement.kind is not Kind.QUERY or cursor.description is None:
                return Outcome(updated=cursor.rowcount)
            return Outcome(
                columns=[_column(one) for one in cursor.description],
                rows=cursor.fetchall(),
                is_query=True,
            )

    def _without_postgresql(
        self, statement: Statement, schemas: Mapping[str, ExternalSchema], sql: str
    ) -> Outcome | None:
        """Do what PostgreSQL has no statement for; None if this is not such a thing."""
        if statement.kind is Kind.EXTERNAL_SCHEMA:
            return self._create_external_schema(statement, schemas)
        refreshes = statement.kind is Kind.REFRESH and streams.is_view(self.connection, _table(statement))
        if not refreshes and statement.kind not in {Kind.MODEL, Kind.NO_MODEL, Kind.STREAM_VIEW}:
            return None
        self._require_administrator(sql)
        if refreshes:
            streams.refresh(self.connection, _table(statement), self.read_stream)
        elif statement.kind is Kind.STREAM_VIEW:
            streams.create(self.connection, statement, schemas[statement.values["reads"]].role)
        else:
            self._model(statement)
        return NOTHING

    def _translate(self, sql: str, schemas: Mapping[str, ExternalSchema]) -> Statement:
        functions = models.functions(self.connection)
        of_streams = frozenset(name for name, schema in schemas.items() if schema.database == STREAMS)
        lake = frozenset(schemas) - of_streams
        text = streams.in_plain_sql(sql) if of_streams else sql
        text = self._dropped(text)
        if self.is_administrator:  # whom no policy holds for
            return translate(text, lake, functions=functions, streams=of_streams)
        shield = policies.Policies(connection=self.connection, user=self.user)
        return translate(text, lake, shield, functions, of_streams)

    def _dropped(self, sql: str) -> str:
        """Return a statement in which a view over a stream that is dropped is the table that it is here."""
        found = _DROPPED.match(sql.strip())
        if found and streams.is_view(self.connection, (found["schema"].lower(), found["name"].lower())):
            return sql.replace("MATERIALIZED VIEW", "TABLE", 1)
        return sql

    def _model(self, statement: Statement) -> None:
        """Train a model on what its query gives, or take one away."""
        if statement.kind is Kind.NO_MODEL:
            models.drop(self.connection, statement.values, guarded=statement.guarded)
            return
        self.check_model(statement.values)
        given = self.run(statement.values["query"])
        training = models.Training(
            names=[one.name for one in given.columns], types=[one.type for one in given.columns], rows=given.rows
        )
        models.create(self.connection, statement.values, training, self.user)

    def _require_administrator(self, sql: str) -> None:
        if not self.is_administrator:
            raise ServiceError("ValidationException", f"ERROR: permission denied: {' '.join(sql.split())[:60]}")

    def _may_change(self, table: Table) -> bool:
        """Tell whether the user could change a table at all; who may not is told so by the database."""
        asked = "SELECT has_table_privilege(%s, format('%%I.%%I', %s::text, %s::text), 'UPDATE, DELETE')"
        found = self.connection.execute(asked, (self.user, *table)).fetchone()
        return bool(found and found[0])

    @contextmanager
    def _as_user(self) -> Iterator[None]:
        from psycopg import sql

        self.connection.execute(sql.SQL("SET LOCAL SESSION AUTHORIZATION {}").format(sql.Identifier(self.user)))
        yield
        # After an error the transaction is over, and with it what was set in it.
        self.connection.execute("RESET SESSION AUTHORIZATION")

    def _external_schemas(self) -> dict[str, ExternalSchema]:
        rows = self.connection.execute(_KNOWN).fetchall()
        return {name: ExternalSchema(database=database, role=role) for name, database, role in rows}

    def _create_external_schema(self, statement: Statement, known: Mapping[str, ExternalSchema]) -> Outcome:
        from psycopg import sql

        values = statement.values
        name = values["schema"]
        if name in known:
            if statement.guarded:
                return NOTHING
            raise ServiceError("ValidationException", f'ERROR: schema "{name}" {_DUPLICATE_SCHEMA}')
        with self._as_user():
            self.connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        self.connection.execute(_KNOW, (name, values["database"], values["role"]))
        return NOTHING

    def _require_usage(self, schema: str) -> None:
        may = self.connection.execute("SELECT has_schema_privilege(%s, %s, 'USAGE')", (self.user, schema)).fetchone()
        if not may or not may[0]:
            raise ServiceError("ValidationException", f"ERROR: permission denied for schema {schema}")

    def _bring_in(self, schema: ExternalSchema, table: Table, name: str, wanted: frozenset[str] | None) -> None:
        """Read a table of the lake into a temporary one, with the columns that the statement may mean."""
        from psycopg import sql

        lake = self.read_lake(schema, table[1])
        types = {column: found for column, kind in lake.columns.items() if (found := _type(kind)) is not None}
        named = frozenset(column for column in types if wanted is None or column in wanted)
        columns = named or frozenset([*types][:1])  # rows are counted by any of them
        if columns <= self.read.get(table, frozenset()) and table in self.read:
            return
        columns |= self.read.get(table, frozenset())
        chosen = [column for column in types if column in columns]
        target = sql.Identifier(name)
        self.connection.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(target))
        defined = sql.SQL(", ").join(
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(types[column])) for column in chosen
        )
        self.connection.execute(sql.SQL("CREATE TEMPORARY TABLE {} ({}) ON COMMIT DROP").format(target, defined))
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(target, sql.SQL(", ").join(map(sql.Identifier, chosen)))
        with self.connection.cursor() as cursor, cursor.copy(into) as copy:
            for row in lake.rows(chosen):
                copy.write_row(row)
        self.connection.execute(sql.SQL("GRANT SELECT ON {} TO PUBLIC").format(target))
        self.read[table] = columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The database of a namespace.

    Attributes:
        connect: opens a connection of the server's own administrator.
        administrator: the user who may do everything in Redshift.
        read_lake: finds a table of an external schema.
        check_model: refuses a model that its role may not train.
        read_stream: reads what has come into a stream.
    """

    connect: Connect
    administrator: str
    read_lake: ReadLake
    check_model: models.Check
    read_stream: streams.ReadStream

    def prepare(self, user: str, roles: Sequence[str]) -> None:
        """Make what the stand-in itself needs, the administrator, and a user, who comes to be by signing in.

        Args:
            roles: that the user has from now on, as far as they are there.
        """
        with self.connect() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(360)")
            connection.execute(_MAKE_HOME)
            connection.execute(_MAKE_KNOWN)
            for make in (*policies.MAKE, *models.MAKE, *streams.MAKE):
                connection.execute(make)
            _let_user_be(connection, self.administrator, "SUPERUSER")
            _let_user_be(connection, user, "NOSUPERUSER")
            _let_user_have(connection, user, roles)
            # What a dropped schema showed is forgotten with it.
            connection.execute(_FORGET)

    def run(
        self,
        statements: Sequence[str],
        user: str,
        ended: Callable[[Outcome], None],
        *,
        roles: Sequence[str] = (),
    ) -> None:
        """Run statements in one transaction.

        Args:
            ended: is told of each statement that has succeeded.
            roles: of the database, that the user signs in with.

        Raises:
            ServiceError: the twin does not support a statement, or the user may not.
            psycopg.Error: the database refuses one; nothing has changed then.
        """
        self.prepare(user, roles)
        with self.connect() as connection:
            session = Session(
                connection=connection,
                user=user,
                is_administrator=user == self.administrator,
                read_lake=self.read_lake,
                check_model=self.check_model,
                read_stream=self.read_stream,
            )
            for statement in statements:
                ended(session.run(statement))


def _table(statement: Statement) -> Table:
    return statement.values["schema"], statement.values["name"]


def _let_user_be(connection: "psycopg.Connection[Any]", name: str, rights: str) -> None:
    from psycopg import sql

    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone() is None:
        connection.execute(
            sql.SQL("CREATE ROLE {} NOLOGIN {}").format(
                sql.Identifier(name),
                sql.SQL(rights),  # one of two words of this module
            )
        )


def _let_user_have(connection: "psycopg.Connection[Any]", user: str, roles: Sequence[str]) -> None:
    from psycopg import sql

    there = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(roles),)).fetchall()
    for (role,) in there:
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), sql.Identifier(user)))


def _type(trino: str) -> str | None:
    base = trino.partition("(")[0]
    if base == "decimal":
        return trino.upper()
    if base == "timestamp":
        return "TIMESTAMPTZ" if trino.endswith("with time zone") else "TIMESTAMP"
    return _TYPES.get(base)


def _column(described: Any) -> Column:
    return Column(
        name=described.name,
        type=_NAMES.get(described.type_code, described.type_display),
        precision=described.precision or 0,
        scale=described.scale or 0,
    )


# Types by PostgreSQL's own numbers, as the Data API calls them.
_NAMES: Final[Mapping[int, str]] = {
    16: "bool",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "varchar",
    700: "float4",
    701: "float8",
    1042: "bpchar",
    1043: "varchar",
    1082: "date",
    1114: "timestamp",
    1184: "timestamptz",
    1700: "numeric",
}
