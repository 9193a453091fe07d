"""Where the personas ask."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from c360_core.names import Querier
from stacks.constructs.workgroup import Workgroup


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """A studio, in which people of personas write notebooks.

    Attributes:
        roles: with which the notebooks of a persona run, by the persona's name: they see what the persona sees.
        let_open: lets a persona, by its name, open the studio with a role.
    """

    roles: Mapping[str, iam.IRole]
    let_open: Callable[[str, iam.IRole], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPlaces:
    """Where queries run.

    Attributes:
        workgroups: of Athena, by those who ask in them.
        warehouse_arn: of the warehouse's workgroup; None without a warehouse.
        workbenches: the studios.
    """

    workgroups: Mapping[Querier, Workgroup]
    warehouse_arn: str | None
    workbenches: Sequence[Workbench] = ()
