"""Materialized views over streams of Kinesis: a refresh reads what has come in since the one before.

PostgreSQL has no such view, so that it is a table, and each refresh adds what the view's query makes of new records. A
record is seen as Redshift shows it: its bytes, where it was and when it arrived.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from twin.emulator.wire import ServiceError
from twin.providers.redshift.statements import Statement, Table

if TYPE_CHECKING:
    import psycopg

ARRIVED: Final = "twin_stream"
_IS_JSON: Final = "twin_is_json"
_TEXT: Final = "twin_text_"
_SQL_OF_JSON: Final = {
    re.compile(r"CAN_JSON_PARSE\s*\(\s*kinesis_data\s*\)", re.IGNORECASE): _IS_JSON,
    # The last argument says that what is no JSON has no values.
    re.compile(
        r"JSON_EXTRACT_PATH_TEXT\s*\(\s*FROM_VARBYTE\s*\(\s*kinesis_data\s*,\s*'utf-8'\s*\)\s*,\s*'(\w+)'\s*,"
        r"\s*true\s*\)",
        re.IGNORECASE,
    ): rf"{_TEXT}\1",
}
_KEYS: Final = re.compile(rf"{_TEXT}(\w+)")

MAKE: Final = (
    "CREATE TABLE IF NOT EXISTS twin.stream_view (relation OID PRIMARY KEY, stream TEXT, role TEXT, query TEXT, "
    "positions JSONB)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record of a stream."""

    shard: str
    sequence: str
    arrived: datetime
    key: str
    data: bytes


# Yields the records of a stream after the positions by shard, with the role that reads.
ReadStream = Callable[[str, str, Mapping[str, str]], Iterable[Record]]


def in_plain_sql(text: str) -> str:
    """Return a statement with columns for what Redshift's functions make of a record."""
    for pattern, column in _SQL_OF_JSON.items():
        text = pattern.sub(column, text)
    return text


def create(connection: "psycopg.Connection[Any]", statement: Statement, role: str) -> None:
    """Make a view, which has no rows before its first refresh."""
    from psycopg import sql

    schema, name = statement.values["schema"], statement.values["name"]
    if _oid(connection, (schema, name)) is not None:
        raise ServiceError("ValidationException", f'ERROR: relation "{name}" already exists')
    _arrive(connection, statement.sql, ())
    target = sql.Identifier(schema, name)
    connection.execute(sql.SQL("CREATE TABLE {} AS {}").format(target, sql.SQL(statement.sql)))  # it is translated
    connection.execute(
        "INSERT INTO twin.stream_view VALUES (%s, %s, %s, %s, '{}')",
        (_oid(connection, (schema, name)), statement.values["stream"], role, statement.sql),
    )


def is_view(connection: "psycopg.Connection[Any]", table: Table) -> bool:
    """Tell whether a relation is such a view."""
    return (
        connection.execute("SELECT 1 FROM twin.stream_view WHERE relation = %s", (_oid(connection, table),)).fetchone()
        is not None
    )


def refresh(connection: "psycopg.Connection[Any]", table: Table, read: ReadStream) -> None:
    """Add what has come in since the last refresh."""
    from psycopg import sql

    relation = _oid(connection, table)
    [(stream, role, query, positions)] = connection.execute(
        "SELECT stream, role, query, positions FROM twin.stream_view WHERE relation = %s FOR UPDATE", (relation,)
    ).fetchall()
    records = list(read(role, stream, positions))
    _arrive(connection, query, records)
    connection.execute(sql.SQL("INSERT INTO {} {}").format(sql.Identifier(*table), sql.SQL(query)))
    newest = {**positions, **{one.shard: one.sequence for one in records}}
    connection.execute("UPDATE twin.stream_view SET positions = %s WHERE relation = %s", (json.dumps(newest), relation))


def _arrive(connection: "psycopg.Connection[Any]", query: str, records: Iterable[Record]) -> None:
    """Let a temporary table have the records, with the texts that a query takes out of them."""
    from psycopg import sql

    keys = sorted(set(_KEYS.findall(query)))
    texts = sql.SQL(", ").join(sql.SQL("{} TEXT").format(sql.Identifier(f"{_TEXT}{key}")) for key in keys)
    connection.execute(sql.SQL("DROP TABLE IF EXISTS pg_temp.{}").format(sql.Identifier(ARRIVED)))
    connection.execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE {} (approximate_arrival_timestamp TIMESTAMP, partition_key TEXT, shard_id TEXT, "
            "sequence_number TEXT, refresh_time TIMESTAMP, kinesis_data BYTEA, {} BOOLEAN{}) ON COMMIT DROP"
        ).format(sql.Identifier(ARRIVED), sql.Identifier(_IS_JSON), sql.SQL(", ") + texts if keys else sql.SQL(""))
    )
    now = datetime.now(UTC).replace(tzinfo=None)
    with (
        connection.cursor() as cursor,
        cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(ARRIVED))) as copy,
    ):
        for one in records:
            found = _json(one.data)
            arrived = one.arrived.astimezone(UTC).replace(tzinfo=None)
            place = (arrived, one.key, one.shard, one.sequence, now)
            copy.write_row((*place, one.data, found is not None, *(_text(found, key) for key in keys)))


def _json(data: bytes) -> Any:
    """Return what a record says; None if it is no JSON. Numbers stay as they are written."""
    try:
        return json.loads(data.decode("utf-8"), parse_float=str, parse_int=str)
    except ValueError:
        return None


def _text(found: Any, key: str) -> str | None:
    value = found.get(key) if isinstance(found, dict) else None
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _oid(connection: "psycopg.Connection[Any]", table: Table) -> int | None:
    [(found,)] = connection.execute("SELECT to_regclass(format('%%I.%%I', %s::text, %s::text))::oid", table).fetchall()
    return None if found is None else int(found)
