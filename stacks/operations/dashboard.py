"""The dashboard of an environment."""

from collections.abc import Iterable
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from c360_core.names import PROJECT
from stacks.shared.monitoring import Graph

_WIDTH: Final = 12
_HEIGHT: Final = 6


class Dashboard(Construct):
    """The graphs that constructs declare, sorted by their positions."""

    name: str

    def __init__(self, scope: Construct, id_: str, *, graphs: Iterable[Graph], environment: str) -> None:
        super().__init__(scope, id_)
        self.name = f"{PROJECT}-{environment}"
        dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self.name,
            default_interval=cdk.Duration.hours(3),
        )
        dashboard.add_widgets(*(_widget(graph) for graph in graphs))


def _widget(graph: Graph) -> cloudwatch.GraphWidget:
    left = [
        metric.with_(label=label) if isinstance(metric, cloudwatch.Metric) else metric
        for label, metric in graph.lines.items()
    ]
    return cloudwatch.GraphWidget(title=graph.title, left=left, width=_WIDTH, height=_HEIGHT)
