"""Signed webhooks: subscribers are told events of the bus."""

import json
from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from config.activation import OutboundSettings, WebhookSettings
from stacks.activation.outbound.deliveries import deliveries_table
from stacks.activation.outbound.receiver import FUNCTION_SECONDS, Receiver, secret_of
from stacks.constructs.grants import read_secret, use_items
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

_FUNCTION: Final = "webhooks"
_NOT_ROTATED: Final = "the subscriber holds the same secret; the runbook replaces it with an overlap of both"


class Webhooks(Construct):
    """One function tells all subscribers; each has a rule, a queue, a secret and a circuit of its own.

    An API destination of EventBridge would need no function, and cannot sign a body.
    """

    function: PythonFunction
    secrets: dict[str, secretsmanager.ISecret]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        subscribers: Sequence[WebhookSettings],
        outbound: OutboundSettings,
        bus: events.IEventBus,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        table = deliveries_table(self, platform=platform)
        receivers: dict[str, Receiver] = {}
        self.secrets = {}
        for one in subscribers:
            label = pascal_case(one.name)
            receiver = Receiver(
                self, label, name=one.name, label=f"Webhook{label}", service=_FUNCTION, platform=platform
            )
            receiver.take(one.events, bus=bus)
            receivers[one.name] = receiver
            self.secrets[one.name] = secret_of(
                receiver,
                arn=one.secret_arn,
                description=f"Customer 360: secret with which webhooks to {one.name} are signed",
                not_rotated_because=_NOT_ROTATED,
                platform=platform,
            )
        destinations = [
            {
                "name": one.name,
                "url": one.url,
                "secret_arn": self.secrets[one.name].secret_arn,
                **receivers[one.name].places,
            }
            for one in subscribers
        ]
        self.function = PythonFunction(
            self,
            "Function",
            name=_FUNCTION,
            platform=platform,
            variables={
                "DESTINATIONS": cdk.Stack.of(self).to_json_string(destinations),
                "DELIVERIES_TABLE": table.table_name,
                "PRIVATE_NETWORKS": json.dumps([str(network) for network in outbound.private_networks]),
            },
            caller=Caller.QUEUE,
            timeout_seconds=FUNCTION_SECONDS,
        )
        for receiver in receivers.values():
            receiver.feed(self.function)
        use_items(self.function.role, table, platform.key, ("GetItem", "UpdateItem", "DeleteItem"))
        read_secret(self.function.role, *self.secrets.values())
