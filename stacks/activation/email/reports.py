"""What SES reports about our messages, read by a function of ours."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ses as ses
from constructs import Construct

from c360_core.decision import MESSAGE_PREFIX
from c360_core.delivery import EVENT_TYPES, Outcome
from c360_core.names import METRIC_NAMESPACE
from config.activation import EmailSettings
from config.operations import OperationsSettings
from stacks.constructs.data_stream import DataStream
from stacks.constructs.event_queue import EventQueue, Reading
from stacks.constructs.grants import put_records, read_secret, use_items
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

_FUNCTION: Final = "delivery_reports"
_SECONDS: Final = 60
_BATCH: Final = 100  # a report takes about ten requests, one after the other
_WAITING_SECONDS: Final = 15 * 60
# The reports that change something, by the kind that SES sends and the name under which EventBridge delivers it.
REPORTED: Final[Mapping[ses.EmailSendingEvent, str]] = MappingProxyType(
    {
        ses.EmailSendingEvent.DELIVERY: "Email Delivered",
        ses.EmailSendingEvent.BOUNCE: "Email Bounced",
        ses.EmailSendingEvent.COMPLAINT: "Email Complaint Received",
        ses.EmailSendingEvent.REJECT: "Email Rejected",
        ses.EmailSendingEvent.RENDERING_FAILURE: "Email Rendering Failed",
    }
)
# SES changes the links of a message and adds a picture to it where somebody asks for these.
TRACKED: Final[Mapping[ses.EmailSendingEvent, str]] = MappingProxyType(
    {
        ses.EmailSendingEvent.OPEN: "Email Opened",
        ses.EmailSendingEvent.CLICK: "Email Clicked",
    }
)


def reported(settings: EmailSettings) -> Mapping[ses.EmailSendingEvent, str]:
    """Return the reports that an environment asks for: openings and clicks only where it tracks them."""
    return {**REPORTED, **TRACKED} if settings.track_engagement else REPORTED


class DeliveryReports(Construct):
    """Takes the reports about messages of our configuration set from the account's default bus, through a queue."""

    function: PythonFunction

    def __init__(  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        configuration_set: ses.IConfigurationSet,
        single_view: dynamodb.ITableV2,
        events_stream: DataStream,
        hash_secret: secretsmanager.ISecret,
        settings: EmailSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.function = PythonFunction(
            self,
            "Function",
            name=_FUNCTION,
            platform=platform,
            variables={
                "SINGLE_VIEW_TABLE": single_view.table_name,
                "EVENTS_STREAM_NAME": events_stream.name,
                "HASH_SECRET_ARN": hash_secret.secret_arn,
            },
            caller=Caller.QUEUE,
            timeout_seconds=_SECONDS,
            writes=events_stream,
            calls=(ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,),
        )
        use_items(self.function.role, single_view, platform.key, ("GetItem", "BatchGetItem", "PutItem", "UpdateItem"))
        put_records(self.function.role, events_stream)
        read_secret(self.function.role, hash_secret)
        self._arrivals = EventQueue(
            self,
            "Reported",
            name="DeliveryReports",
            reading=Reading(size=_BATCH, window_seconds=1, calls_at_once=10, function_seconds=_SECONDS),
            platform=platform,
        )
        self._arrivals.feed(self.function)
        self._arrivals.take(
            "Report",
            description="SES reports what became of a message",
            pattern=events.EventPattern(
                source=["aws.ses"],
                detail_type=sorted(reported(settings).values()),
                detail={"mail": {"tags": {"ses:configuration-set": [configuration_set.configuration_set_name]}}},
            ),
            sid="RuleOfReports",
        )

    def read_texts(self) -> None:
        """Take the reports about text messages, too. The service sends them to the default bus by itself.

        Its events name no configuration set; only our messages have an id of ours in their context.
        """
        self._arrivals.take(
            "TextReport",
            description="A carrier reports what became of a text message",
            pattern=events.EventPattern(
                source=["aws.sms-voice"],
                detail_type=["Text Message Delivery Status Updated"],
                detail={"context": {"message_id": events.Match.prefix(MESSAGE_PREFIX)}},
            ),
            sid="RuleOfTextReports",
        )

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # fifteen minutes are too long everywhere
        """Return the alarm on reports that nobody takes."""
        return (
            AlarmSpec(
                name="DeliveryReportsWaiting",
                metric=self._arrivals.waiting(),
                threshold=_WAITING_SECONDS,
                text="DeliveryReports: reports wait in the queue, and nobody takes them",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return what becomes of messages."""
        lines = {outcome.title(): _messages(outcome) for outcome in EVENT_TYPES}
        return (Graph(title="What became of messages", position=51, lines=lines),)


def _messages(outcome: Outcome) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=f"Messages{outcome.title()}",
        dimensions_map={"service": _FUNCTION},
        period=METRIC_PERIOD,
        statistic="Sum",
    )
