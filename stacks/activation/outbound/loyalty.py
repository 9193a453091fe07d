"""The loyalty system: the tier of a member is written there when the member's segments change."""

import json
from dataclasses import asdict
from typing import Final

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.bus_events import BusEvent
from c360_core.contracts import load as load_contracts
from c360_core.loyalty import TierRule, Tiers, known_tiers
from c360_core.segment import load as load_segments
from c360_core.segment import profile_fields
from config.activation import LoyaltySettings, OutboundSettings
from stacks.activation.outbound.deliveries import deliveries_table
from stacks.activation.outbound.receiver import FUNCTION_SECONDS, Receiver, secret_of
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import put_records, read_secret, use_items
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.platform import Platform

_FUNCTION: Final = "loyalty"
_NOT_ROTATED: Final = "the loyalty system holds the same key; whoever changes it there writes it here"


class LoyaltyWriteBack(Construct):
    """A rule takes the changes of segments that stand for a tier into a queue; a function writes the tiers."""

    function: PythonFunction
    secret: secretsmanager.ISecret

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        url: str,
        settings: LoyaltySettings,
        outbound: OutboundSettings,
        single_view: dynamodb.ITableV2,
        events_stream: DataStream,
        bus: events.IEventBus,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        tiers = checked(settings)
        table = deliveries_table(self, platform=platform)
        receiver = Receiver(self, "System", name=_FUNCTION, label="LoyaltySystem", service=_FUNCTION, platform=platform)
        segments = sorted({rule.segment for rule in tiers.rules})
        receiver.take([BusEvent.SEGMENTS_CHANGED], bus=bus, detail={"changed": segments})
        self.secret = secret_of(
            receiver,
            arn=settings.secret_arn,
            description="Customer 360: key with which tiers are written to the loyalty system",
            not_rotated_because=_NOT_ROTATED,
            platform=platform,
        )
        purpose = {} if settings.consent_purpose is None else {"CONSENT_PURPOSE": str(settings.consent_purpose)}
        places = {name.upper(): value for name, value in receiver.places.items()}
        self.function = PythonFunction(
            self,
            "Function",
            name=_FUNCTION,
            platform=platform,
            variables={
                "SINGLE_VIEW_TABLE": single_view.table_name,
                "DELIVERIES_TABLE": table.table_name,
                "EVENTS_STREAM_NAME": events_stream.name,
                "LOYALTY_URL": url,
                "LOYALTY_SECRET_ARN": self.secret.secret_arn,
                "TIERS": json.dumps(asdict(tiers)),
                "PRIVATE_NETWORKS": json.dumps([str(network) for network in outbound.private_networks]),
                **places,
                **purpose,
            },
            caller=Caller.QUEUE,
            timeout_seconds=FUNCTION_SECONDS,
            writes=events_stream,
            calls=(ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER, ec2.InterfaceVpcEndpointAwsService.SQS),
        )
        receiver.feed(self.function)
        # Only where a consent is asked for does it look for one.
        reads = ("GetItem", "BatchGetItem", *(("Query",) if settings.consent_purpose else ()))
        use_items(self.function.role, single_view, platform.key, reads)
        use_items(self.function.role, table, platform.key, ("GetItem", "UpdateItem", "DeleteItem"))
        put_records(self.function.role, events_stream)
        read_secret(self.function.role, self.secret)


def checked(settings: LoyaltySettings) -> Tiers:
    """Return which segments stand for which tiers.

    Raises:
        ValueError: names the setting, and the segments or tiers that there are.
    """
    segments, tiers = _segments(), known_tiers()
    for rule in settings.tiers:
        if rule.segment not in segments:
            raise ValueError(
                f"activation.loyalty.tiers: `{rule.segment}` is no segment of contracts/segments.yaml; write one of "
                f"{', '.join(sorted(segments))}"
            )
    for tier in (*(rule.tier for rule in settings.tiers), settings.otherwise):
        if tier not in tiers:
            raise ValueError(
                f"activation.loyalty: `{tier}` is no tier of contracts/loyalty_members.odcs.yaml; write one of "
                f"{', '.join(tiers)}"
            )
    return Tiers(
        rules=[TierRule(segment=rule.segment, tier=rule.tier) for rule in settings.tiers], otherwise=settings.otherwise
    )


def _segments() -> set[str]:
    fields = profile_fields(load_contracts().product("profiles").table)
    return {segment.name for segment in load_segments(fields)}
