"""When Athena answers with an earlier result, as its user guide says ("Reuse query results in Athena").

A request asks for it by itself, for results of so many minutes at most. The earlier query had the same text, values,
catalog and database, in the same workgroup; it is a query that gives rows and always gives the same ones. Tables whose
columns Lake Formation filters for somebody are left out, and so is whatever the caller may not read.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from twin.providers.athena.statements import Kind, Statement

DEFAULT_MINUTES: Final = 60
_DIALECT: Final = "trino"
_KINDS: Final = {Kind.QUERY, Kind.EXECUTE}
_CHANGING: Final = frozenset(
    {
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "now",
        "rand",
        "random",
        "shuffle",
        "uuid",
    }
)

Key = tuple[Any, ...]


def oldest(request: Mapping[str, Any], now: datetime) -> datetime | None:
    """Return when a result that a request accepts was made at the earliest; None for a request that accepts none."""
    stated = request.get("ResultReuseConfiguration", {}).get("ResultReuseByAgeConfiguration", {})
    if not stated.get("Enabled"):
        return None
    return now - timedelta(minutes=stated.get("MaxAgeInMinutes", DEFAULT_MINUTES))


def key_of(request: Mapping[str, Any], statement: Statement, *, workgroup: str, output: str) -> Key:
    """Return what two queries have in common, one of which may have the other's result.

    Args:
        statement: what runs: of EXECUTE the prepared statement, which may have changed since.
        output: where the results go.
    """
    context = request.get("QueryExecutionContext", {})
    parameters = tuple(request.get("ExecutionParameters") or ())
    place = (context.get("Catalog", "").lower(), context.get("Database", "").lower())
    return (workgroup, output, *place, request["QueryString"], statement.sql, parameters)


def is_steady(kind: Kind, sql: str) -> bool:
    """Say whether a statement gives rows, and the same ones whenever it runs on the same data."""
    if kind not in _KINDS:
        return False
    try:
        tree = sqlglot.parse_one(sql, read=_DIALECT)
    except SqlglotError:  # whether it is steady is not known
        return False
    if tree.find(exp.TableSample) or any(_name_of(one) in _CHANGING for one in tree.find_all(exp.Func)):
        return False
    return all(limit.parent is not None and limit.parent.args.get("order") for limit in tree.find_all(exp.Limit))


def _name_of(function: exp.Func) -> str:
    name = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
    return name.lower()
