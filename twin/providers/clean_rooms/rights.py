"""What Clean Rooms asks of the role of an association, beside the calls that reach the emulator's Glue and S3."""

from collections.abc import Iterator
from typing import Final

from twin.emulator.calls import Call
from twin.settings import REGION

CATALOG_CALLS: Final = (
    "glue:GetDatabase",
    "glue:GetDatabases",
    "glue:GetTable",
    "glue:GetTables",
    "glue:GetPartition",
    "glue:GetPartitions",
    "glue:BatchGetPartition",
)


def reading_calls(account: str, database: str, table: str, location: str) -> Iterator[Call]:
    """Yield the calls that reading a table of the lake leads to.

    Args:
        account: that the table belongs to.
        database: of the catalog.
        table: its name.
        location: of its files, as `s3://bucket/prefix`.
    """
    catalog = f"arn:aws:glue:{REGION}:{account}"
    for resource in (f"{catalog}:catalog", f"{catalog}:database/{database}", f"{catalog}:table/{database}/{table}"):
        yield from (Call(action=action, resource=resource) for action in CATALOG_CALLS)
    yield Call(action="lakeformation:GetDataAccess")
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    yield from (
        Call(action=f"s3:{one}", resource=f"arn:aws:s3:::{bucket}") for one in ("GetBucketLocation", "ListBucket")
    )
    yield Call(action="s3:GetObject", resource=f"arn:aws:s3:::{bucket}/{prefix.strip('/')}/data/part.parquet")
