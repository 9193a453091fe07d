"""Rows leave the lake when the retention of their contract ends: a Spark job, every night."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from config.governance import RetentionSettings
from stacks.constructs.grants import write_objects, write_tables
from stacks.constructs.spark_job import SparkJob
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.lake import Lake
from stacks.shared.lake_access import LakeAccess
from stacks.shared.platform import Platform

_NAME: Final = "EnforceRetention"


class Retention(Construct):
    """Deletes what is older than its contract allows, and the files of snapshots that still hold it."""

    job: SparkJob
    machine: sfn.StateMachine
    lake_access: Sequence[LakeAccess]

    def __init__(
        self, scope: Construct, id_: str, *, lake: Lake, settings: RetentionSettings, platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        self.job = SparkJob(
            self,
            "Job",
            name="enforce_retention",
            platform=platform,
            lake=lake,
            arguments={"--snapshot_days": str(lake.maintenance.snapshot_days)},
            workers=settings.workers,
        )
        tables = [table for table in lake.contracts.lake_tables() if table.retention is not None]
        names = {
            zone: [table.name for table in tables if table.zone is zone]
            for zone in sorted({table.zone for table in tables})
        }
        for zone, of_zone in names.items():
            write_tables(self.job.role, platform, zone, of_zone)
            for name in of_zone:
                write_objects(self.job.role, lake.buckets[zone], f"{name}/")
        self.lake_access = [
            LakeAccess(name=f"Retention{zone.title()}", role=self.job.role, zone=zone, writes=True, tables=of_zone)
            for zone, of_zone in names.items()
        ]
        run = StateMachine(
            self,
            "Run",
            name=_NAME,
            platform=platform,
            steps=self._steps(),
            subject="rows whose retention has ended could not be deleted",
        )
        self.machine = run.machine
        self.job.let_start(self.machine.role)
        StartRules(self, machine=run, platform=platform).nightly(
            "Nightly", description="Delete rows whose retention has ended", hour_utc=settings.hour_utc
        )

    def _steps(self) -> sfn.IChainable:
        run = self.job.step(self, "Enforce")
        # A failed run is repeated: it deletes only what is still there.
        run.add_retry(errors=["States.TaskFailed"], interval=cdk.Duration.minutes(5), max_attempts=2)
        return run
