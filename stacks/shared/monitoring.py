"""What constructs bring to operations: their alarms, their graphs and what they cost while nothing happens.

A construct that has one of the three methods below is found in the construct tree; nobody lists it. So operations
renders resources of any kind without knowing one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol, Self, runtime_checkable

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import IConstruct

from config.operations import OperationsSettings

METRIC_PERIOD: Final = cdk.Duration.minutes(5)
_SILENT_PERIODS: Final = 4  # so that what restarts a stopped resource every quarter of an hour has one look before


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpec:
    """One alarm, on `threshold` or more in one period unless it says otherwise.

    Attributes:
        name: names the alarm, unique in the environment, for whoever is on call.
        metric: what is measured.
        threshold: in the metric's unit.
        text: what is wrong when the alarm is raised; the table of the runbooks has a row for it.
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
    """Lines on a graph of the dashboard; constructs that name the same title share it.

    Attributes:
        title: names the graph.
        position: a graph with a lower one stands further up.
        lines: metrics by label. Without lines the graph is shown empty.
    """

    title: str
    position: int
    lines: Mapping[str, cloudwatch.IMetric]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingCost:
    """What a resource costs whether it is used or not, at list prices of us-east-1 and 730 hours a month.

    Attributes:
        part: the row of the cost table; resources that name the same part are added up.
        usd: a month.
        pieces: how many resources the row counts; 0 where it does not count them.
    """

    part: str
    usd: float
    pieces: int = 0

    @property
    def label(self) -> str:
        """The part, with its number of pieces when they are counted."""
        return f"{self.pieces} {self.part}" if self.pieces else self.part


@runtime_checkable
class HasAlarms(Protocol):
    """A construct whose failures somebody has to hear of."""

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:
        """Return the alarms; `limits` has what an environment tolerates."""


@runtime_checkable
class HasGraphs(Protocol):
    """A construct that is shown on the dashboard."""

    def graphs(self) -> Sequence[Graph]:
        """Return its lines, on the graphs that they belong to."""


@runtime_checkable
class HasStandingCosts(Protocol):
    """A construct that is paid by the hour or the month."""

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return what it costs while nothing happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredResources:
    """What all constructs of a tree bring, in the order of the tree."""

    alarms: Sequence[AlarmSpec]
    graphs: Sequence[Graph]
    costs: Sequence[StandingCost]

    @classmethod
    def found_in(cls, tree: IConstruct, limits: OperationsSettings) -> Self:
        """Collect from a construct and everything in it."""
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
