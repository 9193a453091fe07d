"""What Entity Resolution compares with a partner's records: hashes of customers who agreed to it."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.contracts import Table
from c360_core.names import database_name
from stacks.shared.platform import Platform

PARTITION: Final = "build"
_PARQUET: Final = "org.apache.hadoop.hive.ql.io.parquet"


class SharedIdentities(Construct):
    """A table of plain Parquet, because the service reads no Iceberg table, with one partition that builds replace."""

    def __init__(
        self, scope: Construct, id_: str, *, table: Table, bucket: s3.IBucket, prefix: str, platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        column = glue.CfnTable.ColumnProperty
        columns = [
            column(name=field.name, type="string", comment=field.description)
            for field in table.fields
            if field.name != PARTITION
        ]
        glue.CfnTable(
            self,
            "Table",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=database_name(platform.environment, table.zone),
            table_input=glue.CfnTable.TableInputProperty(
                name=table.name,
                description=table.description,
                table_type="EXTERNAL_TABLE",
                parameters={"classification": "parquet"},
                partition_keys=[column(name=PARTITION, type="string")],
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=f"s3://{bucket.bucket_name}/{prefix}{table.name}/",
                    columns=columns,
                    input_format=f"{_PARQUET}.MapredParquetInputFormat",
                    output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"
                    ),
                ),
            ),
        )
