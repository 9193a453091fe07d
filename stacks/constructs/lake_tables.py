"""The lake tables of a stack, with their optimizers."""

from collections.abc import Collection, Sequence

from constructs import Construct

from c360_core.names import Zone
from stacks.constructs.lake_table import COMPRESSION, SHARED_COMPRESSION, LakeTable
from stacks.constructs.table_optimizers import TableOptimizers
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform


class LakeTables(Construct):
    """Every table of some zones that has a contract."""

    tables: Sequence[LakeTable]
    lake_access: Sequence[LakeAccess]

    def __init__(self, scope: Construct, id_: str, *, zones: Collection[Zone], lake: Lake, platform: Platform) -> None:
        super().__init__(scope, id_)
        shared = {table.name for table in lake.contracts.shared_tables()}
        self.tables = [
            LakeTable(
                self,
                pascal_case(table.name),
                table=table,
                bucket=lake.buckets[table.zone],
                platform=platform,
                compression=SHARED_COMPRESSION if table.name in shared else COMPRESSION,
            )
            for table in lake.iceberg_tables()
            if table.zone in zones
        ]
        self.lake_access = TableOptimizers(
            self,
            "Optimizers",
            tables=self.tables,
            buckets=lake.buckets,
            settings=lake.maintenance,
            platform=platform,
        ).lake_access
