"""Identity resolution: prepare the records, match them, assign person ids."""

from collections.abc import Mapping, Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.contracts import Contracts
from c360_core.names import TableName, Zone
from config.unification import UnificationSettings, WorkerType
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import (
    allow,
    describe_stream,
    put_records,
    read_objects,
    read_secret,
    read_tables,
    use_items,
    write_objects,
    write_tables,
)
from stacks.constructs.retries import BUSY, retry_when_busy
from stacks.constructs.spark_job import SparkJob
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.lake import Lake
from stacks.shared.monitoring import StandingCost
from stacks.shared.platform import Platform
from stacks.unification.identity_resolution.matching_input import MatchingInput
from stacks.unification.identity_resolution.matching_workflow import MatchingWorkflow

_NAME: Final = "ResolveIdentity"
_RUN_ID = sfn.JsonPath.string_at("$$.Execution.Name")
_WRITTEN: Final = (TableName.IDENTITY_MAP, TableName.IDENTIFIER_MAP, TableName.LATEST_IDENTITY_CHANGES)
# How many records fit into the driver of each worker type, at half of its memory: see benchmarks/resolution.py.
_MOST_RECORDS: Final[Mapping[WorkerType, int]] = {"G.1X": 500_000, "G.2X": 1_000_000}
# The job clusters in its driver. Glue requires a second worker; it reads and writes the tables.
_RESOLVE_WORKERS: Final = 2
# Entity Resolution runs one matching job per Region at a time, and no quota raises that. So a run retries: after a
# minute, then twice as long each time, up to ten minutes, for a little over two hours.
_ANOTHER_JOB_RUNS: Final = ("EntityResolution.ConflictException", "EntityResolution.ExceedsLimitException")
_START_ATTEMPTS: Final = 15
# Long enough for the largest matching job that the settings allow, and short enough for the limit of 25,000 entries
# in the history of an execution: each poll adds nine.
_LONGEST_RUN: Final = cdk.Duration.hours(10)
_MATCHED_RECORD_USD: Final = 0.25 / 1000
_RUNS_A_MONTH: Final = {"weekly": 730 / (7 * 24), "nightly": 730 / 24}


def matching_costs(settings: UnificationSettings) -> Sequence[StandingCost]:
    """Return the price of the scheduled matching runs, to the cent.

    A scheduled run matches all records again, so it costs the same when nothing has changed.
    """
    schedule = settings.resolution_schedule
    if schedule == "on_demand":
        return ()
    usd = _RUNS_A_MONTH[schedule] * settings.expected_identity_records * _MATCHED_RECORD_USD
    return (StandingCost(part=f"Entity Resolution, {schedule}", usd=round(usd, 2)),)


def tables_with_identities(contracts: Contracts) -> Sequence[str]:
    """Return the tables of the raw zone from which identity records are prepared."""
    return [*(source.name for source in contracts.people_sources()), TableName.INTERACTIONS]


class IdentityResolution(Construct):
    """Two Spark jobs around the matching workflow, run by a state machine on demand or on a schedule."""

    matching: MatchingWorkflow
    prepare: SparkJob
    resolve: SparkJob
    machine: sfn.StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        lake: Lake,
        identity_changes: DataStream,
        single_view: dynamodb.ITableV2,
        hash_secret: secretsmanager.ISecret,
        settings: UnificationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        matching_input = MatchingInput(self, "MatchingInput", bucket=lake.buckets[Zone.CURATED], platform=platform)
        self.matching = MatchingWorkflow(
            self, "Matching", matching_input=matching_input, buckets=lake.buckets, platform=platform
        )
        self.prepare = SparkJob(
            self,
            "Prepare",
            name="identity_prepare",
            platform=platform,
            lake=lake,
            arguments={"--er_input_location": matching_input.location},
            workers=settings.identity_workers,
        )
        self.resolve = SparkJob(
            self,
            "Resolve",
            name="identity_resolve",
            platform=platform,
            lake=lake,
            arguments={
                "--identity_changes_stream": identity_changes.name,
                "--single_view_table": single_view.table_name,
                "--hash_secret_arn": hash_secret.secret_arn,
                "--most_records": str(_MOST_RECORDS[settings.identity_driver]),
            },
            workers=_RESOLVE_WORKERS,
            worker_type=settings.identity_driver,  # the driver holds every record
            beyond=(ec2.InterfaceVpcEndpointAwsService.KINESIS_STREAMS,),
            writes=identity_changes,
        )
        self._let_prepare_work(lake, platform)
        self._let_resolve_work(lake.buckets, platform)
        put_records(self.resolve.role, identity_changes)
        describe_stream(self.resolve.role, identity_changes)
        use_items(self.resolve.role, single_view, platform.key, ("PutItem",))
        read_secret(self.resolve.role, hash_secret)
        steps = self._steps(self.matching, settings)
        run = StateMachine(
            self,
            "Run",
            name=_NAME,
            platform=platform,
            steps=steps,
            subject="identities could not be resolved",
            timeout=_LONGEST_RUN,
        )
        self.machine = run.machine
        for job in (self.prepare, self.resolve):
            job.let_start(self.machine.role)
        if settings.resolution_schedule != "on_demand":
            StartRules(self, machine=run, platform=platform).nightly(
                "Schedule",
                description=f"Resolve identities ({settings.resolution_schedule})",
                hour_utc=settings.resolution_hour_utc,
                week_day="SUN" if settings.resolution_schedule == "weekly" else None,
            )

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of the runs that a schedule starts."""
        return matching_costs(self._settings)

    def _let_prepare_work(self, lake: Lake, platform: Platform) -> None:
        buckets = lake.buckets
        role = self.prepare.role
        sources = tables_with_identities(lake.contracts)
        for source in sources:
            read_objects(role, buckets[Zone.RAW], f"{source}/")
        read_tables(role, platform, Zone.RAW, sources)
        write_tables(role, platform, Zone.CURATED, [TableName.IDENTITY_RECORDS])
        for folder in (TableName.IDENTITY_RECORDS, TableName.ER_INPUT):
            write_objects(role, buckets[Zone.CURATED], f"{folder}/")
        # Before Spark writes plain files into a folder, its file system looks for an object of the folder's own name.
        allow(role, ("s3:GetObject",), buckets[Zone.CURATED].arn_for_objects(TableName.ER_INPUT))

    def _let_resolve_work(self, buckets: Mapping[Zone, s3.IBucket], platform: Platform) -> None:
        role = self.resolve.role
        read_tables(role, platform, Zone.CURATED, [TableName.IDENTITY_RECORDS])
        read_objects(role, buckets[Zone.CURATED], f"{TableName.IDENTITY_RECORDS}/")
        read_objects(role, buckets[Zone.RESULTS], "entity-resolution/")
        write_tables(role, platform, Zone.CURATED, _WRITTEN)
        for table in _WRITTEN:
            write_objects(role, buckets[Zone.CURATED], f"{table}/")

    def _steps(self, matching: MatchingWorkflow, settings: UnificationSettings) -> sfn.IChainable:
        prepare = self.prepare.step(self, "PrepareRecords", arguments={"--run_id": _RUN_ID})
        start = self._matcher(
            "StartMatching", matching, "startMatchingJob", {"WorkflowName": matching.name}, result_path="$.matching"
        )
        start.add_retry(
            errors=[*_ANOTHER_JOB_RUNS, *BUSY["EntityResolution"]],
            interval=cdk.Duration.minutes(1),
            backoff_rate=2,
            max_delay=cdk.Duration.minutes(10),
            max_attempts=_START_ATTEMPTS,
        )
        ask = self._matcher(
            "AskMatching",
            matching,
            "getMatchingJob",
            {"WorkflowName": matching.name, "JobId": sfn.JsonPath.string_at("$.matching.JobId")},
            result_path="$.matching",
        )
        retry_when_busy(ask, "EntityResolution")
        wait = sfn.Wait(
            self,
            "WaitForMatching",
            time=sfn.WaitTime.duration(cdk.Duration.seconds(settings.matching_poll_seconds)),
        )
        output = sfn.JsonPath.format(
            f"{matching.output}/{matching.name}/{{}}/", sfn.JsonPath.string_at("$.matching.JobId")
        )
        resolve = self.resolve.step(
            self,
            "ResolveIdentities",
            arguments={
                "--run_id": _RUN_ID,
                "--started_at": sfn.JsonPath.string_at("$$.Execution.StartTime"),
                "--match_output": output,
            },
        )
        failed = sfn.Fail(self, "MatchingFailed", cause="the matching job failed; see its ErrorDetails")
        ended = (
            sfn.Choice(self, "MatchingEnded?")
            .when(sfn.Condition.string_equals("$.matching.Status", "SUCCEEDED"), resolve)
            .when(sfn.Condition.string_equals("$.matching.Status", "FAILED"), failed)
            .otherwise(wait.next(ask))
        )
        return prepare.next(start).next(ask).next(ended)

    def _matcher(
        self, id_: str, matching: MatchingWorkflow, action: str, parameters: Mapping[str, str], *, result_path: str
    ) -> tasks.CallAwsService:
        return tasks.CallAwsService(
            self,
            id_,
            service="entityresolution",
            action=action,
            iam_action=f"entityresolution:{action[0].upper()}{action[1:]}",
            parameters=dict(parameters),
            iam_resources=[matching.workflow.attr_workflow_arn],
            result_path=result_path,
        )
