"""CloudWatch: MiniStack's CloudFormation refuses an alarm on an expression over metrics.

Here such an alarm exists and can be set by hand, and it is never evaluated, because nothing computes its expression.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twin.settings import TwinSettings

NOT_EVALUATED: Final = {"MetricName": "", "Namespace": ""}  # MiniStack passes over an alarm without them

Record = Callable[[str, Mapping[str, Any]], dict[str, Any]]


def install(_settings: TwinSettings) -> None:
    """Let CloudFormation make alarms on expressions."""
    from ministack.services.cloudformation import provisioners

    provisioners._cw_metric_alarm_record = recording(provisioners._cw_metric_alarm_record)


def recording(record: Record) -> Record:
    """Return what makes the record of an alarm, on one metric or on an expression."""

    def made(name: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        expression = properties.get("Metrics")
        if not expression:
            return record(name, properties)
        plain = {key: value for key, value in properties.items() if key != "Metrics"}
        alarm = record(name, {**plain, "MetricName": "expression", "Namespace": "expression"})
        return {**alarm, **NOT_EVALUATED, "Metrics": expression}

    return made
