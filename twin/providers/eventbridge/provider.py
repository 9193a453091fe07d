"""EventBridge: the API destinations of the template, with the connections that say how they are called."""

from contextvars import copy_context
from threading import Thread
from typing import Any

from twin.emulator.provider import Provider, ResourceType, Twin
from twin.patches import rule_targets
from twin.providers.eventbridge.destinations import Destinations

# AWS ends such ARNs with a number of its own, so that a permission must name all of it.
_NUMBER = "00000000-0000-0000-0000-000000000000"
CONNECTION = ResourceType(
    name="AWS::Events::Connection", arn=f"arn:aws:events:{{region}}:{{account}}:connection/{{name}}/{_NUMBER}"
)
DESTINATION = ResourceType(
    name="AWS::Events::ApiDestination",
    arn=f"arn:aws:events:{{region}}:{{account}}:api-destination/{{name}}/{_NUMBER}",
)


class EventBridgeProvider(Provider):
    """EventBridge's API destinations."""

    types = (CONNECTION, DESTINATION)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._destinations = Destinations(
            destinations=lambda: twin.registry.of_type(DESTINATION.name),
            connections=lambda: twin.registry.of_type(CONNECTION.name),
            set_aside=rule_targets.set_aside,
        )

    def install(self) -> None:
        """Call the destinations of the template, which MiniStack does not make."""
        from ministack.services import eventbridge

        def dispatch(_spec: object, payload: str, target: dict[str, Any]) -> None:
            source, event = rule_targets.DELIVERING.get()
            arguments = (target, payload, event, source)
            # As on AWS: whoever put the event does not wait for the destination.
            Thread(target=copy_context().run, args=(self._destinations.call, *arguments), daemon=True).start()

        eventbridge._dispatch_to_api_destination = dispatch


PROVIDER = EventBridgeProvider
