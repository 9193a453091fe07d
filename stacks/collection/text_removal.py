"""Texts that people changed or took back leave the lake: a Spark job, every night."""

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.names import TableName, Zone
from config.collection import TextSettings
from stacks.constructs.grants import write_objects, write_tables
from stacks.constructs.nightly_job import run_nightly
from stacks.constructs.spark_job import SparkJob
from stacks.shared.lake import Lake
from stacks.shared.platform import Platform

_NAME = "RemoveTexts"
_WORKERS = 2  # the fewest that Glue accepts: the job reads a few columns, and few rows change in a night


class TextRemoval(Construct):
    """Removes the texts of deleted reviews and mentions, and earlier versions of edited ones, from the interactions."""

    job: SparkJob
    machine: sfn.StateMachine

    def __init__(self, scope: Construct, id_: str, *, lake: Lake, settings: TextSettings, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.job = SparkJob(
            self,
            "Job",
            name="remove_texts",
            platform=platform,
            lake=lake,
            arguments={"--settled_minutes": str(settings.settled_minutes)},
            workers=_WORKERS,
        )
        write_objects(self.job.role, lake.buckets[Zone.RAW], f"{TableName.INTERACTIONS}/")
        write_tables(self.job.role, platform, Zone.RAW, [TableName.INTERACTIONS])
        # A run that failed is repeated: it changes only what is still to be changed.
        self.machine = run_nightly(
            self,
            self.job,
            name=_NAME,
            step="Remove",
            platform=platform,
            description="Remove texts that people took back",
            subject="texts that people took back could not be removed",
            hour_utc=settings.removal_hour_utc,
            repeats=2,
        )
