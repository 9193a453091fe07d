"""Entity Resolution: rule-based matching workflows of the template, run in this process."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from twin.emulator.provider import Provider, ResourceType
from twin.emulator.roles import assume, require
from twin.providers.entity_resolution.service import EntityResolution

SERVICE: Final = "entityresolution.amazonaws.com"
SESSION: Final = "matching-job"
WORKFLOW = ResourceType(name="AWS::EntityResolution::MatchingWorkflow")
SCHEMA_MAPPING = ResourceType(name="AWS::EntityResolution::SchemaMapping", fixed_while_used_by=WORKFLOW.name)


class EntityResolutionProvider(Provider):
    """Entity Resolution."""

    types = (WORKFLOW, SCHEMA_MAPPING)

    def api(self) -> Mapping[str, object]:
        """Serve matching jobs of the deployed workflows."""
        registry = self.twin.registry
        resolution = EntityResolution(
            workflows=lambda name: registry.find(WORKFLOW.name, "WorkflowName", name),
            schemas=lambda name: registry.find(SCHEMA_MAPPING.name, "SchemaName", name),
            assume=partial(assume, service=SERVICE, session=SESSION),
            require=require,
            clients=self.twin.settings.client,
        )
        return {"entityresolution": resolution}


PROVIDER = EntityResolutionProvider
