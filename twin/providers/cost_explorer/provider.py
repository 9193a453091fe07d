"""Cost Explorer: cost allocation tags of the deployed stacks."""

from collections.abc import Iterator, Mapping

from twin.emulator.provider import Provider
from twin.providers.cost_explorer.service import CostExplorer


class CostExplorerProvider(Provider):
    """Cost Explorer."""

    def api(self) -> Mapping[str, object]:
        """Serve the operations on cost allocation tags."""
        return {"ce": CostExplorer(tag_keys=self._stack_tags)}

    def _stack_tags(self) -> Iterator[str]:
        for page in self.twin.client("cloudformation").get_paginator("describe_stacks").paginate():
            yield from (tag["Key"] for stack in page["Stacks"] for tag in stack.get("Tags", ()))


PROVIDER = CostExplorerProvider
