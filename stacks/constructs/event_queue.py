"""A queue between a rule of EventBridge and the function that takes its events."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.grants import allow, receive_messages, send_messages
from stacks.constructs.nag import acknowledge
from stacks.constructs.python_function import PythonFunction
from stacks.shared.monitoring import METRIC_PERIOD
from stacks.shared.platform import Platform

_RECEIVES: Final = 5  # the minimum that AWS recommends: a throttled call counts as an attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a function takes messages: so many at a time, gathered for so long, in so many calls at once.

    Attributes:
        receives: how often a message is given to the function before it goes to the dead-letter queue.
    """

    size: int
    window_seconds: int
    calls_at_once: int
    function_seconds: int
    receives: int = _RECEIVES


class EventQueue:
    """Events wait here until the function has taken them, and go to a dead-letter queue when it cannot.

    The queues, the rule and the mapping are created in the scope of the system that owns them.
    """

    queue: sqs.Queue
    undelivered: DeadLetterQueue

    def __init__(self, scope: Construct, id_: str, *, name: str, reading: Reading, platform: Platform) -> None:
        """Create both queues.

        AWS requires a visibility timeout of six times the function's timeout plus the batching window.
        """
        self._scope, self._reading = scope, reading
        self.undelivered = DeadLetterQueue(
            scope, "Undelivered", name=f"{name}Undelivered", platform=platform, of_queue=True
        )
        self.queue = sqs.Queue(
            scope,
            id_,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=platform.key,
            enforce_ssl=True,
            visibility_timeout=cdk.Duration.seconds(6 * reading.function_seconds + reading.window_seconds),
            retention_period=cdk.Duration.days(4),  # less than in the dead-letter queue: a moved message keeps its age
            dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=reading.receives, queue=self.undelivered.queue),
        )

    def feed(self, function: PythonFunction) -> None:
        """Invoke a function with the messages; it reports those that failed."""
        receive_messages(function.role, self.queue)
        mapping = lambda_.CfnEventSourceMapping(
            self._scope,
            "Mapping",
            function_name=function.function.function_name,
            event_source_arn=self.queue.queue_arn,
            batch_size=self._reading.size,
            maximum_batching_window_in_seconds=self._reading.window_seconds,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(
                maximum_concurrency=self._reading.calls_at_once
            ),
        )
        destination = "Lambda takes no failure destination for a queue: the queue moves the message to its own"
        acknowledge(mapping, {"LambdaEventSourceMappingDestination": destination})
        # Lambda checks at creation that the function's role may read the queue.
        mapping.node.add_dependency(function.role)

    def take(
        self,
        id_: str,
        *,
        description: str,
        pattern: events.EventPattern,
        sid: str,
        bus: events.IEventBus | None = None,
    ) -> None:
        """Put each event of a bus that matches into the queue; `sid` names the rule's right.

        Without a bus, it is the account's default one.
        """
        rule = events.Rule(
            self._scope,
            id_,
            event_bus=bus,
            description=description,
            event_pattern=pattern,
            targets=[
                targets.SqsQueue(
                    self._told,
                    dead_letter_queue=self.undelivered.queue,
                    retry_attempts=3,
                )
            ],
        )
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.rule_arn}},
            )
        )

    @cached_property
    def _told(self) -> sqs.IQueue:
        """The queue by its ARN, so that the CDK writes no policy: its own would admit every rule of the account."""
        return sqs.Queue.from_queue_arn(self._scope, "ToldTo", self.queue.queue_arn)

    def let_hold_back(self, function: PythonFunction) -> None:
        """Let a function say when a message comes again, and put one into the dead-letter queue itself."""
        allow(function.role, ("sqs:ChangeMessageVisibility",), self.queue.queue_arn)
        send_messages(function.role, self.undelivered.queue)

    def waiting(self) -> cloudwatch.Metric:
        """Return the age of the oldest message, in seconds."""
        return self.queue.metric_approximate_age_of_oldest_message(period=METRIC_PERIOD, statistic="Maximum")
