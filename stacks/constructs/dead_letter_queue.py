"""A queue for input that could not be handled."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from config.operations import OperationsSettings
from stacks.constructs.nag import acknowledge
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

_LAST: Final = "this is the dead-letter queue; what lands here is redriven by a person"


class DeadLetterQueue(Construct):
    """An encrypted queue that keeps failed input for fourteen days, the longest that SQS allows.

    Args:
        name: tells whoever is on call which system the input belongs to.
        of_queue: whether a queue of the same stack moves its failed messages here; cdk-nag's SQS3 recognises that.
    """

    queue: sqs.IQueue

    def __init__(self, scope: Construct, id_: str, *, name: str, platform: Platform, of_queue: bool = False) -> None:
        super().__init__(scope, id_)
        self._name = name
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=platform.key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        acknowledge(self.queue, {"SQSRedrivePolicy": _LAST})
        if not of_queue:
            acknowledge(self.queue, {"SQS3": _LAST})

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # one message is too many
        """Return the alarm on any message in the queue."""
        return (
            AlarmSpec(
                name=f"{self._name}Queue",
                metric=self._depth(),
                threshold=1,
                text=f"{self._name}: input waits in the dead-letter queue; see it, redrive it",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return how many messages wait."""
        return (Graph(title="Waiting in dead-letter queues", position=40, lines={self._name: self._depth()}),)

    def _depth(self) -> cloudwatch.Metric:
        return self.queue.metric_approximate_number_of_messages_visible(period=METRIC_PERIOD, statistic="Maximum")
