"""Asks the lake through Athena, in the workgroup of the persona whose notebook this is.

It needs boto3 and pandas alone, which every image has. Where it asks, the file `deployment.json` beside it says, which
an app of SageMaker Studio writes when it starts; or the variables C360_ENVIRONMENT and C360_WORKGROUP.
"""

import json
import os
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import boto3
import pandas as pd

_DEPLOYMENT: Final = Path(__file__).with_name("deployment.json")
_ENDED: Final = ("SUCCEEDED", "FAILED", "CANCELLED")
_LOOK_SECONDS: Final = 0.2
_TYPES: Final[dict[str, Callable[[str], Any]]] = {
    "bigint": int,
    "boolean": lambda text: text == "true",
    "date": date.fromisoformat,
    "decimal": Decimal,
    "double": float,
    "float": float,
    "integer": int,
    "smallint": int,
    "timestamp": pd.Timestamp,
    "tinyint": int,
}


class QuestionFailedError(RuntimeError):
    """Athena has not answered; the message says why, as Athena does."""


def deployment() -> dict[str, str]:
    """Return the environment and the workgroup that the notebook belongs to.

    Raises:
        LookupError: neither the variables nor the file are there.
    """
    names = {"environment": "C360_ENVIRONMENT", "workgroup": "C360_WORKGROUP"}
    if all(variable in os.environ for variable in names.values()):
        return {name: os.environ[variable] for name, variable in names.items()}
    if _DEPLOYMENT.exists():
        found: dict[str, str] = json.loads(_DEPLOYMENT.read_text(encoding="utf-8"))
        return found
    raise LookupError(f"set {' and '.join(names.values())}: {_DEPLOYMENT} is not there")


def database(zone: str) -> str:
    """Return the database of a zone, such as `products`."""
    return f"c360_{deployment()['environment']}_{zone}"


def ask(statement: str, *, zone: str = "products") -> pd.DataFrame:
    """Return the answer to a statement, with Python's own values: whole numbers, decimals, days, texts.

    Args:
        statement: SQL of Athena.
        zone: whose tables need no database before their name.

    Raises:
        QuestionFailedError: the statement is wrong, or the persona may not read what it names.
    """
    athena = boto3.client("athena")
    query = athena.start_query_execution(
        QueryString=statement,
        WorkGroup=deployment()["workgroup"],
        QueryExecutionContext={"Database": database(zone)},
    )["QueryExecutionId"]
    while (status := _status(athena, query))["State"] not in _ENDED:
        time.sleep(_LOOK_SECONDS)
    if status["State"] != "SUCCEEDED":
        raise QuestionFailedError(status.get("StateChangeReason", status["State"]))
    return _frame(athena, query)


def _status(athena: Any, query: str) -> dict[str, Any]:
    status: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
    return status


def _frame(athena: Any, query: str) -> pd.DataFrame:
    columns: list[dict[str, Any]] = []
    rows: list[list[str | None]] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query):
        columns = columns or page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        rows += [[cell.get("VarCharValue") for cell in row["Data"]] for row in page["ResultSet"]["Rows"]]
    readers = [_TYPES.get(column["Type"], str) for column in columns]
    values = [
        [None if text is None else read(text) for read, text in zip(readers, row, strict=True)]
        for row in rows[1:]  # the first has the names
    ]
    return pd.DataFrame(values, columns=[column["Name"] for column in columns])
