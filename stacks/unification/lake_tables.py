"""The tables of the curated zone: who is who, and what we know."""

from collections.abc import Sequence

from constructs import Construct

from c360_core.names import Zone
from stacks.constructs.lake_table import LakeTable
from stacks.constructs.table_optimizers import TableOptimizers
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.platform import Platform


class UnificationTables(Construct):
    """Every curated table that has a contract."""

    tables: Sequence[LakeTable]

    def __init__(self, scope: Construct, id_: str, *, lake: Lake, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.tables = [
            LakeTable(
                self,
                pascal_case(table.name),
                table=table,
                bucket=lake.buckets[table.zone],
                platform=platform,
            )
            for table in lake.contracts.lake_tables()
            if table.zone is Zone.CURATED
        ]
        TableOptimizers(
            self,
            "Optimizers",
            tables=self.tables,
            buckets=lake.buckets,
            settings=lake.maintenance,
            platform=platform,
        )
