"""Operations: alarms, dashboard, budget, and the state machines that keep the Flink applications running."""

from collections.abc import Iterable

import aws_cdk as cdk
from constructs import Construct

from config.operations import OperationsSettings
from stacks.constructs.flink_application import FlinkApplication
from stacks.operations.alarms import Alarms
from stacks.operations.budget import Budget
from stacks.operations.dashboard import Dashboard
from stacks.operations.flink_auto_start import FlinkAutoStart, FlinkSnapshots
from stacks.shared.monitoring import MonitoredResources, StandingCost
from stacks.shared.platform import Platform


class OperationsStack(cdk.Stack):
    """Owns the monitoring of the other stacks. It must be created last: it collects what their constructs declare."""

    costs: list[StandingCost]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        applications: Iterable[FlinkApplication],
        settings: OperationsSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: alarms, dashboard, budget")
        running = {each.label: each.kept_running for each in applications if each.kept_running is not None}
        if running:
            FlinkAutoStart(self, "Keeper", applications=running, platform=platform)
            FlinkSnapshots(self, "Snapshots", applications=running, platform=platform)
        monitored = MonitoredResources.found_in(self.node.root, settings)
        if settings.alarms:
            Alarms(self, "Alarms", specs=monitored.alarms, topic=platform.alarm_topic)
        dashboard = Dashboard(self, "Dashboard", graphs=monitored.graphs, environment=platform.environment)
        if settings.monthly_budget_usd is not None:
            Budget(
                self,
                "Budget",
                monthly_usd=settings.monthly_budget_usd,
                environment=platform.environment,
                topic=platform.alarm_topic,
            )
        self.costs = list(monitored.costs)
        self._print_costs(platform.environment)
        cdk.CfnOutput(self, "DashboardName", value=dashboard.name)

    def _print_costs(self, environment: str) -> None:
        parts = ", ".join(f"{cost.label} {cost.usd:.0f}" for cost in self.costs)
        total = sum(cost.usd for cost in self.costs)
        cdk.Annotations.of(self).add_info(f"{environment} idles at about {total:.0f} USD a month (us-east-1): {parts}")
