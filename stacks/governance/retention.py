"""Rows leave the lake when the retention of their contract ends: a Spark job, every night."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from config.governance import RetentionSettings
from stacks.constructs.grants import write_objects, write_tables
from stacks.constructs.nightly_job import run_nightly
from stacks.constructs.spark_job import SparkJob
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
        # A run that failed is repeated: it deletes only what is still there.
        self.machine = run_nightly(
            self,
            self.job,
            name=_NAME,
            step="Enforce",
            platform=platform,
            description="Delete rows whose retention has ended",
            subject="rows whose retention has ended could not be deleted",
            hour_utc=settings.hour_utc,
            repeats=2,
        )
