"""A system outside: the queue of its events, the alarm when it is down, and what became of the events."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from c360_core.bus_events import CONTRACTS, BusEvent
from c360_core.names import METRIC_NAMESPACE
from config.operations import OperationsSettings
from stacks.constructs.event_queue import EventQueue, Reading
from stacks.constructs.generated_secret import GeneratedSecret
from stacks.constructs.python_function import PythonFunction
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

FUNCTION_SECONDS: Final = 120
# One attempt, and the seven pauses of `lambdas/shared/outbound/batch.py`: 28 hours.
_ATTEMPTS: Final = 8
_SECRET_LENGTH: Final = 48  # letters and digits, and so base64 of 36 bytes
_GRAPHED: Final = ("EventsDelivered", "EventsAccepted", "EventsWaiting", "EventsSetAside")


class Receiver(Construct):
    """The events that wait for one system outside. Each has a queue of its own: one that is down keeps nobody waiting.

    Args:
        name: of the system, as metrics call it.
        label: of its alarms and queues.
        service: the function that calls it, as metrics call it.
    """

    arrivals: EventQueue

    def __init__(self, scope: Construct, id_: str, *, name: str, label: str, service: str, platform: Platform) -> None:
        super().__init__(scope, id_)
        self._name, self._label, self._service = name, label, service
        reading = Reading(
            size=10, window_seconds=0, calls_at_once=2, function_seconds=FUNCTION_SECONDS, receives=_ATTEMPTS
        )
        self.arrivals = EventQueue(self, "Events", name=label, reading=reading, platform=platform)

    @property
    def places(self) -> Mapping[str, str]:
        """Where a function finds the queues."""
        return {
            "queue_url": self.arrivals.queue.queue_url,
            "dead_letters_url": self.arrivals.undelivered.queue.queue_url,
        }

    def feed(self, function: PythonFunction) -> None:
        """Let a function deliver the events."""
        self.arrivals.feed(function)
        self.arrivals.let_hold_back(function)

    def take(
        self, kinds: Sequence[BusEvent], *, bus: events.IEventBus, detail: Mapping[str, Any] | None = None
    ) -> None:
        """Take events of some kinds from the bus.

        Args:
            detail: a pattern that they must match, too.
        """
        contracts = [CONTRACTS[kind] for kind in kinds]
        self.arrivals.take(
            "Happened",
            description=f"What {self._name} is told",
            pattern=events.EventPattern(
                source=sorted({one.source for one in contracts}),
                detail_type=sorted({one.detail_type for one in contracts}),
                detail=detail,
            ),
            sid="RuleOfEvents",
            bus=bus,
        )

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # once is too often
        """Return the alarm on a system that does not answer."""
        return (
            AlarmSpec(
                name=f"{self._label}Unreachable",
                metric=self._metric("ReceiverUnreachable", "Maximum"),
                threshold=1,
                text=f"{self._label}: the receiver {self._name} does not answer, and its events wait",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return what becomes of its events."""
        lines = {f"{self._label} {name}": self._metric(name, "Sum") for name in _GRAPHED}
        return (Graph(title="What systems outside were told", position=52, lines=lines),)

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=name,
            dimensions_map={"service": self._service, "receiver": self._name},
            period=METRIC_PERIOD,
            statistic=statistic,
        )


def secret_of(
    scope: Construct, *, arn: str | None, description: str, not_rotated_because: str, platform: Platform
) -> secretsmanager.ISecret:
    """Return a named secret of the account, or make one."""
    if arn is not None:
        return secretsmanager.Secret.from_secret_complete_arn(scope, "Secret", arn)
    return GeneratedSecret(
        scope,
        "Secret",
        description=description,
        length=_SECRET_LENGTH,
        not_rotated_because=not_rotated_because,
        key=platform.key,
        removal=platform.removal,
    )
