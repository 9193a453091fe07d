"""Models of Redshift ML: trained on exactly the rows that a query gives, and asked by a function in SQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from twin.emulator.wire import ServiceError
from twin.providers.redshift import boosting
from twin.providers.redshift.statements import parameters_of

if TYPE_CHECKING:
    import psycopg

_LEAST_ROWS: Final = 500
_MOST_FEATURES: Final = 256
# What AUTO OFF takes; PostgreSQL calls them so.
_NUMBERS: Final = frozenset({"int2", "int4", "int8", "numeric", "float4", "float8", "bool"})
_TARGETS: Final = _NUMBERS - {"numeric"}

MAKE: Final = (
    "CREATE TABLE IF NOT EXISTS twin.model "
    "(schema TEXT, name TEXT, function TEXT, arguments INT, owner TEXT, PRIMARY KEY (schema, name))",
    "CREATE SCHEMA IF NOT EXISTS public",
    # A model goes with its schema, and so does its function.
    "CREATE OR REPLACE VIEW public.stv_ml_model_info AS SELECT schema AS schema_name, owner AS user_name, "
    "name AS model_name, 'Model is Ready' AS model_state FROM twin.model "
    "WHERE to_regproc(format('%I.%I', schema, function)) IS NOT NULL",
)

# Refuses what the model's role may not do; given the role, the bucket and the schema.
Check = Callable[[Mapping[str, str]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a model is trained on.

    Attributes:
        names, types: of the columns.
        rows: their values.
    """

    names: Sequence[str]
    types: Sequence[str]
    rows: Sequence[Sequence[Any]]


def functions(connection: "psycopg.Connection[Any]") -> frozenset[str]:
    """Return the functions of all models, with their schemas."""
    found = connection.execute("SELECT schema || '.' || function FROM twin.model").fetchall()
    return frozenset(name for (name,) in found)


def create(connection: "psycopg.Connection[Any]", values: Mapping[str, str], training: Training, owner: str) -> None:
    """Train a model and make its function.

    Raises:
        ServiceError: it is there already, or Redshift does not train on such rows.
    """
    from psycopg import sql

    place = (values["schema"], values["name"])
    _forget_gone(connection)
    if connection.execute("SELECT 1 FROM twin.model WHERE schema = %s AND name = %s", place).fetchone():
        raise _error(f'model "{values["name"]}" already exists')
    features, labels = _numbers(training, values["target"])
    try:
        settings = boosting.settings_of(parameters_of(values["parameters"]))
    except ValueError as error:
        raise _error(str(error)) from error
    model = boosting.train(features, labels, settings)
    names = [f"f{number}" for number in range(1, features.shape[1] + 1)]
    arguments = sql.SQL(", ").join(sql.SQL("{} DOUBLE PRECISION").format(sql.Identifier(name)) for name in names)
    connection.execute(
        sql.SQL("CREATE FUNCTION {}({}) RETURNS DOUBLE PRECISION LANGUAGE sql IMMUTABLE AS {}").format(
            sql.Identifier(values["schema"], values["function"]),
            arguments,
            sql.Literal(f"SELECT {model.as_sql(names)}"),  # numbers and our own names
        )
    )
    connection.execute(
        "INSERT INTO twin.model VALUES (%s, %s, %s, %s, %s)", (*place, values["function"], len(names), owner)
    )


def drop(connection: "psycopg.Connection[Any]", values: Mapping[str, str], *, guarded: bool) -> None:
    """Take a model away, with its function.

    Raises:
        ServiceError: there is none.
    """
    from psycopg import sql

    _forget_gone(connection)
    found = connection.execute(
        "DELETE FROM twin.model WHERE schema = %s AND name = %s RETURNING function", (values["schema"], values["name"])
    ).fetchone()
    if found is not None:
        connection.execute(sql.SQL("DROP FUNCTION {}").format(sql.Identifier(values["schema"], found[0])))
    elif not guarded:
        raise _error(f'model "{values["name"]}" does not exist')


def _forget_gone(connection: "psycopg.Connection[Any]") -> None:
    connection.execute("DELETE FROM twin.model WHERE to_regproc(format('%I.%I', schema, function)) IS NULL")


def _numbers(training: Training, target: str) -> tuple[boosting.Numbers, boosting.Numbers]:
    """Return features and labels.

    Raises:
        ServiceError: Redshift does not train on them.
    """
    if target not in training.names:
        raise _error(f'column "{target}" of TARGET is not in the query')
    if len(training.rows) < _LEAST_ROWS:
        raise _error(f"the training data has {len(training.rows)} rows; at least {_LEAST_ROWS} are needed")
    place = list(training.names).index(target)
    if len(training.names) - 1 > _MOST_FEATURES:
        raise _error(f"more than {_MOST_FEATURES} columns beside the target")
    for name, kind in zip(training.names, training.types, strict=True):
        if kind not in (_TARGETS if name == target else _NUMBERS):
            raise _error(f'column "{name}" is {kind}, which AUTO OFF does not train on')
    table = np.array([[np.nan if value is None else float(value) for value in row] for row in training.rows])
    labels = table[:, place]
    if np.isnan(labels).any() or ((labels < 0) | (labels > 1)).any():
        raise _error(f'column "{target}" has values that are no probability')
    return np.delete(table, place, axis=1), labels


def _error(text: str) -> ServiceError:
    return ServiceError("ValidationException", f"ERROR: {text}")
