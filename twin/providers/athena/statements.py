"""Athena's statements in Trino's words.

Athena's engine is Trino, but its data definition is Hive's, its CREATE TABLE AS has properties of its own, and UNLOAD
exists nowhere else. This module tells the kinds of statement apart and rewrites those that dbt's models and
awswrangler's reads send. Every other statement is refused by name: nothing succeeds by accident.
"""

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from twin.emulator.wire import ServiceError
from twin.engines.trino import CATALOG, HIVE_CATALOG


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


_NAME: Final = r'(?:"[^"]+"|`[^`]+`|[\w$]+)'
_TABLE: Final = rf"{_NAME}(?:\s*\.\s*{_NAME}){{0,2}}"
_FLAGS: Final = re.IGNORECASE | re.DOTALL
_STRING: Final = r"'(?:[^']|'')*'"
_WITH: Final = rf"\bWITH\s*\((?P<properties>(?:[^()']|{_STRING}|\([^()]*\))*)\)"

_CTAS: Final = re.compile(rf"CREATE\s+TABLE\s+(?P<table>{_TABLE})\s*(?:{_WITH}\s*)?AS\s+(?P<query>.+)", _FLAGS)
_VIEW: Final = re.compile(
    rf"(?P<head>CREATE\s+(?:OR\s+REPLACE\s+)?VIEW\s+(?P<table>{_TABLE}))\s+AS\s+(?P<query>.+)", _FLAGS
)
_UNLOAD: Final = re.compile(rf"UNLOAD\s*\((?P<query>.+)\)\s*TO\s+(?P<location>{_STRING})\s*(?:{_WITH})?\s*", _FLAGS)
_RENAME: Final = re.compile(rf"ALTER\s+TABLE\s+(?P<old>{_TABLE})\s+RENAME\s+TO\s+(?P<new>{_TABLE})", _FLAGS)
_DROP: Final = re.compile(rf"DROP\s+(?P<what>TABLE|VIEW)\s+(?P<if>IF\s+EXISTS\s+)?(?P<table>{_TABLE})", _FLAGS)
_SCHEMA: Final = re.compile(
    rf"CREATE\s+(?:SCHEMA|DATABASE)\s+(?P<if>IF\s+NOT\s+EXISTS\s+)?(?P<name>{_NAME}(?:\s*\.\s*{_NAME})?)", _FLAGS
)
_OPTIMIZE: Final = re.compile(rf"OPTIMIZE\s+(?P<table>{_TABLE})\s+REWRITE\s+DATA\s+USING\s+BIN_PACK", _FLAGS)
_VACUUM: Final = re.compile(rf"VACUUM\s+(?P<table>{_TABLE})", _FLAGS)
_SHOW_TABLES: Final = re.compile(rf"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+(?P<name>{_NAME}))?", _FLAGS)
_SHOW_SCHEMAS: Final = re.compile(r"SHOW\s+(?:DATABASES|SCHEMAS)", _FLAGS)
_PREPARE: Final = re.compile(rf"PREPARE\s+(?P<name>{_NAME})\s+FROM\s+(?P<query>.+)", _FLAGS)
_EXECUTE: Final = re.compile(rf"EXECUTE\s+(?P<name>{_NAME})(?:\s+USING\s+(?P<arguments>.+))?", _FLAGS)
_DEALLOCATE: Final = re.compile(rf"DEALLOCATE\s+PREPARE\s+(?P<name>{_NAME})", _FLAGS)
_PROPERTY: Final = re.compile(
    rf"\s*(?P<key>\w+)\s*=\s*(?P<value>{_STRING}|ARRAY\s*\[[^\]]*\]|[\w.]+)\s*(?:,|$)", _FLAGS
)
_COMMENT: Final = re.compile(r"\s*(?:--[^\n]*\n|/\*.*?\*/)", re.DOTALL)

_ICEBERG_PROPERTIES: Final = {"location", "partitioning", "format"}
_HIVE_PROPERTIES: Final = {"external_location", "partitioned_by", "format", "bucketed_by", "bucket_count"}
_FULL_NAME: Final = 3
_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "MERGE")


def parse(text: str, database: str = "default") -> Statement:
    """Tell what a statement is and put it into Trino's words.

    Args:
        text: the statement as sent.
        database: the one that a name without a database means.

    Raises:
        ServiceError: `InvalidRequestException` that names a statement or a property the twin does not carry.
    """
    sql = strip(text)
    word = sql.split(None, 1)[0].upper().strip("(") if sql else ""
    if word in {"SELECT", "WITH", "VALUES", "TABLE", ""} and sql:
        return Statement(kind=Kind.QUERY, substatement="SELECT", sql=sql)
    if word == "EXPLAIN":
        return Statement(kind=Kind.EXPLAIN, substatement="EXPLAIN", sql=sql)
    if word in _WRITES:
        return Statement(kind=Kind.WRITE, substatement=word, sql=sql)
    for pattern, build in _BUILDERS:
        found = pattern.fullmatch(sql)
        if found:
            return _in_database(build(found), database)
    raise refusal(sql)


def _in_database(statement: Statement, database: str) -> Statement:
    if statement.kind in {Kind.CTAS, Kind.VIEW} and len(statement.target) < _FULL_NAME:
        return replace(statement, target=(statement.target[0], database.lower(), *statement.target[1:]))
    return statement


def refusal(sql: str) -> ServiceError:
    """The answer to a statement that the twin does not carry."""
    shown = " ".join(sql.split())[:120] or "(empty)"
    return ServiceError(
        "InvalidRequestException",
        f"the laptop twin's Athena does not carry this statement: {shown}. It carries SELECT, INSERT, UPDATE, DELETE, "
        "MERGE, CREATE TABLE AS, CREATE VIEW, CREATE SCHEMA, DROP TABLE, DROP VIEW, ALTER TABLE RENAME TO, OPTIMIZE, "
        "VACUUM, UNLOAD, EXPLAIN, SHOW TABLES, SHOW DATABASES, PREPARE, EXECUTE and DEALLOCATE PREPARE.",
    )


def strip(text: str) -> str:
    """Take leading comments (dbt writes one into every statement) and trailing semicolons away."""
    sql = text.strip()
    while found := _COMMENT.match(sql):
        sql = sql[found.end() :].lstrip()
    return sql.rstrip("; \t\r\n")


def identifiers(name: str) -> tuple[str, ...]:
    """Split a name of one to three parts, whatever its quotes, into lower-case parts."""
    return tuple(part.strip('"`').lower() for part in re.findall(_NAME, name))


def quoted(*parts: str) -> str:
    """Join name parts as Trino quotes them."""
    return ".".join(f'"{part}"' for part in parts)


def literal(text: str) -> str:
    """Write a text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def execute_immediate(query: str, arguments: str) -> str:
    """A statement with `?` as Trino takes it, with its arguments in SQL."""
    return f"EXECUTE IMMEDIATE {literal(query)}" + (f" USING {arguments}" if arguments else "")


def _properties(found: "re.Match[str]") -> dict[str, str]:
    text, read, position = found["properties"] or "", {}, 0
    while position < len(text.rstrip()):
        part = _PROPERTY.match(text, position)
        if part is None:
            raise refusal(f"WITH ({text.strip()})")
        read[part["key"].lower()] = part["value"]
        position = part.end()
    return read


def _unquoted(value: str | None) -> str | None:
    return value[1:-1].replace("''", "'") if value else None


def _ctas(found: "re.Match[str]") -> Statement:
    properties, query = _properties(found), found["query"]
    iceberg = (_unquoted(properties.pop("table_type", None)) or "hive").lower() == "iceberg"
    properties.pop("is_external", None)  # Athena wants the word; the catalog that is chosen here says the same
    properties.pop("write_compression", None)  # files are compressed with the engine's default
    unknown = set(properties) - (_ICEBERG_PROPERTIES if iceberg else _HIVE_PROPERTIES)
    if unknown:
        raise refusal(f"CREATE TABLE AS with the property {', '.join(sorted(unknown))}")
    catalog = CATALOG if iceberg else HIVE_CATALOG
    target = (catalog, *identifiers(found["table"])[-2:])
    location = properties.get("location") or properties.get("external_location")
    return Statement(
        kind=Kind.CTAS,
        substatement="CREATE_TABLE_AS_SELECT",
        sql="",
        target=target,
        location=_unquoted(location),
        properties=properties,
        query=query,
    )


def create_table_as(statement: Statement, default_location: str) -> str:
    """The CREATE TABLE AS in Trino's words; Athena puts a table without a location below the query's results."""
    key = "location" if statement.is_iceberg else "external_location"
    properties = {key: literal(default_location), **statement.properties}
    words = ", ".join(f"{name} = {value}" for name, value in properties.items())
    return f"CREATE TABLE {quoted(*statement.target)} WITH ({words}) AS {statement.query}"


def _view(found: "re.Match[str]") -> Statement:
    # Athena checks the caller's rights on what is below a view; Trino would check those of the view's owner.
    return Statement(
        kind=Kind.VIEW,
        substatement="CREATE_VIEW",
        sql=f"{found['head']} SECURITY INVOKER AS {found['query']}".replace("`", '"'),
        target=(CATALOG, *identifiers(found["table"])[-2:]),
        query=found["query"],
    )


def _unload(found: "re.Match[str]") -> Statement:
    properties = {key: _unquoted(value) or "" for key, value in _properties(found).items()}
    form = properties.get("format", "PARQUET").upper()
    if form != "PARQUET" or set(properties) - {"format", "compression"}:
        raise refusal(f"UNLOAD with {properties}")
    return Statement(
        kind=Kind.UNLOAD,
        substatement="UNLOAD",
        sql=found["query"].strip(),
        location=_unquoted(found["location"]),
        properties=properties,
    )


def _rename(found: "re.Match[str]") -> Statement:
    old, new = identifiers(found["old"]), identifiers(found["new"])
    return _ddl(f"ALTER TABLE {quoted(*old)} RENAME TO {quoted(*new)}", "ALTER_TABLE_RENAME")


def _drop(found: "re.Match[str]") -> Statement:
    what = found["what"].upper()
    words = f"DROP {what} {'IF EXISTS ' if found['if'] else ''}{quoted(*identifiers(found['table']))}"
    return _ddl(words, f"DROP_{what}")


def _schema(found: "re.Match[str]") -> Statement:
    words = f"CREATE SCHEMA {'IF NOT EXISTS ' if found['if'] else ''}{quoted(*identifiers(found['name']))}"
    return _ddl(words, "CREATE_DATABASE")


def _optimize(found: "re.Match[str]") -> Statement:
    return _ddl(f"ALTER TABLE {quoted(*identifiers(found['table']))} EXECUTE optimize", "OPTIMIZE")


def _vacuum(found: "re.Match[str]") -> Statement:
    """Athena forgets snapshots that are older than five days; Trino refuses to forget what is younger than seven."""
    table = quoted(*identifiers(found["table"]))
    return _ddl(f"ALTER TABLE {table} EXECUTE expire_snapshots(retention_threshold => '7d')", "VACUUM")


def _ddl(sql: str, substatement: str) -> Statement:
    return Statement(kind=Kind.DDL, substatement=substatement, sql=sql)


def _show_tables(found: "re.Match[str]") -> Statement:
    place = f" FROM {quoted(*identifiers(found['name']))}" if found["name"] else ""
    return Statement(kind=Kind.LIST, substatement="SHOW_TABLES", sql=f"SHOW TABLES{place}")


def _prepared(kind: Kind, found: "re.Match[str]", sql: str) -> Statement:
    return Statement(kind=kind, substatement=kind.value, sql=sql.strip(), target=identifiers(found["name"]))


_BUILDERS: Final = (
    (_CTAS, _ctas),
    (_VIEW, _view),
    (_UNLOAD, _unload),
    (_RENAME, _rename),
    (_DROP, _drop),
    (_SCHEMA, _schema),
    (_OPTIMIZE, _optimize),
    (_VACUUM, _vacuum),
    (_SHOW_TABLES, _show_tables),
    (_SHOW_SCHEMAS, lambda _: Statement(kind=Kind.LIST, substatement="SHOW_DATABASES", sql="SHOW SCHEMAS")),
    (_PREPARE, lambda found: _prepared(Kind.PREPARE, found, found["query"])),
    (_EXECUTE, lambda found: _prepared(Kind.EXECUTE, found, found["arguments"] or "")),
    (_DEALLOCATE, lambda found: _prepared(Kind.DEALLOCATE, found, "")),
)
