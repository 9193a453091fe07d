"""What must be started and saved while it is deployed, because a template does neither.

A construct declares it by implementing the protocol below. Operations finds the construct in the tree and runs its
steps on a schedule, without knowing the kind of resource.
"""

from typing import Protocol, runtime_checkable

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct, IConstruct


@runtime_checkable
class Supervised(Protocol):
    """A construct whose resource is started when it has stopped, and whose state is saved.

    Attributes:
        label: unique in the environment; the ids of the steps contain it.
    """

    label: str

    @property
    def is_supervised(self) -> bool:
        """Whether the resource is deployed and the settings keep it running."""

    def steps_to_start(self, scope: Construct) -> sfn.IChainable:
        """Create, in `scope`, the steps that start the resource from its latest saved state if it has stopped."""

    def steps_to_save(self, scope: Construct) -> sfn.IChainable:
        """Create, in `scope`, the steps that save the state of the running resource.

        The execution's input holds the name of the new copy of the state, at `$.snapshot`.
        """


def supervised_in(tree: IConstruct) -> list[Supervised]:
    """Return the supervised constructs of a tree, in the order of the tree."""
    return [node for node in tree.node.find_all() if isinstance(node, Supervised) and node.is_supervised]
