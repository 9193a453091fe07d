"""What Entity Resolution asks of a workflow's role beside the calls that reach the emulator's Glue and S3."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from twin.emulator.calls import Call

# The service walks a table's partitions and looks for a registered schema, even where the table has neither.
TABLE_CALLS: Final = ("glue:GetPartition", "glue:GetPartitions", "glue:BatchGetPartition")
# It uses the key of its output itself, not through S3.
KEY_CALLS: Final = ("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt")


def workflow_calls(properties: Mapping[str, Any]) -> Iterator[Call]:
    """Yield the calls that a job of a workflow leads to.

    Args:
        properties: the resolved properties of the workflow.
    """
    yield Call(action="lakeformation:GetDataAccess")
    for source in properties["InputSourceConfig"]:
        table = str(source["InputSourceARN"])
        catalog, _, name = table.rpartition(":")
        yield Call(action="glue:GetDatabase", resource=f"{catalog}:database/{name.split('/')[1]}")
        yield from (Call(action=action, resource=table) for action in TABLE_CALLS)
        yield Call(action="entityresolution:GetSchemaMapping", resource=str(source["SchemaArn"]))
    for output in properties["OutputSourceConfig"]:
        if key := output.get("KMSArn"):
            yield from (Call(action=action, resource=str(key)) for action in KEY_CALLS)
