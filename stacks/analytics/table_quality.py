"""The quality of tables at rest: a Spark job checks them every night; what depends on one that fails is not built."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.contracts import Table
from c360_core.names import (
    METRIC_NAMESPACE,
    QUALITY_EVENT,
    QUALITY_METRIC,
    QUALITY_SOURCE,
    RECOVERED,
    TableName,
    Zone,
)
from config.analytics import QualitySettings
from config.operations import OperationsSettings
from stacks.constructs.grants import allow, put_metrics, read_objects, read_tables, write_objects, write_tables
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.nightly_job import run_nightly
from stacks.constructs.spark_job import SparkJob
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

_NAME: Final = "CheckTables"
_CHECKED: Final = (Zone.RAW, Zone.CURATED)
_ALL: Final = {"tables": "all"}


class TableQuality(Construct):
    """Checks tables, keeps the results in a table of the products zone, and tells the bus and an alarm of each.

    The build of the marts asks the results. When a table recovers, the marts that waited for it are built at once.
    """

    job: SparkJob
    machine: sfn.StateMachine
    lake_access: Sequence[LakeAccess]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        bus: events.IEventBus,
        settings: QualitySettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._environment = platform.environment
        self._tables = [table for table in lake.contracts.lake_tables() if table.zone in _CHECKED]
        self.job = self._job(lake, bus, settings, platform)
        # A run that failed is repeated: of each day the last check counts.
        self.machine = run_nightly(
            self,
            self.job,
            name=_NAME,
            step="Check",
            platform=platform,
            description="Check the tables of the lake every night",
            subject="the tables of the lake could not be checked",
            hour_utc=settings.hour_utc,
            repeats=1,
            runbook="a-table-breaks-its-rules.md",
            choices=_ALL,
        )
        role = self.job.role
        self.lake_access = [
            *(
                LakeAccess(
                    name=f"CheckTables{zone.title()}",
                    role=role,
                    zone=zone,
                    tables=[table.name for table in self._tables if table.zone is zone],
                )
                for zone in _CHECKED
            ),
            LakeAccess(
                name="CheckTablesProducts",
                role=role,
                zone=Zone.PRODUCTS,
                writes=True,
                tables=[TableName.QUALITY_RESULTS],
            ),
        ]

    @staticmethod
    def recoveries() -> events.EventPattern:
        """Return what the events have in common that say a table may be published again."""
        return events.EventPattern(
            source=[QUALITY_SOURCE], detail_type=[QUALITY_EVENT], detail={"outcome": [RECOVERED]}
        )

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # one broken rule is too many
        """Return an alarm for each table, which names it."""
        return [
            AlarmSpec(
                name=f"{pascal_case(table.zone)}{pascal_case(table.name)}Quality",
                metric=self._failed_rules(table),
                threshold=1,
                text=f"the table {table.zone}.{table.name} breaks rules of its quality; what needs it is not built",
            )
            for table in self._tables
        ]

    def graphs(self) -> Sequence[Graph]:
        """Return how many rules each table breaks."""
        lines = {f"{table.zone}.{table.name}": self._failed_rules(table) for table in self._tables}
        return (Graph(title="Rules of quality that tables break", position=25, lines=lines),)

    def _failed_rules(self, table: Table) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=METRIC_NAMESPACE,
            metric_name=QUALITY_METRIC,
            dimensions_map={"Environment": self._environment, "Dataset": f"{table.zone}.{table.name}"},
            statistic="Maximum",
            period=METRIC_PERIOD,
        )

    def _job(self, lake: Lake, bus: events.IEventBus, settings: QualitySettings, platform: Platform) -> SparkJob:
        job = SparkJob(
            self,
            "Job",
            name="check_tables",
            platform=platform,
            lake=lake,
            arguments={
                "--event_bus": bus.event_bus_name,
                "--window_days": str(settings.window_days),
                "--volume_percent": str(settings.volume_percent),
                "--null_points": str(settings.null_points),
                "--slack_hours": str(settings.slack_hours),
            },
            workers=settings.workers,
        )
        for table in self._tables:
            read_objects(job.role, lake.buckets[table.zone], f"{table.name}/")
        for zone in _CHECKED:
            read_tables(job.role, platform, zone, [table.name for table in self._tables if table.zone is zone])
        write_objects(job.role, lake.buckets[Zone.PRODUCTS], f"{TableName.QUALITY_RESULTS}/")
        write_tables(job.role, platform, Zone.PRODUCTS, [TableName.QUALITY_RESULTS])
        allow(job.role, ("events:PutEvents",), bus.event_bus_arn)
        put_metrics(job.role, METRIC_NAMESPACE)
        self._publish_to_glue(job)
        return job

    def _publish_to_glue(self, job: SparkJob) -> None:
        """The evaluator publishes the results of the rules to Glue's console."""
        stack = cdk.Stack.of(self)
        rulesets = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}:dataQualityRuleset/*"
        allow(job.role, ("glue:PublishDataQuality",), rulesets)
        acknowledge(job.role, {wildcard(self, rulesets): "results of a run belong to no ruleset that has a name"})
