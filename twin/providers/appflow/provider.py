"""AppFlow: flows and connections of the template; the flows run against vendors' systems on this machine."""

import json
from collections.abc import Mapping
from typing import Any, Final

from twin.emulator import roles
from twin.emulator.provider import Document, Provider, ResourceType, Twin
from twin.emulator.stand_ins import Resource
from twin.providers.appflow.service import SERVICE, AppFlow

FLOW: Final = ResourceType(name="AWS::AppFlow::Flow")
PROFILE: Final = ResourceType(name="AWS::AppFlow::ConnectorProfile")


class AppFlowProvider(Provider):
    """AppFlow."""

    types = (FLOW, PROFILE)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        registry = twin.registry
        self._service = AppFlow(
            flows=lambda name: registry.find(FLOW.name, "FlowName", name),
            names=lambda: [str(flow["FlowName"]) for flow in registry.properties(FLOW.name)],
            profiles=lambda name: registry.find(PROFILE.name, "ConnectorProfileName", name),
            may=lambda action, resource, flow: roles.service_may(SERVICE, action, resource, flow),
            objects=lambda: twin.client("s3"),
            tell=_tell,
        )

    def api(self) -> Mapping[str, object]:
        """Serve flows and connections."""
        return {"appflow": self._service}

    def deployed(self, resource: Resource) -> None:
        """Activate a flow as its template says."""
        if resource.type_name == FLOW.name:
            self._service.deployed(str(resource.properties["FlowName"]), resource.properties)

    def removed(self, resource: Resource) -> None:
        """Forget a flow."""
        if resource.type_name == FLOW.name:
            self._service.removed(str(resource.properties["FlowName"]))


def _tell(kind: str, detail: Document, flow: str) -> None:
    """Put AppFlow's own event on the default bus, on which only AWS's services put such."""
    from ministack.services import eventbridge

    entry: dict[str, Any] = {
        "Source": "aws.appflow",
        "DetailType": kind,
        "Detail": json.dumps(detail),
        "Resources": [flow],
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


PROVIDER = AppFlowProvider
