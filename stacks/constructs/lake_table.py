"""An Iceberg table, created by the template from its contract."""

from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core import contracts, projections
from c360_core.names import Zone, database_name
from stacks.shared.platform import Platform

COMPRESSION: Final = "zstd"
# Clean Rooms reads Iceberg tables that are compressed so or with gzip, and no others.
SHARED_COMPRESSION: Final = "snappy"
_PROPERTIES: Final = {
    "write.format.default": "parquet",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "50",
}


class LakeTable(Construct):
    """A table of the lake, declared in the only way that survives updates by CloudFormation.

    Schema and partitions are in `IcebergTableInput`, and there is no `TableInput`: with one, Glue rejects the resource,
    or loses the table's format at the first update. An update of the stack adds the new schema to the table, which
    keeps its files. They stay readable because the contract keeps the field ids.
    """

    resource: glue.CfnTable
    name: str
    zone: Zone

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        table: contracts.Table,
        bucket: s3.IBucket,
        platform: Platform,
        compression: str = COMPRESSION,
    ) -> None:
        super().__init__(scope, id_)
        self.name, self.zone = table.name, table.zone
        self.resource = glue.CfnTable(
            self,
            "Table",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=database_name(platform.environment, table.zone),
            name=table.name,
            open_table_format_input=glue.CfnTable.OpenTableFormatInputProperty(
                iceberg_input=glue.CfnTable.IcebergInputProperty(
                    metadata_operation="CREATE",
                    version="2",
                    iceberg_table_input=_iceberg_table(table, f"s3://{bucket.bucket_name}/{table.name}", compression),
                )
            ),
        )
        self.resource.apply_removal_policy(platform.removal)


def _iceberg_table(table: contracts.Table, location: str, compression: str) -> glue.CfnTable.IcebergTableInputProperty:
    schema = projections.iceberg_schema(table)
    return glue.CfnTable.IcebergTableInputProperty(
        location=location,
        schema=glue.CfnTable.IcebergSchemaProperty(type=schema["Type"], fields=_fields(schema["Fields"])),
        partition_spec=_partition_spec(projections.iceberg_partition_spec(table)),
        properties={
            **_PROPERTIES,
            "write.parquet.compression-codec": compression,
            "comment": table.description,
        },
    )


def _fields(fields: list[dict[str, Any]]) -> list[glue.CfnTable.IcebergStructFieldProperty]:
    return [
        glue.CfnTable.IcebergStructFieldProperty(
            id=field["Id"],
            name=field["Name"],
            type=field["Type"],
            required=field["Required"],
            doc=field["Doc"],
        )
        for field in fields
    ]


def _partition_spec(spec: dict[str, Any] | None) -> glue.CfnTable.IcebergPartitionSpecProperty | None:
    if spec is None:
        return None
    return glue.CfnTable.IcebergPartitionSpecProperty(
        fields=[
            glue.CfnTable.IcebergPartitionFieldProperty(
                source_id=field["SourceId"],
                transform=field["Transform"],
                name=field["Name"],
                field_id=field["FieldId"],
            )
            for field in spec["Fields"]
        ]
    )
