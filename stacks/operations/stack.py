"""Operations: alarms, dashboard, budget, and the state machines that keep applications running."""

import aws_cdk as cdk
from constructs import Construct

from config.operations import OperationsSettings
from stacks.operations.alarms import Alarms
from stacks.operations.budget import Budget
from stacks.operations.dashboard import Dashboard
from stacks.operations.supervision import AutoStart, Snapshots
from stacks.shared.monitoring import MonitoredResources, StandingCost
from stacks.shared.platform import Platform
from stacks.shared.supervision import supervised_in


class OperationsStack(cdk.Stack):
    """Monitors the other stacks and keeps their applications running.

    It must be created last: it collects what their constructs declare.
    """

    costs: list[StandingCost]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        settings: OperationsSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: alarms, dashboard, budget")
        if applications := supervised_in(self.node.root):
            AutoStart(self, "Keeper", applications=applications, platform=platform)
            Snapshots(self, "Snapshots", applications=applications, platform=platform)
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
