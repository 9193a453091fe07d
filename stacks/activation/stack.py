"""Activation: decisions, messages, journeys."""

from collections.abc import Mapping, Sequence, Set

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.bus_events import BusEvent
from c360_core.consent import Channel
from c360_core.journey import load_journeys
from c360_core.names import Querier, Stream
from c360_core.play import load_playbook
from config.activation import ActivationSettings
from stacks.activation.audiences.audiences import Audiences
from stacks.activation.clean_room.clean_room import CleanRoom
from stacks.activation.decision_engine import DecisionEngine
from stacks.activation.email.channel import Email
from stacks.activation.email.reports import DeliveryReports
from stacks.activation.email.unsubscribe import Unsubscribe
from stacks.activation.in_app.channel import InApp
from stacks.activation.in_app.inbox import Inbox
from stacks.activation.journeys.journeys import Journeys
from stacks.activation.message_sender import MessageSender
from stacks.activation.outbound.announcer import ANNOUNCED, Announcer
from stacks.activation.outbound.loyalty import LoyaltyWriteBack
from stacks.activation.outbound.webhooks import Webhooks
from stacks.activation.push.channel import Push
from stacks.activation.recommendations.recommendations import Recommendations
from stacks.activation.sentiment.scoring import SentimentScoring
from stacks.activation.service_tasks import ServiceTasks
from stacks.activation.sms.channel import Sms
from stacks.constructs.data_stream import DataStream
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform


class ActivationStack(cdk.Stack):
    """Owns the decision engine, the e-mail channel and the journeys.

    It shares a clean room with a partner, and tells advertising platforms of audiences, where the settings name some.
    """

    decision: DecisionEngine
    sender: MessageSender
    tasks: ServiceTasks | None
    webhooks: Webhooks | None
    loyalty: LoyaltyWriteBack | None
    clean_room: CleanRoom | None
    recommendations: Recommendations | None
    audiences: Audiences | None
    lake_access: Sequence[LakeAccess]

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        single_view: dynamodb.ITableV2,
        idempotency: dynamodb.ITableV2,
        streams: Mapping[Stream, DataStream],
        bus: events.IEventBus,
        hash_secret: secretsmanager.ISecret,
        training: s3.IBucket | None,
        workgroups: Mapping[Querier, Workgroup],
        settings: ActivationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: decisions, messages, journeys")
        self.email = Email(self, "Email", settings=settings.email, platform=platform)
        self.reports = DeliveryReports(
            self,
            "DeliveryReports",
            configuration_set=self.email.configuration_set,
            single_view=single_view,
            events_stream=streams[Stream.EVENTS],
            hash_secret=hash_secret,
            settings=settings.email,
            platform=platform,
        )
        self.unsubscribe = Unsubscribe(
            self,
            "Unsubscribe",
            single_view=single_view,
            events_stream=streams[Stream.EVENTS],
            hash_secret=hash_secret,
            settings=settings.email,
            platform=platform,
        )
        identity = settings.sms.origination_identity
        self.sms = None
        if identity is not None:
            self.sms = Sms(self, "Sms", identity=identity, settings=settings.sms, platform=platform)
            self.reports.read_texts()
        self.in_app = InApp(settings=settings.in_app) if settings.in_app.deployed else None
        self.push = Push(self, "Push", settings=settings.push, platform=platform) if settings.push.deployed else None
        on = {Channel.SMS: self.sms, Channel.IN_APP: self.in_app, Channel.PUSH: self.push}
        check_plays({Channel.EMAIL, *(channel for channel, part in on.items() if part is not None)})
        self.decision = DecisionEngine(
            self,
            "Decision",
            single_view=single_view,
            idempotency=idempotency,
            events_stream=streams[Stream.EVENTS],
            bus=bus,
            hash_secret=hash_secret,
            settings=settings,
            platform=platform,
        )
        self.sender = MessageSender(
            self,
            "MessageSender",
            email=self.email,
            unsubscribe=self.unsubscribe,
            sms=self.sms,
            in_app=self.in_app,
            push=self.push,
            single_view=single_view,
            idempotency=idempotency,
            events_stream=streams[Stream.EVENTS],
            hash_secret=hash_secret,
            settings=settings,
            platform=platform,
        )
        self.inbox = None
        if settings.has_inbox:
            self.inbox = Inbox(
                self,
                "Inbox",
                single_view=single_view,
                events_stream=streams[Stream.EVENTS],
                settings=settings.in_app,
                device_days=settings.push.device_days if settings.push.deployed else None,
                platform=platform,
            )
        self.journeys = Journeys(
            self,
            "Journeys",
            journeys=load_journeys(),
            sender=self.sender.function,
            single_view=single_view,
            idempotency=idempotency,
            events_stream=streams[Stream.EVENTS],
            bus=bus,
            settings=settings,
            platform=platform,
        )
        if settings.sentiment.deployed:
            SentimentScoring(self, "Sentiment", events_stream=streams[Stream.EVENTS], platform=platform)
        url = settings.service_tasks.url
        self.tasks = ServiceTasks(self, "ServiceTasks", url=url, bus=bus, platform=platform) if url else None
        self.webhooks = self.loyalty = None
        self._tell_outside(settings, single_view, streams[Stream.EVENTS], bus, platform)
        partner = settings.clean_room.partner_account
        self.clean_room = (
            CleanRoom(self, "CleanRoom", partner=partner, lake=lake, settings=settings.clean_room, platform=platform)
            if partner is not None
            else None
        )
        self.recommendations = (
            Recommendations(
                self,
                "Recommendations",
                lake=lake,
                single_view=single_view,
                interactions=streams[Stream.INTERACTIONS],
                training=training if settings.recommendations.uses_personalize else None,
                settings=settings.recommendations,
                platform=platform,
            )
            if settings.recommendations.provider != "none"
            else None
        )
        self.audiences = (
            Audiences(
                self,
                "Audiences",
                workgroup=workgroups[Querier.AUDIENCES],
                bus=bus,
                settings=settings,
                platform=platform,
            )
            if settings.audiences
            else None
        )
        self.lake_access = [
            *(self.clean_room.lake_access if self.clean_room else ()),
            *(self.recommendations.lake_access if self.recommendations else ()),
            *(self.audiences.lake_access if self.audiences else ()),
        ]
        self._export()

    def _tell_outside(
        self,
        settings: ActivationSettings,
        single_view: dynamodb.ITableV2,
        events_stream: DataStream,
        bus: events.IEventBus,
        platform: Platform,
    ) -> None:
        """Connect the systems outside that the settings name, and announce on the bus what they wait for."""
        kinds = {*self.journeys.announced, *(kind for one in settings.webhooks for kind in one.events)}
        if settings.webhooks:
            self.webhooks = Webhooks(
                self,
                "Webhooks",
                subscribers=settings.webhooks,
                outbound=settings.outbound,
                bus=bus,
                platform=platform,
            )
        if settings.loyalty.url is not None:
            kinds.add(BusEvent.SEGMENTS_CHANGED)
            self.loyalty = LoyaltyWriteBack(
                self,
                "Loyalty",
                url=settings.loyalty.url,
                settings=settings.loyalty,
                outbound=settings.outbound,
                single_view=single_view,
                events_stream=events_stream,
                bus=bus,
                platform=platform,
            )
        if kinds & ANNOUNCED:
            Announcer(self, "Announcer", kinds=kinds & ANNOUNCED, single_view=single_view, bus=bus, platform=platform)

    def _export(self) -> None:
        self.journeys.export(self)
        cdk.CfnOutput(self, "ConfigurationSetName", value=self.email.configuration_set.configuration_set_name)
        cdk.CfnOutput(self, "UnsubscribeApiUrl", value=self.unsubscribe.api_url)
        cdk.CfnOutput(self, "MessageSenderFunctionName", value=self.sender.function.function.function_name)
        if self.inbox is not None:
            cdk.CfnOutput(self, "InboxApiUrl", value=self.inbox.url)
        if self.tasks is not None:
            cdk.CfnOutput(self, "ServiceTaskKeyArn", value=self.tasks.key.secret_arn)
        for name, secret in (self.webhooks.secrets if self.webhooks else {}).items():
            cdk.CfnOutput(self, f"WebhookSecretArn{pascal_case(name)}", value=secret.secret_arn)
        if self.loyalty is not None:
            cdk.CfnOutput(self, "LoyaltyKeyArn", value=self.loyalty.secret.secret_arn)
        if self.audiences is not None:
            cdk.CfnOutput(self, "AudienceMembersTableName", value=self.audiences.table.table_name)
            for name, machine in self.audiences.machines.items():
                output = f"Audience{pascal_case(name)}StateMachineArn"
                cdk.CfnOutput(self, output, value=machine.machine.state_machine_arn)
        if self.clean_room is not None:
            cdk.CfnOutput(self, "CollaborationId", value=self.clean_room.collaboration.attr_collaboration_identifier)
        if self.recommendations is not None:
            cdk.CfnOutput(self, "RecommendStateMachineArn", value=self.recommendations.machine.state_machine_arn)


def check_plays(channels: Set[Channel]) -> None:
    """Refuse an environment in which a play would send by a channel that is switched off.

    Raises:
        ValueError: names the play, the channel and the setting.
    """
    for play in load_playbook().plays:
        for channel in play.channels:
            if channel not in channels:
                raise ValueError(
                    f"contracts/plays.yaml: {play.name} sends by {channel}, which this environment does not; switch it "
                    f"on (activation.{channel}), or take it out of the play"
                )
