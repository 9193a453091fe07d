"""A new construct is monitored and costed because it stands in the tree: nobody lists it."""

import json

import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from config.settings import load
from stacks.foundation.stack import FoundationStack
from stacks.operations.stack import OperationsStack
from stacks.shared.monitoring import AlarmSpec, Graph, StandingCost, alarm_on_silence
from stacks.shared.platform import Platform
from tests.infrastructure.assembly import empty_app, placeholder_assets, resolve


class Turbine(Construct):
    """A resource of a kind that operations has never seen."""

    def alarms(self, limits):
        beats = cloudwatch.Metric(namespace="Trial", metric_name="Heartbeats")
        return (
            AlarmSpec(
                name="TurbineShakes",
                metric=vibration(self.node.id),
                threshold=limits.rejected_events,
                text="the turbine shakes",
            ),
            alarm_on_silence(name="TurbineSilent", metric=beats, text="the turbine is silent"),
        )

    def graphs(self):
        return (Graph(title="Vibration", position=15, lines={self.node.id: vibration(self.node.id)}),)

    def standing_costs(self):
        return (StandingCost(part="turbines", usd=70.5, pieces=1),)


class QuietTurbine(Turbine):
    """Another of the same kind, which has no alarms."""

    def alarms(self, limits):
        return ()


def vibration(turbine):
    return cloudwatch.Metric(namespace="Trial", metric_name="Vibration", dimensions_map={"Turbine": turbine})


def operate(cdk_app, assets, *trials):
    """Add to an app the foundation of `dev`, with trial constructs by id and kind, and operations; return that."""
    settings = load("dev")
    foundation = FoundationStack(cdk_app, "Foundation", settings=settings)
    for id_, kind in trials:
        kind(Construct(foundation, f"Below{id_}"), id_)
    platform = Platform(
        environment="dev",
        runtime=settings.runtime,
        assets=assets,
        key=foundation.key,
        alarm_topic=foundation.alarm_topic,
        removal=foundation.removal,
    )
    return OperationsStack(cdk_app, "Operations", applications=[], settings=settings.operations, platform=platform)


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    """Two trial constructs under operations: its stack and its template."""
    cdk_app = empty_app(tmp_path_factory.mktemp("trial"))
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    stack = operate(cdk_app, assets, ("North", Turbine), ("South", QuietTurbine))
    return stack, cdk_app.synth().get_stack_by_name("Operations").template


def alarms(template):
    return {
        resource["Properties"]["AlarmDescription"]: resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def test_its_alarms_appear(operations):
    _, template = operations
    found = alarms(template)
    assert found.keys() == {"Customer 360: the turbine shakes", "Customer 360: the turbine is silent"}
    shakes, silent = found["Customer 360: the turbine shakes"], found["Customer 360: the turbine is silent"]
    assert (shakes["Threshold"], shakes["TreatMissingData"], shakes["EvaluationPeriods"]) == (100, "notBreaching", 1)
    assert (silent["Threshold"], silent["TreatMissingData"], silent["EvaluationPeriods"]) == (1, "breaching", 4)
    assert all("Alarms" in resolve(action) for each in found.values() for action in each["AlarmActions"])


def test_its_costs_are_added_up(operations):
    stack, _ = operations
    costs = {cost.label: cost.usd for cost in stack.costs}
    assert costs == {"KMS key and secrets": pytest.approx(1.4), "2 turbines": pytest.approx(141)}


def test_resources_of_one_kind_share_a_graph(operations):
    _, template = operations
    (dashboard,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Dashboard")
    widgets = json.loads(resolve(dashboard["Properties"]["DashboardBody"]))["widgets"]
    (graph,) = (widget["properties"] for widget in widgets if widget["properties"]["title"] == "Vibration")
    assert [line[-1]["label"] for line in graph["metrics"]] == ["North", "South"]


def test_an_alarm_needs_a_name_of_its_own(tmp_path):
    trials = [("North", Turbine), ("South", Turbine)]
    with pytest.raises(RuntimeError, match="already a Construct with name 'TurbineShakes'"):
        operate(empty_app(tmp_path / "out"), placeholder_assets(tmp_path / "assets"), *trials)
