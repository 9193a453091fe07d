"""Activation: decisions, messages, journeys."""

from collections.abc import Mapping, Sequence, Set

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.consent import Channel
from c360_core.decision import Template
from c360_core.names import Querier, Stream
from c360_core.play import load_playbook
from config.activation import ActivationSettings
from stacks.activation.audiences.audiences import Audiences
from stacks.activation.clean_room.clean_room import CleanRoom
from stacks.activation.decision_engine import DecisionEngine
from stacks.activation.email.channel import Email
from stacks.activation.email.reports import DeliveryReports
from stacks.activation.email.unsubscribe import Unsubscribe
from stacks.activation.journey import Journey, Step
from stacks.activation.message_sender import MessageSender
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
    clean_room: CleanRoom | None
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
        check_plays({Channel.EMAIL, *([] if self.sms is None else [Channel.SMS])})
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
            single_view=single_view,
            idempotency=idempotency,
            events_stream=streams[Stream.EVENTS],
            hash_secret=hash_secret,
            settings=settings,
            platform=platform,
        )
        self.welcome = Journey(
            self,
            "Welcome",
            steps=[
                Step(template=Template.WELCOME),
                Step(template=Template.WELCOME_FOLLOW_UP, after_seconds=settings.follow_up_delay_seconds),
            ],
            sender=self.sender.function,
            bus=bus,
            platform=platform,
        )
        self.recovery = Journey(
            self,
            "ServiceRecovery",
            steps=[Step(template=Template.SERVICE_RECOVERY)],
            sender=self.sender.function,
            bus=bus,
            platform=platform,
        )
        if settings.sentiment.deployed:
            SentimentScoring(self, "Sentiment", events_stream=streams[Stream.EVENTS], platform=platform)
        url = settings.service_tasks.url
        self.tasks = ServiceTasks(self, "ServiceTasks", url=url, bus=bus, platform=platform) if url else None
        partner = settings.clean_room.partner_account
        self.clean_room = (
            CleanRoom(self, "CleanRoom", partner=partner, lake=lake, settings=settings.clean_room, platform=platform)
            if partner is not None
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
            *(self.audiences.lake_access if self.audiences else ()),
        ]
        self._export()

    def _export(self) -> None:
        cdk.CfnOutput(self, "WelcomeJourneyStateMachineArn", value=self.welcome.machine.state_machine_arn)
        cdk.CfnOutput(self, "ServiceRecoveryStateMachineArn", value=self.recovery.machine.state_machine_arn)
        cdk.CfnOutput(self, "ConfigurationSetName", value=self.email.configuration_set.configuration_set_name)
        cdk.CfnOutput(self, "UnsubscribeApiUrl", value=self.unsubscribe.api_url)
        cdk.CfnOutput(self, "MessageSenderFunctionName", value=self.sender.function.function.function_name)
        if self.tasks is not None:
            cdk.CfnOutput(self, "ServiceTaskKeyArn", value=self.tasks.key.secret_arn)
        if self.audiences is not None:
            cdk.CfnOutput(self, "AudienceMembersTableName", value=self.audiences.table.table_name)
            for name, machine in self.audiences.machines.items():
                output = f"Audience{pascal_case(name)}StateMachineArn"
                cdk.CfnOutput(self, output, value=machine.machine.state_machine_arn)
        if self.clean_room is not None:
            cdk.CfnOutput(self, "CollaborationId", value=self.clean_room.collaboration.attr_collaboration_identifier)


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
