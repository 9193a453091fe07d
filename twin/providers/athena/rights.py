"""What Athena asks of whoever runs a query, beside the workgroup: the catalog's entries and the place of the result.

Athena acts with the caller's permissions throughout, so each of these calls is the caller's own.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from twin.emulator.calls import Call
from twin.emulator.resource_names import arn
from twin.providers.athena.statements import Kind, Statement
from twin.settings import REGION

DEFAULT_DATABASE: Final = "default"
_DIALECT: Final = "trino"
_OF_THE_ENGINE: Final = frozenset({"information_schema", "system"})  # answered without the catalog's entries

Table = tuple[str, str]  # database and name


def workgroup_arn(name: str) -> str:
    """Return the ARN of a workgroup."""
    return arn("athena", f"workgroup/{name}")


def of_catalog(statement: Statement, database: str) -> Iterator[Call]:
    """Yield what a statement looks up: always the database `default`, and each table that it names.

    Args:
        database: of tables that are named without one.
    """
    yield Call(action="glue:GetDatabase", resource=arn("glue", f"database/{DEFAULT_DATABASE}"))
    tables = tables_of(statement, database)
    for named, table in tables:
        yield Call(action="glue:GetDatabase", resource=arn("glue", f"database/{named}"))
        yield Call(action="glue:GetTable", resource=arn("glue", f"table/{named}/{table}"))
    if tables:
        yield Call(action="lakeformation:GetDataAccess")


def tables_of(statement: Statement, database: str) -> list[Table]:
    """Return the tables that a statement reads, without those that it defines itself by WITH.

    A table of metadata, such as `orders$files`, is looked up as the table that it describes.
    """
    try:
        tree = sqlglot.parse_one(statement.query or statement.sql, read=_DIALECT)
    except SqlglotError:  # Athena's own statements: the engine's rules decide alone
        return []
    defined = {expression.alias_or_name for expression in tree.find_all(exp.CTE)}
    found = {
        ((table.db or database).lower(), table.name.partition("$")[0].lower())
        for table in tree.find_all(exp.Table)
        if table.name and table.db.lower() not in _OF_THE_ENGINE and (table.db or table.name not in defined)
    }
    return sorted(found)


def of_prepared(statement: Statement, workgroup: str, *, known: bool) -> Iterator[Call]:
    """Yield what a statement takes that is about a prepared one.

    Args:
        known: there is a prepared statement already of the name that PREPARE gives.
    """
    actions = {
        Kind.PREPARE: "athena:UpdatePreparedStatement" if known else "athena:CreatePreparedStatement",
        Kind.EXECUTE: "athena:GetPreparedStatement",
        Kind.DEALLOCATE: "athena:DeletePreparedStatement",
    }
    if statement.kind in actions:
        yield Call(action=actions[statement.kind], resource=workgroup_arn(workgroup))


def writes_files(folder: str) -> Iterator[Call]:
    """Yield what CREATE TABLE AS and UNLOAD take where they put their files."""
    yield Call(action="s3:PutObject", resource=_object(f"{folder.rstrip('/')}/part-0"))


def writes_result(location: str, workgroup: Mapping[str, Any]) -> Iterator[Call]:
    """Yield what writing a result takes, in a workgroup as `GetWorkGroup` describes it."""
    yield Call(action="s3:PutObject", resource=_object(location))
    yield from _uses_key("kms:GenerateDataKey", location, workgroup)


def reads_result(location: str, workgroup: Mapping[str, Any]) -> Iterator[Call]:
    """Yield what reading a result takes, in a workgroup as `GetWorkGroup` describes it."""
    yield Call(action="s3:GetObject", resource=_object(location))
    yield from _uses_key("kms:Decrypt", location, workgroup)


def _uses_key(action: str, location: str, workgroup: Mapping[str, Any]) -> Iterator[Call]:
    """Yield what S3 asks of KMS, if the workgroup encrypts results with a key of the account."""
    result = workgroup["Configuration"].get("ResultConfiguration", {})
    key = result.get("EncryptionConfiguration", {}).get("KmsKey")
    if key:
        context = {
            "kms:ViaService": f"s3.{REGION}.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": _object(location),
        }
        yield Call(action=action, resource=key, context=context)


def _object(location: str) -> str:
    return f"arn:aws:s3:::{location.removeprefix('s3://')}"
