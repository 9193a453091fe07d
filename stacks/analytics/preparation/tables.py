"""Tables of plain Parquet, as DataBrew reads and writes them."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from constructs import Construct

from c360_core.names import Zone, database_name
from stacks.analytics.preparation.recipe import Columns
from stacks.shared.platform import Platform

_PARQUET: Final = "org.apache.hadoop.hive.ql.io.parquet"
# Without both, DataBrew does not know a table of the catalog.
_READABLE: Final = {"classification": "parquet", "typeOfData": "file"}


class ParquetTable(Construct):
    """A table whose files a service replaces as a whole."""

    resource: glue.CfnTable
    name: str
    zone: Zone

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        zone: Zone,
        columns: Columns,
        location: str,
        description: str,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.name, self.zone = name, zone
        kind = glue.CfnTable
        self.resource = kind(
            self,
            "Table",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=database_name(platform.environment, zone),
            table_input=kind.TableInputProperty(
                name=name,
                description=description,
                table_type="EXTERNAL_TABLE",
                parameters=dict(_READABLE),
                storage_descriptor=kind.StorageDescriptorProperty(
                    location=location,
                    columns=[kind.ColumnProperty(name=column, type=str(of)) for column, of in columns.items()],
                    input_format=f"{_PARQUET}.MapredParquetInputFormat",
                    output_format=f"{_PARQUET}.MapredParquetOutputFormat",
                    serde_info=kind.SerdeInfoProperty(serialization_library=f"{_PARQUET}.serde.ParquetHiveSerDe"),
                ),
            ),
        )
