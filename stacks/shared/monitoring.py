"""The alarms, graphs and standing costs that constructs declare.

A construct declares them by implementing a protocol below. Operations finds it in the construct tree and renders what
it declares, without knowing the kind of resource.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self, runtime_checkable

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import IConstruct

from config.operations import OperationsSettings

METRIC_PERIOD: Final = cdk.Duration.minutes(5)
_SILENT_PERIODS: Final = 4  # longer than the quarter of an hour after which stopped resources are restarted


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpec:
    """One alarm. By default it is raised when one period has a value of `threshold` or more.

    Attributes:
        name: unique in the environment; whoever is on call reads it.
        metric: the metric that the alarm watches.
        threshold: in the metric's unit.
        text: the problem, in words that a row of the runbooks' table contains.
    """

    name: str
    metric: cloudwatch.IMetric
    threshold: float
    text: str
    evaluation_periods: int = 1
    comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
    missing_data: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING


def alarm_on_silence(*, name: str, metric: cloudwatch.IMetric, text: str) -> AlarmSpec:
    """Return an alarm on a metric that a healthy resource always has: a value below 1, or none, raises it."""
    return AlarmSpec(
        name=name,
        metric=metric,
        threshold=1,
        text=text,
        evaluation_periods=_SILENT_PERIODS,
        comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        missing_data=cloudwatch.TreatMissingData.BREACHING,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Lines on a graph of the dashboard. Constructs that use the same title share the graph.

    Attributes:
        title: identifies the graph.
        position: graphs are sorted by it, the lowest first.
        lines: metrics by label; without any, the dashboard shows an empty graph.
    """

    title: str
    position: int
    lines: Mapping[str, cloudwatch.IMetric]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingCost:
    """The price of a resource while it is idle, at list prices of us-east-1 and 730 hours a month.

    Attributes:
        part: the row of the cost table; costs with the same part are added.
        usd: per month.
        pieces: the number of resources, which the row shows; 0 if it does not show one.
    """

    part: str
    usd: float
    pieces: int = 0

    @property
    def label(self) -> str:
        """The row's name, with the number of pieces if there is one."""
        return f"{self.pieces} {self.part}" if self.pieces else self.part


@runtime_checkable
class HasAlarms(Protocol):
    """A construct that declares alarms."""

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:
        """Return the alarms, with thresholds from `limits` where an environment may set them."""


@runtime_checkable
class HasGraphs(Protocol):
    """A construct that declares graphs."""

    def graphs(self) -> Sequence[Graph]:
        """Return the graphs with the construct's own lines."""


@runtime_checkable
class HasStandingCosts(Protocol):
    """A construct that is billed by the hour or the month."""

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the costs of the idle resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredResources:
    """What all constructs of a tree declare, in the order of the tree."""

    alarms: Sequence[AlarmSpec]
    graphs: Sequence[Graph]
    costs: Sequence[StandingCost]

    @classmethod
    def found_in(cls, tree: IConstruct, limits: OperationsSettings) -> Self:
        """Collect the declarations of a construct and everything in it."""
        nodes = tree.node.find_all()
        return cls(
            alarms=[alarm for node in nodes if isinstance(node, HasAlarms) for alarm in node.alarms(limits)],
            graphs=_by_title(graph for node in nodes if isinstance(node, HasGraphs) for graph in node.graphs()),
            costs=_by_part(
                cost for node in nodes if isinstance(node, HasStandingCosts) for cost in node.standing_costs()
            ),
        )


def _by_title(graphs: Iterable[Graph]) -> list[Graph]:
    merged: dict[str, Graph] = {}
    for graph in graphs:
        known = merged.get(graph.title)
        merged[graph.title] = graph if known is None else replace(known, lines={**known.lines, **graph.lines})
    return sorted(merged.values(), key=lambda graph: graph.position)


def _by_part(costs: Iterable[StandingCost]) -> list[StandingCost]:
    total: dict[str, StandingCost] = {}
    for cost in costs:
        known = total.get(cost.part, StandingCost(part=cost.part, usd=0))
        total[cost.part] = replace(known, usd=known.usd + cost.usd, pieces=known.pieces + cost.pieces)
    return list(total.values())
