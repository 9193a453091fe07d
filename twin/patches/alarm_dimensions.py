"""CloudWatch: MiniStack evaluates an alarm by every metric of its name, whatever the dimensions.

One function that fails, or one table that breaks its rules, would raise the alarms of all of them.
"""

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final

from twin.settings import TwinSettings

METRICS: Final = "_metrics"  # the module's name for all that was put, by namespace, name and dimensions

Evaluate = Callable[[dict[str, Any]], None]


def install(_settings: TwinSettings) -> None:
    """Let an alarm see its own metric alone."""
    from ministack.services import cloudwatch

    cloudwatch._evaluate_alarm = by_own_metric(cloudwatch._evaluate_alarm)


def by_own_metric(evaluate: FunctionType) -> Evaluate:
    """Return what evaluates an alarm by the metric with its namespace, name and dimensions."""
    module = evaluate.__globals__

    def evaluating(alarm: dict[str, Any]) -> None:
        points = {key: held for key, held in module[METRICS].items() if key == _key(module, alarm)}
        FunctionType(evaluate.__code__, {**module, METRICS: points})(alarm)

    return evaluating


def _key(module: Mapping[str, Any], alarm: Mapping[str, Any]) -> tuple[str, str, str]:
    dimensions = module["_dims_from_list"](alarm.get("Dimensions") or [])
    return alarm.get("Namespace", ""), alarm.get("MetricName", ""), module["_dims_key"](dimensions)
