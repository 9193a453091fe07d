"""Watching it run: alarms, dashboard, budget, and what keeps the applications going."""

import aws_cdk as cdk
from constructs import Construct

from config.settings import Settings
from stacks.operations.alarms import Alarms
from stacks.operations.application_keeper import ApplicationKeeper, SnapshotKeeper
from stacks.operations.budget import Budget
from stacks.operations.dashboard import Dashboard
from stacks.operations.standing_costs import standing_costs
from stacks.shared.platform import Platform
from stacks.shared.watched import Watched


class OperationsStack(cdk.Stack):
    """Owns what watches the other stacks."""

    def __init__(
        self, scope: Construct, id_: str, *, watched: Watched, secrets: int, settings: Settings, platform: Platform
    ) -> None:
        super().__init__(scope, id_, description="Customer 360: alarms, dashboard, budget")
        operations = settings.operations
        if watched.applications:
            keeper = ApplicationKeeper(self, "Keeper", applications=watched.applications, platform=platform)
            snapshots = SnapshotKeeper(self, "Snapshots", applications=watched.applications, platform=platform)
            watched += Watched(
                machines={"ApplicationKeeper": keeper.machine, "SnapshotKeeper": snapshots.machine},
                queues={
                    "ApplicationKeeperUndelivered": keeper.undelivered.queue,
                    "SnapshotKeeperUndelivered": snapshots.undelivered.queue,
                },
            )
        if operations.alarms:
            Alarms(
                self,
                "Alarms",
                watched=watched,
                topic=platform.alarm_topic,
                settings=operations,
                retention_hours=settings.collection.streams.retention_hours,
            )
        dashboard = Dashboard(self, "Dashboard", watched=watched, environment=platform.environment)
        if operations.monthly_budget_usd is not None:
            Budget(
                self,
                "Budget",
                monthly_usd=operations.monthly_budget_usd,
                environment=platform.environment,
                topic=platform.alarm_topic,
            )
        self._tell_costs(settings, secrets)
        cdk.CfnOutput(self, "DashboardName", value=dashboard.name)

    def _tell_costs(self, settings: Settings, secrets: int) -> None:
        costs = standing_costs(settings, secrets=secrets)
        parts = ", ".join(f"{cost.part} {cost.usd:.0f}" for cost in costs)
        total = sum(cost.usd for cost in costs)
        cdk.Annotations.of(self).add_info(
            f"{settings.environment} idles at about {total:.0f} USD a month (us-east-1): {parts}"
        )
