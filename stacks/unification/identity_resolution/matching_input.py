"""The input of Entity Resolution."""

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from c360_core.identity.workflow import MATCH_FIELDS
from c360_core.names import TableName, Zone, database_name
from stacks.shared.platform import Platform

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


class MatchingInput(Construct):
    """The table that Entity Resolution reads: plain Parquet, because the service does not support Iceberg."""

    resource: glue.CfnTable
    location: str
    arn: str

    def __init__(self, scope: Construct, id_: str, *, bucket: s3.IBucket, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.location = f"s3://{bucket.bucket_name}/{TableName.ER_INPUT}/"
        database = database_name(platform.environment, Zone.CURATED)
        self.resource = glue.CfnTable(
            self,
            "Table",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=database,
            table_input=glue.CfnTable.TableInputProperty(
                name=TableName.ER_INPUT,
                description="Normalised records, as the matching service compares them",
                table_type="EXTERNAL_TABLE",
                parameters={"classification": "parquet"},
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=self.location,
                    columns=[glue.CfnTable.ColumnProperty(name=f.name, type="string") for f in MATCH_FIELDS],
                    input_format=f"{_PARQUET}.MapredParquetInputFormat",
                    output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"
                    ),
                ),
            ),
        )
        stack = cdk.Stack.of(self)
        self.arn = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}:table/{database}/{TableName.ER_INPUT}"
