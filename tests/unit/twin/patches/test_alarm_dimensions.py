"""An alarm is about the metric with its dimensions, and no other of the same name."""

from collections.abc import Iterator

import pytest
from ministack.services import cloudwatch

from twin.patches.alarm_dimensions import by_own_metric

NAMESPACE, METRIC = "Customer360", "BrokenRules"


@pytest.fixture(autouse=True)
def no_metrics() -> Iterator[None]:
    cloudwatch._metrics.clear()
    yield
    cloudwatch._metrics.clear()


def alarm(dataset: str | None) -> dict[str, object]:
    dimensions = [{"Name": "Dataset", "Value": dataset}] if dataset else []
    return {
        "AlarmName": "a",
        "Namespace": NAMESPACE,
        "MetricName": METRIC,
        "Dimensions": dimensions,
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "StateValue": "OK",
        "ActionsEnabled": False,
    }


def state(dataset: str | None) -> object:
    evaluated = alarm(dataset)
    by_own_metric(cloudwatch._evaluate_alarm)(evaluated)
    return evaluated["StateValue"]


def test_only_the_alarm_with_these_dimensions_goes_off() -> None:
    cloudwatch.record_metric(NAMESPACE, METRIC, 1, dimensions={"Dataset": "raw.interactions"})
    cloudwatch.record_metric(NAMESPACE, METRIC, 0, dimensions={"Dataset": "curated.profiles"})

    assert [state(name) for name in ("raw.interactions", "curated.profiles", "raw.other", None)] == [
        "ALARM", "OK", "OK", "OK",
    ]  # fmt: skip


def test_it_recovers_with_its_own_metric() -> None:
    evaluated = alarm("raw.interactions") | {"StateValue": "ALARM"}
    cloudwatch.record_metric(NAMESPACE, METRIC, 0, dimensions={"Dataset": "raw.interactions"})

    by_own_metric(cloudwatch._evaluate_alarm)(evaluated)

    assert evaluated["StateValue"] == "OK"
