"""The order in which a deployment changes who may use the lake.

Lake Formation refuses a change of a database or table while another one of the same is under way
(`ConcurrentModificationException`), and CloudFormation makes everything at once that need not wait. So all changes of
one place follow one another, and changes of different tables go on side by side.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import aws_cdk as cdk
from aws_cdk import aws_lakeformation as lakeformation
from constructs import IConstruct

Place = tuple[str, ...]
_CATALOG: Final = "catalog"


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeChange:
    """A resource that changes permissions or tags.

    Attributes:
        place: what it changes. A place is a part of each place that its text begins with: a table of its database.
        resource: the resource.
    """

    place: Place
    resource: cdk.CfnResource

    def overlaps(self, other: "LakeChange") -> bool:
        """Say whether both change the same place, or one a part of the other's."""
        shorter = min(len(self.place), len(other.place))
        return self.place[:shorter] == other.place[:shorter]


@runtime_checkable
class ChangesLake(Protocol):
    """A construct that changes permissions by other means than a resource of Lake Formation."""

    def lake_change(self) -> LakeChange:
        """Return the change."""


def database_place(name: str) -> Place:
    """Return the place of a database, which its tables are part of."""
    return (_CATALOG, name)


def change_lake_in_order(tree: IConstruct) -> None:
    """Let each change of the lake in a tree wait for the earlier ones of the same place in the same stack.

    Their order is that of the tree. A stack must depend on the stacks that change the same places before it.
    """
    by_stack: dict[str, list[LakeChange]] = defaultdict(list)
    for node in tree.node.find_all():
        if (change := _change(node)) is not None:
            by_stack[cdk.Stack.of(node).node.path].append(change)
    for changes in by_stack.values():
        for position, change in enumerate(changes):
            for earlier in _just_before(change, changes[:position]):
                change.resource.add_resource_dependency(earlier.resource)


def _just_before(change: LakeChange, earlier: Sequence[LakeChange]) -> Iterator[LakeChange]:
    """Yield the changes to wait for: those of the same place, unless a later one of these waits for them already."""
    later: list[LakeChange] = []
    for one in reversed(earlier):
        if one.overlaps(change):
            if not any(one.overlaps(other) for other in later):
                yield one
            later.append(one)


def _change(node: IConstruct) -> LakeChange | None:
    match node:
        case lakeformation.CfnPrincipalPermissions() | lakeformation.CfnTagAssociation():
            return LakeChange(place=_place(node), resource=node)
        case ChangesLake():
            return node.lake_change()
        case _:
            return None


def _place(node: lakeformation.CfnPrincipalPermissions | lakeformation.CfnTagAssociation) -> Place:
    stated = cdk.Stack.of(node).resolve(node.resource)
    match stated:
        case {"database": {"name": str(name)}}:
            return database_place(name)
        case {"table": {"databaseName": str(database)} as table}:
            return (*database_place(database), *((table["name"],) if "name" in table else ()))
        case {"tableWithColumns": {"databaseName": str(database), "name": str(name)}}:
            return (*database_place(database), name)
        case {"dataLocation": location}:
            return ("location", str(location["resourceArn"]))
        case {"lfTagPolicy": policy}:
            return ("policy", str(policy))
        case _:
            raise TypeError(f"{node.node.path} changes {stated!r}; add the case to stacks/shared/lake_order.py")
