"""A new construct is monitored and costed because it stands in the tree: nobody lists it."""

import json

import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from config.settings import load
from stacks.shared.monitoring import AlarmSpec, Graph, StandingCost, alarm_on_silence
from tests.infrastructure.assembly import empty_app, operate, placeholder_assets, resolve


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


def place(*turbines):
    def in_stack(foundation):
        for id_, kind in turbines:
            kind(Construct(foundation, f"Below{id_}"), id_)

    return in_stack


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    """Two trial constructs under operations: its stack and its template."""
    cdk_app = empty_app(tmp_path_factory.mktemp("trial"))
    assets = placeholder_assets(tmp_path_factory.mktemp("assets"))
    stack = operate(cdk_app, load("dev"), assets, place(("North", Turbine), ("South", QuietTurbine)))
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
    assets = placeholder_assets(tmp_path / "assets")
    with pytest.raises(RuntimeError, match="already a Construct with name 'TurbineShakes'"):
        operate(empty_app(tmp_path / "out"), load("dev"), assets, place(("North", Turbine), ("South", Turbine)))
