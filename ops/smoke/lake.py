"""The tables of the lake, and the queries on them."""

import json
from typing import Any, Final

from botocore.exceptions import ClientError

from c360_core import contracts, projections
from c360_core.names import database_name
from ops.smoke import queries
from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment
from ops.smoke.errors import CheckSkippedError

OPTIMIZERS: Final = ("compaction", "retention", "orphan_file_deletion")


@check("Athena", fix="who asks needs athena:StartQueryExecution on the workgroup, and its results prefix")
def athena(deployed: DeployedEnvironment) -> str:
    """The workgroup answers a query."""
    queries.run(deployed.client("athena"), deployed.operators_workgroup, "SELECT 1")
    return f"{deployed.operators_workgroup} answers"


@check("lake tables", fix="deploy again; without a Lake Formation grant to who asks, tables are hidden from them")
def lake_tables(deployed: DeployedEnvironment) -> str:
    """The catalog has every table that has a contract, with its Iceberg metadata."""
    places = [_metadata_location(deployed, table) for table in contracts.load().lake_tables()]
    wrong = [said for said in places if not said.startswith("s3://")]
    return expect(wrong, f"{len(places)} with Iceberg metadata")


def _metadata_location(deployed: DeployedEnvironment, table: contracts.Table) -> str:
    """Return where the catalog says that a table's metadata is, or what is wrong."""
    database = database_name(deployed.environment, table.zone)
    try:
        entry = deployed.client("glue").get_table(DatabaseName=database, Name=table.name)["Table"]
    except ClientError as error:
        return f"{database}.{table.name}: {error.response['Error']['Code']}"
    location: str = entry.get("Parameters", {}).get("metadata_location", "")
    return location or f"{database}.{table.name} has no metadata_location: it is no Iceberg table"


@check("field ids", fix="read docs/decisions/0019: a table that numbers its columns otherwise must be made again")
def field_ids(deployed: DeployedEnvironment) -> str:
    """Glue kept the field ids of the template: rows are read by them, whatever a column is called."""
    places = [(table, _metadata_location(deployed, table)) for table in contracts.load().lake_tables()]
    there = [(table, place) for table, place in places if place.startswith("s3://")]
    if not there:
        raise CheckSkippedError("no lake table has Iceberg metadata")
    wrong = [said for table, place in there if (said := _wrong_ids(deployed, table, place))]
    return expect(wrong, f"{len(there)} tables number their columns as the contracts do")


def _wrong_ids(deployed: DeployedEnvironment, table: contracts.Table, place: str) -> str:
    bucket, _, key = place.removeprefix("s3://").partition("/")
    metadata = json.loads(deployed.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    (schema,) = [one for one in metadata["schemas"] if one["schema-id"] == metadata["current-schema-id"]]
    kept = {field["name"]: _ids(field["id"], field["type"]) for field in schema["fields"]}
    stated = {
        field["Name"]: _ids(field["Id"], json.loads(text) if (text := field["Type"]).startswith("{") else text)
        for field in projections.iceberg_schema(table)["Fields"]
    }
    wrong = sorted(f"{name} {kept.get(name)} instead of {ids}" for name, ids in stated.items() if kept.get(name) != ids)
    return f"{table.zone}.{table.name}: {', '.join(wrong)}" if wrong else ""


def _ids(field: int, type_: Any) -> tuple[int, ...]:
    """Return the id of a column, and those of its elements, or of its keys and values."""
    nested = type_ if isinstance(type_, dict) else {}
    return (field, *(nested[key] for key in ("element-id", "key-id", "value-id") if key in nested))


@check("table optimizers", fix="its error says why; the optimizers' role needs the table, its files and its key")
def table_optimizers(deployed: DeployedEnvironment) -> str:
    """What keeps the lake's tables small did not fail when it ran last."""
    wanted = len(deployed.ids("AWS::Glue::TableOptimizer"))
    if deployed.endpoint:
        raise CheckSkippedError("the emulator keeps table optimizers, and runs none")
    found = [
        (f"{table.name} {kind}", optimizer)
        for table in contracts.load().lake_tables()
        for kind in OPTIMIZERS
        if (optimizer := _optimizer(deployed, table, kind)) is not None
    ]
    wrong = [
        f"{name}: {run.get('error', 'no reason')}"
        for name, optimizer in found
        if (run := optimizer.get("lastRun", {})).get("eventType") == "failed"
    ]
    if len(found) < wanted:
        wrong.append(f"{wanted - len(found)} of {wanted} are not there")
    ran = sum("lastRun" in optimizer for _, optimizer in found)
    return expect(wrong, f"{len(found)}, of which {ran} have run and none failed")


def _optimizer(deployed: DeployedEnvironment, table: contracts.Table, kind: str) -> dict[str, Any] | None:
    glue, database = deployed.client("glue"), database_name(deployed.environment, table.zone)
    try:
        answer: dict[str, Any] = glue.get_table_optimizer(
            CatalogId=deployed.account, DatabaseName=database, TableName=table.name, Type=kind
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return None
        raise
    optimizer: dict[str, Any] = answer["TableOptimizer"]
    return optimizer
