"""Pinpoint: applications, the two push channels, and the outbox."""

import json
from collections.abc import Mapping
from typing import Final

from twin.emulator.provider import Provider, ResourceType, Twin
from twin.providers.pinpoint.service import Push

APP: Final = ResourceType(name="AWS::Pinpoint::App", made_up="{digest}")
CHANNELS: Final = {
    "APNS": ResourceType(name="AWS::Pinpoint::APNSChannel"),
    "GCM": ResourceType(name="AWS::Pinpoint::GCMChannel"),
}
# What the settings of `everything` name; in an account an operator stores them.
SECRETS: Final = {
    "c360/apple-push": json.dumps(
        {"bundle_id": "com.example.shop", "team_id": "TEAM123456", "key_id": "KEY1234567", "key": "not a key"}
    ),
    "c360/google-push": json.dumps({"type": "service_account", "project_id": "example-shop"}),
}


class PinpointProvider(Provider):
    """AWS End User Messaging Push."""

    types = (APP, *CHANNELS.values())

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        self._service = Push(services_of=self._services_of)

    def api(self) -> Mapping[str, object]:
        """Serve what the message sender calls."""
        return {"pinpoint": self._service}

    def install(self) -> None:
        """Store the secrets that the settings of the demonstration name: CloudFormation reads them."""
        from ministack.services import secretsmanager

        for name, text in SECRETS.items():
            secretsmanager._create_secret({"Name": name, "SecretString": text})

    def _services_of(self, application_id: str) -> frozenset[str] | None:
        registry = self.twin.registry
        if application_id not in {app.physical_id for app in registry.of_type(APP.name)}:
            return None
        return frozenset(
            service
            for service, kind in CHANNELS.items()
            if registry.find(kind.name, "ApplicationId", application_id) is not None
        )


PROVIDER = PinpointProvider
