"""Past interactions on their stream again: a Spark job that a state machine runs on demand, and how far it has come."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.backfill import KEY
from c360_core.names import TableName, Zone
from config.collection import BackfillSettings
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import describe_stream, put_records, read_objects, read_tables, use_items
from stacks.constructs.progress_table import progress_table
from stacks.constructs.spark_job import SparkJob
from stacks.constructs.state_machine import StateMachine
from stacks.shared.lake import Lake
from stacks.shared.platform import Platform

_NAME: Final = "Backfill"
_WORKERS: Final = 2  # the fewest that Glue accepts: the stream's capacity is the limit, and not the reading
_RUN_MINUTES: Final = 24 * 60  # a shard takes 43 million records a day at half of its capacity
_OF_THE_RUN: Final = ("backfill_id", "source", "first_day", "last_day", "mode")


class Backfill(Construct):
    """Reads interactions from the lake and writes them to their stream, as history, no faster than the settings say.

    Args:
        interactions: the stream.
        remembered_days: how long `unify` knows an interaction again, and counts it once.
    """

    job: SparkJob
    machine: sfn.StateMachine
    progress: dynamodb.TableV2

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        interactions: DataStream,
        settings: BackfillSettings,
        remembered_days: int,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.progress = progress_table(self, key=KEY, platform=platform)
        self.job = SparkJob(
            self,
            "Job",
            name="backfill",
            platform=platform,
            lake=lake,
            arguments={
                "--progress_table": self.progress.table_name,
                "--interactions_stream": interactions.name,
                "--share_percent": str(settings.share_percent),
                "--settled_minutes": str(settings.settled_minutes),
                "--remembered_days": str(remembered_days),
            },
            workers=_WORKERS,
            minutes=_RUN_MINUTES,
            beyond=(ec2.InterfaceVpcEndpointAwsService.KINESIS_STREAMS,),
            writes=interactions,
        )
        role = self.job.role
        read_objects(role, lake.buckets[Zone.RAW], f"{TableName.INTERACTIONS}/")
        read_tables(role, platform, Zone.RAW, [TableName.INTERACTIONS])
        put_records(role, interactions)
        describe_stream(role, interactions)
        use_items(role, self.progress, platform.key, ("GetItem", "UpdateItem"))
        self.machine = StateMachine(
            self,
            "Run",
            name=_NAME,
            platform=platform,
            steps=self._steps(),
            subject="past interactions could not be put on their stream again",
            runbook="history-again.md",
        ).machine
        self.job.let_start(self.machine.role)

    def _steps(self) -> sfn.IChainable:
        # One run at a time, the others wait: two would write at twice the rate.
        given = {f"--{name}": sfn.JsonPath.string_at(f"$.{name}") for name in _OF_THE_RUN}
        run = self.job.step(self, "Fill", arguments=given)
        # A run that died goes on behind the last hour that had arrived.
        run.add_retry(errors=["States.TaskFailed"], interval=cdk.Duration.minutes(1), max_attempts=2, backoff_rate=5)
        return run
