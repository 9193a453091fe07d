"""Translates Athena's statements for Trino.

Athena's engine is Trino, but its data definition is Hive's, its CREATE TABLE AS has properties of its own, and UNLOAD
exists nowhere else. This module recognises the kinds of statement and rewrites those that dbt's models and
awswrangler's reads send. Every other statement is refused by name, so that none succeeds by accident.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from twin.emulator.wire import ServiceError
from twin.engines.trino import CATALOG, HIVE_CATALOG
from twin.providers.athena.words import Words, WordsError


class Kind(StrEnum):
    """What a statement does, as far as the service has to treat it differently."""

    QUERY = "QUERY"
    EXPLAIN = "EXPLAIN"
    WRITE = "WRITE"
    CTAS = "CTAS"
    VIEW = "VIEW"
    DDL = "DDL"
    LIST = "LIST"
    UNLOAD = "UNLOAD"
    PREPARE = "PREPARE"
    EXECUTE = "EXECUTE"
    DEALLOCATE = "DEALLOCATE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement, ready for Trino.

    Attributes:
        kind: see `Kind`.
        substatement: Athena's SubstatementType.
        sql: the text for Trino; for UNLOAD the query inside it, for EXECUTE its arguments.
        target: (catalog, database, table) that is created, or (prepared statement's name,).
        location: where a table or an UNLOAD puts its files; None when the statement leaves it open.
        properties: WITH properties: of UNLOAD as texts, of CREATE TABLE AS as SQL in Trino's names.
        query: the SELECT of a CREATE TABLE AS or CREATE VIEW.
    """

    kind: Kind
    substatement: str
    sql: str
    target: tuple[str, ...] = ()
    location: str | None = None
    properties: dict[str, str] = field(default_factory=dict)
    query: str = ""

    @property
    def statement_type(self) -> str:
        """Athena's StatementType: DDL, DML or UTILITY."""
        if self.kind in {Kind.LIST, Kind.EXPLAIN}:
            return "UTILITY"
        return "DDL" if self.kind in {Kind.CTAS, Kind.VIEW, Kind.DDL, Kind.PREPARE, Kind.DEALLOCATE} else "DML"

    @property
    def is_iceberg(self) -> bool:
        """Whether a CREATE TABLE AS makes an Iceberg table."""
        return self.kind is Kind.CTAS and self.target[0] == CATALOG


_ICEBERG_PROPERTIES: Final = {"location", "partitioning", "format"}
_HIVE_PROPERTIES: Final = {"external_location", "partitioned_by", "format", "bucketed_by", "bucket_count"}
_FULL_NAME: Final = 3
_QUERIES: Final = {"SELECT", "WITH", "VALUES", "TABLE"}
_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "MERGE")


def parse(text: str, database: str = "default") -> Statement:
    """Recognise a statement and translate it for Trino.

    Args:
        text: the statement as sent.
        database: the one that a name without a database means.

    Raises:
        ServiceError: `InvalidRequestException` that names a statement or property that the twin does not support.
    """
    try:
        words = Words.of(text)
        verb = words.verb()
        if verb in _QUERIES:
            return Statement(kind=Kind.QUERY, substatement="SELECT", sql=words.rest())
        if verb == "EXPLAIN":
            return Statement(kind=Kind.EXPLAIN, substatement=verb, sql=words.rest())
        if verb in _WRITES:
            return Statement(kind=Kind.WRITE, substatement=verb, sql=words.rest())
        words.expect(verb)
        build = _BUILDERS[verb]
        return _in_database(build(words), database)
    except (WordsError, KeyError) as error:
        raise refusal(text) from error


def _in_database(statement: Statement, database: str) -> Statement:
    if statement.kind in {Kind.CTAS, Kind.VIEW} and len(statement.target) < _FULL_NAME:
        return replace(statement, target=(statement.target[0], database.lower(), *statement.target[1:]))
    return statement


def refusal(sql: str) -> ServiceError:
    """Return the error for a statement that the twin does not support."""
    shown = " ".join(sql.split())[:120] or "(empty)"
    return ServiceError(
        "InvalidRequestException",
        f"the laptop twin's Athena does not support this statement: {shown}. It supports SELECT, INSERT, UPDATE, "
        "DELETE, MERGE, CREATE TABLE AS, CREATE VIEW, CREATE SCHEMA, DROP TABLE, DROP VIEW, ALTER TABLE RENAME TO, "
        "OPTIMIZE, VACUUM, UNLOAD, EXPLAIN, SHOW TABLES, SHOW DATABASES, PREPARE, EXECUTE and DEALLOCATE PREPARE.",
    )


def quoted(*parts: str) -> str:
    """Join name parts as Trino quotes them."""
    return ".".join(f'"{part}"' for part in parts)


def literal(text: str) -> str:
    """Write a text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def execute_immediate(query: str, arguments: str) -> str:
    """A statement with `?` as Trino takes it, with its arguments in SQL."""
    return f"EXECUTE IMMEDIATE {literal(query)}" + (f" USING {arguments}" if arguments else "")


def with_arguments(query: str, arguments: str) -> str:
    """A statement as Trino takes it, with values for its `?` if there are any."""
    return execute_immediate(query, arguments) if arguments else query


def without_reading(query: str, arguments: str) -> str:
    """A statement that Trino refuses where it would refuse the query, and that reads nothing.

    Trino explains no statement with values for `?`; for a condition that never holds it plans no scan.
    """
    if arguments:
        nothing = f"SELECT * FROM (\n{query}\n) WHERE false"  # noqa: S608  # whoever asked wrote the query
        return with_arguments(nothing, arguments)
    return f"EXPLAIN (TYPE VALIDATE) {query}"


def _create(words: Words) -> Statement:
    replace_view = words.take("OR", "REPLACE")
    if words.take("VIEW"):
        return _view(words)
    if replace_view:
        raise WordsError("OR REPLACE")
    if words.take("SCHEMA") or words.take("DATABASE"):
        guard = "IF NOT EXISTS " if words.take("IF", "NOT", "EXISTS") else ""
        name = words.name(parts=2)
        words.end()
        return _ddl(f"CREATE SCHEMA {guard}{quoted(*name)}", "CREATE_DATABASE")
    words.expect("TABLE")
    return _ctas(words)


def _ctas(words: Words) -> Statement:
    name = words.name()
    properties = words.properties() if words.take("WITH") else {}
    words.expect("AS")
    iceberg = (_unquoted(properties.pop("table_type", None)) or "hive").lower() == "iceberg"
    properties.pop("is_external", None)  # Athena wants the word; the catalog that is chosen here says the same
    properties.pop("write_compression", None)  # files are compressed with the engine's default
    unknown = set(properties) - (_ICEBERG_PROPERTIES if iceberg else _HIVE_PROPERTIES)
    if unknown:
        raise refusal(f"CREATE TABLE AS with the property {', '.join(sorted(unknown))}")
    location = properties.get("location") or properties.get("external_location")
    return Statement(
        kind=Kind.CTAS,
        substatement="CREATE_TABLE_AS_SELECT",
        sql="",
        target=(CATALOG if iceberg else HIVE_CATALOG, *name[-2:]),
        location=_unquoted(location),
        properties=properties,
        query=words.rest(),
    )


def _unquoted(value: str | None) -> str | None:
    return value[1:-1].replace("''", "'") if value else None


def create_table_as(statement: Statement, default_location: str) -> str:
    """The CREATE TABLE AS in Trino's words; Athena puts a table without a location below the query's results."""
    key = "location" if statement.is_iceberg else "external_location"
    properties = {key: literal(default_location), **statement.properties}
    words = ", ".join(f"{name} = {value}" for name, value in properties.items())
    return f"CREATE TABLE {quoted(*statement.target)} WITH ({words}) AS {statement.query}"


def _view(words: Words) -> Statement:
    name = words.name()
    head = words.before()
    words.expect("AS")
    query = words.rest()
    # Athena checks the caller's rights on what is below a view; Trino would check those of the view's owner.
    return Statement(
        kind=Kind.VIEW,
        substatement="CREATE_VIEW",
        sql=f"{head} SECURITY INVOKER AS {query}".replace("`", '"'),
        target=(CATALOG, *name[-2:]),
        query=query,
    )


def _unload(words: Words) -> Statement:
    query = words.in_parentheses()
    words.expect("TO")
    location = words.string()
    stated = words.properties() if words.take("WITH") else {}
    words.end()
    properties = {key: _unquoted(value) or "" for key, value in stated.items()}
    form = properties.get("format", "PARQUET").upper()
    if form != "PARQUET" or set(properties) - {"format", "compression"}:
        raise refusal(f"UNLOAD with {properties}")
    return Statement(kind=Kind.UNLOAD, substatement="UNLOAD", sql=query, location=location, properties=properties)


def _alter(words: Words) -> Statement:
    words.expect("TABLE")
    old = words.name()
    words.expect("RENAME", "TO")
    new = words.name()
    words.end()
    return _ddl(f"ALTER TABLE {quoted(*old)} RENAME TO {quoted(*new)}", "ALTER_TABLE_RENAME")


def _drop(words: Words) -> Statement:
    what = "VIEW" if words.take("VIEW") else "TABLE"
    if what == "TABLE":
        words.expect("TABLE")
    guard = "IF EXISTS " if words.take("IF", "EXISTS") else ""
    name = words.name()
    words.end()
    return _ddl(f"DROP {what} {guard}{quoted(*name)}", f"DROP_{what}")


def _optimize(words: Words) -> Statement:
    name = words.name()
    words.expect("REWRITE", "DATA", "USING", "BIN_PACK")
    words.end()
    return _ddl(f"ALTER TABLE {quoted(*name)} EXECUTE optimize", "OPTIMIZE")


def _vacuum(words: Words) -> Statement:
    """Athena forgets snapshots that are older than five days; Trino refuses to forget what is younger than seven."""
    table = quoted(*words.name())
    words.end()
    return _ddl(f"ALTER TABLE {table} EXECUTE expire_snapshots(retention_threshold => '7d')", "VACUUM")


def _ddl(sql: str, substatement: str) -> Statement:
    return Statement(kind=Kind.DDL, substatement=substatement, sql=sql)


def _show(words: Words) -> Statement:
    if words.take("DATABASES") or words.take("SCHEMAS"):
        words.end()
        return Statement(kind=Kind.LIST, substatement="SHOW_DATABASES", sql="SHOW SCHEMAS")
    words.expect("TABLES")
    place = f" FROM {quoted(*words.name(parts=1))}" if words.take("IN") or words.take("FROM") else ""
    words.end()
    return Statement(kind=Kind.LIST, substatement="SHOW_TABLES", sql=f"SHOW TABLES{place}")


def _prepare(words: Words) -> Statement:
    name = words.name(parts=1)
    words.expect("FROM")
    return Statement(kind=Kind.PREPARE, substatement="PREPARE", sql=words.rest(), target=name)


def _execute(words: Words) -> Statement:
    name = words.name(parts=1)
    arguments = words.rest() if words.take("USING") else ""
    words.end()
    return Statement(kind=Kind.EXECUTE, substatement="EXECUTE", sql=arguments, target=name)


def _deallocate(words: Words) -> Statement:
    words.expect("PREPARE")
    name = words.name(parts=1)
    words.end()
    return Statement(kind=Kind.DEALLOCATE, substatement="DEALLOCATE", sql="", target=name)


_BUILDERS: Final[dict[str, Callable[[Words], Statement]]] = {
    "CREATE": _create,
    "UNLOAD": _unload,
    "ALTER": _alter,
    "DROP": _drop,
    "OPTIMIZE": _optimize,
    "VACUUM": _vacuum,
    "SHOW": _show,
    "PREPARE": _prepare,
    "EXECUTE": _execute,
    "DEALLOCATE": _deallocate,
}
