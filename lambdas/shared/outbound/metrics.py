"""What came of a batch, as metrics of its receiver."""

from collections.abc import Mapping
from typing import Final

from aws_lambda_powertools import single_metric
from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit

from c360_core.names import METRIC_NAMESPACE
from lambdas.shared.outbound.batch import Taken

RECEIVER: Final = "receiver"  # the dimension
UNREACHABLE: Final = "ReceiverUnreachable"


def report(taken: Taken, *, receiver: str, service: str, logger: Logger) -> None:
    """Log why events wait or were set aside, and count them."""
    for fate, reasons in (("waits", taken.waiting), ("was set aside", taken.refused)):
        for message_id, reason in reasons.items():
            logger.warning("an event %s: %s", fate, reason, extra={"message_id": message_id, RECEIVER: receiver})
    counts: Mapping[str, int] = {
        **{f"Events{outcome.title()}": count for outcome, count in taken.outcomes.items()},
        "EventsWaiting": len(taken.waiting),
        "EventsSetAside": len(taken.refused),
        UNREACHABLE: int(taken.is_open),
    }
    for name, count in counts.items():
        with single_metric(
            name=name,
            unit=MetricUnit.Count,
            value=count,
            namespace=METRIC_NAMESPACE,
            default_dimensions={"service": service, RECEIVER: receiver},
        ):
            pass
