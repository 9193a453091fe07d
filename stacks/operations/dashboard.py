"""The state of the whole on one page."""

from collections.abc import Mapping
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from c360_core.names import PROJECT
from stacks.operations.alarms import (
    failed_executions,
    function_errors,
    incoming_records,
    iterator_ages,
    queue_depths,
    rejected_events,
    restarts,
    running_times,
)
from stacks.shared.watched import Watched

_WIDTH: Final = 12
_HEIGHT: Final = 6


class Dashboard(Construct):
    """Graphs in the order in which the data flows: in, through, out, and what went wrong."""

    name: str

    def __init__(self, scope: Construct, id_: str, *, watched: Watched, environment: str) -> None:
        super().__init__(scope, id_)
        dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"{PROJECT}-{environment}",
            default_interval=cdk.Duration.hours(3),
        )
        durations = {name: each.metric_duration(statistic="p95") for name, each in watched.functions.items()}
        if watched.streams:
            dashboard.add_widgets(
                _graph("Records into each stream", incoming_records(watched)),
                _graph("How far readers are behind (ms)", iterator_ages(watched)),
            )
        dashboard.add_widgets(
            _graph("Function errors", function_errors(watched)),
            _graph("Function duration, p95 (ms)", durations),
            _graph("Executions that failed", failed_executions(watched)),
            _graph("Waiting in dead-letter queues", queue_depths(watched)),
            _graph("Events that the collector refused", {"Refused": rejected_events()}),
            _graph("Flink running (ms)", running_times(watched)),
            _graph("Flink restarts", restarts(watched)),
        )
        self.name = f"{PROJECT}-{environment}"


def _graph(title: str, metrics: Mapping[str, cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    left = [
        metric.with_(label=name) if isinstance(metric, cloudwatch.Metric) else metric
        for name, metric in metrics.items()
    ]
    return cloudwatch.GraphWidget(title=title, left=left, width=_WIDTH, height=_HEIGHT)
