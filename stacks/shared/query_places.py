"""Where the personas ask."""

from collections.abc import Mapping
from dataclasses import dataclass

from c360_core.names import Querier
from stacks.constructs.workgroup import Workgroup


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPlaces:
    """Where queries run.

    Attributes:
        workgroups: of Athena, by those who ask in them.
        warehouse_arn: of the warehouse's workgroup; None without a warehouse.
    """

    workgroups: Mapping[Querier, Workgroup]
    warehouse_arn: str | None
