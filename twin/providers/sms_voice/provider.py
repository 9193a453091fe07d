"""AWS End User Messaging SMS: an outbox, the opt-out list, and what carriers report."""

import json
from collections.abc import Mapping
from typing import Any

from twin.emulator.provider import Provider, ResourceType, Twin
from twin.providers.sms_voice.service import SmsVoice

CONFIGURATION_SET = ResourceType(name="AWS::SMSVOICE::ConfigurationSet")


class SmsVoiceProvider(Provider):
    """AWS End User Messaging SMS."""

    types = (CONFIGURATION_SET,)

    def __init__(self, twin: Twin) -> None:
        super().__init__(twin)
        registry = twin.registry
        self._service = SmsVoice(
            has_configuration_set=lambda name: (
                registry.find(CONFIGURATION_SET.name, "ConfigurationSetName", name) is not None
            ),
            tell=_tell,
        )

    def api(self) -> Mapping[str, object]:
        """Serve what the message sender and an operator call."""
        return {"pinpoint-sms-voice-v2": self._service}


def _tell(detail: Mapping[str, Any]) -> None:
    """Put a report on the default bus, as the service does by itself."""
    from ministack.services import eventbridge

    entry = {
        "Source": "aws.sms-voice",
        "DetailType": "Text Message Delivery Status Updated",
        "Detail": json.dumps(detail),
        "Resources": [],
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


PROVIDER = SmsVoiceProvider
