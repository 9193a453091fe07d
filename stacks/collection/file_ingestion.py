"""Landed files become rows and events: EventBridge, a queue, a function that batches, a state machine, a Spark job.

The function starts one Glue run for many files, because AWS bills at least a minute for a run, which also takes about a
minute to start.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core import projections
from c360_core.contracts import Contracts
from c360_core.landing import FOLDER_MARKS, MANIFESTS, REJECTED_FILES
from c360_core.names import PROJECT, QUALITY_NAMESPACE, TableName, Zone, database_name, reference_table
from config.collection import CollectionSettings
from config.operations import OperationsSettings
from stacks.constructs.data_stream import DataStream
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.event_queue import EventQueue, Reading
from stacks.constructs.grants import (
    add_objects,
    allow,
    put_metrics,
    put_records,
    read_objects,
    write_objects,
    write_tables,
)
from stacks.constructs.lake_table import LakeTable
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.spark_job import SparkJob
from stacks.constructs.state_machine import StateMachine
from stacks.shared.ids import pascal_case
from stacks.shared.lake import Lake
from stacks.shared.monitoring import AlarmSpec
from stacks.shared.platform import Platform

_NAME: Final = "IngestFile"
_BATCH_MESSAGES: Final = 1000  # of the 10,000 that AWS allows: an event of S3 has about 1 KB, an invocation 6 MB
_RUN_MINUTES: Final = 240  # 256 MB may decompress to some gigabytes of text, and a task reads a few MB per second
_BATCHES_AT_ONCE: Final = 2  # the minimum of Lambda; with more, its pollers would split a burst into many runs
_BATCH_FUNCTION_SECONDS: Final = 30
_WAITING_SECONDS: Final = 15 * 60  # longer than the longest batching window and one retry


class FileIngestion(Construct):
    """Checks landed files against their contracts, keeps valid rows, rejects the others, and publishes events."""

    job: SparkJob
    machine: sfn.StateMachine
    arrivals: EventQueue
    landed: sqs.Queue
    batches: PythonFunction
    undelivered: DeadLetterQueue

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        tables: Sequence[LakeTable],
        events_stream: DataStream,
        settings: CollectionSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._rulesets(lake.contracts, {(table.zone, table.name): table for table in tables}, platform)
        self.job = SparkJob(
            self,
            "Job",
            name="ingest_files",
            platform=platform,
            lake=lake,
            arguments={
                "--events_stream": events_stream.name,
                "--quarantine_bucket": lake.buckets[Zone.QUARANTINE].bucket_name,
                "--results_bucket": lake.buckets[Zone.RESULTS].bucket_name,
            },
            workers=settings.ingest_workers,
            minutes=_RUN_MINUTES,
            concurrent_runs=settings.ingest_concurrency,
            writes=events_stream,
        )
        self._grant(lake, events_stream, platform)
        self.machine = StateMachine(
            self,
            "Run",
            name=_NAME,
            platform=platform,
            steps=self._steps(),
            subject="files could not be ingested",
            runbook="files-are-not-ingested.md",
        ).machine
        self.arrivals = EventQueue(
            self,
            "Landed",
            name=_NAME,
            reading=Reading(
                size=_BATCH_MESSAGES,
                window_seconds=settings.files.batch_seconds,
                calls_at_once=_BATCHES_AT_ONCE,
                function_seconds=_BATCH_FUNCTION_SECONDS,
            ),
            platform=platform,
        )
        self.landed, self.undelivered = self.arrivals.queue, self.arrivals.undelivered
        self.batches = self._batches(lake.buckets[Zone.RESULTS], platform)
        self.arrivals.feed(self.batches)
        self._announce_landed_files(lake.buckets[Zone.LANDING])

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # AWS's window decides
        """Return the alarm on landed files that nobody takes."""
        return (
            AlarmSpec(
                name="LandedFilesWaiting",
                metric=self.arrivals.waiting(),
                threshold=_WAITING_SECONDS,
                text="LandedFiles: messages wait in the queue, and nobody takes them",
            ),
        )

    def _rulesets(self, contracts: Contracts, tables: Mapping[tuple[Zone, str], LakeTable], platform: Platform) -> None:
        """Glue creates a ruleset only for an existing table, which the template names by a string."""
        for source in contracts.file_sources():
            if source.table is None:
                raise ValueError(f"contract {source.name}: a file source needs a table")
            ruleset = glue.CfnDataQualityRuleset(
                self,
                f"Rules{pascal_case(source.name)}",
                name=f"{PROJECT}-{platform.environment}-{source.name}",
                description=f"Quality rules of {source.name}, contract version {source.version}",
                ruleset=projections.dqdl(source.table),
                target_table=glue.CfnDataQualityRuleset.DataQualityTargetTableProperty(
                    database_name=database_name(platform.environment, Zone.RAW), table_name=source.table.name
                ),
            )
            ruleset.add_dependency(tables[Zone.RAW, source.table.name].resource)
            ruleset.apply_removal_policy(cdk.RemovalPolicy.DESTROY)

    def _grant(self, lake: Lake, events_stream: DataStream, platform: Platform) -> None:
        buckets = lake.buckets
        role = self.job.role
        sources = [source.name for source in lake.contracts.file_sources()]
        references = [reference_table(source.name) for source, _ in lake.contracts.reference_sources()]
        put_records(role, events_stream)
        self._allow_quality_results()
        # The whole bucket: the job quarantines files under an unknown prefix as UNKNOWN_SOURCE.
        read_objects(role, buckets[Zone.LANDING], "")
        for source in sources:
            write_objects(role, buckets[Zone.RAW], f"{source}/")
        write_objects(role, buckets[Zone.QUARANTINE], f"{TableName.REJECTED}/")
        write_objects(role, buckets[Zone.QUARANTINE], REJECTED_FILES)
        write_objects(role, buckets[Zone.RESULTS], "data-quality/")
        read_objects(role, buckets[Zone.RESULTS], MANIFESTS)
        write_tables(role, platform, Zone.RAW, sources)
        write_tables(role, platform, Zone.QUARANTINE, [TableName.REJECTED])
        for table in references:
            write_objects(role, buckets[Zone.CURATED], f"{table}/")
        if references:
            write_tables(role, platform, Zone.CURATED, references)

    def _allow_quality_results(self) -> None:
        """The evaluator publishes the results of the rules to Glue's console and as metrics."""
        role, stack = self.job.role, cdk.Stack.of(self)
        rulesets = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}:dataQualityRuleset/*"
        allow(role, ("glue:PublishDataQuality",), rulesets)
        put_metrics(role, QUALITY_NAMESPACE)
        acknowledge(role, {wildcard(self, rulesets): "results of a run belong to no ruleset that has a name"})

    def _steps(self) -> sfn.IChainable:
        # Hundreds of files may land at once, and all of them must be ingested: the step waits for its turn.
        run = self.job.step(self, "Ingest", arguments={"--manifest": sfn.JsonPath.string_at("$.manifest")})
        # A failed run is repeated once; reading its files again is harmless.
        run.add_retry(errors=["States.TaskFailed"], interval=cdk.Duration.minutes(1), max_attempts=1)
        return run

    def _batches(self, results: s3.IBucket, platform: Platform) -> PythonFunction:
        function = PythonFunction(
            self,
            "Batches",
            name="file_batches",
            platform=platform,
            variables={
                "RESULTS_BUCKET": results.bucket_name,
                "INGEST_MACHINE_ARN": self.machine.state_machine_arn,
            },
            caller=Caller.QUEUE,
            timeout_seconds=_BATCH_FUNCTION_SECONDS,
        )
        add_objects(function.role, results, MANIFESTS)
        allow(function.role, ("states:StartExecution",), self.machine.state_machine_arn)
        return function

    def _announce_landed_files(self, landing: s3.IBucket) -> None:
        self.arrivals.take(
            "FileLanded",
            description="A file landed: it is to be ingested",
            pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [landing.bucket_name]},
                    "object": {"key": events.Match.anything_but_suffix(*FOLDER_MARKS)},
                },
            ),
            sid="RuleOfLandedFiles",
        )
