"""Starts Flink applications and saves their state, which a template cannot do."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesisanalyticsv2 as flink
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.constructs.retries import retry_when_busy
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.platform import Platform

SNAPSHOT_HOURS: Final = (0, 6, 12, 18)
LATEST: Final = "RESTORE_FROM_LATEST_SNAPSHOT"
NONE: Final = "SKIP_RESTORE_FROM_SNAPSHOT"
_IN_USE: Final = "KinesisAnalyticsV2.ResourceInUseException"
_NOT_FOUND: Final = "KinesisAnalyticsV2.ResourceNotFoundException"


class _ForEachApplication(Construct):
    """A scheduled state machine that handles all applications in parallel."""

    _name: ClassVar[str]  # of the state machine
    _subject: ClassVar[str]  # of the message about a failure

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        applications: Mapping[str, flink.CfnApplication],
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        each = sfn.Parallel(self, "EachApplication", result_path=sfn.JsonPath.DISCARD)
        for name, application in applications.items():
            each.branch(self._steps(name, application))
        run = StateMachine(self, "Run", name=self._name, platform=platform, steps=each, subject=self._subject)
        self._schedule(StartRules(self, machine=run, platform=platform))

    @abstractmethod
    def _schedule(self, rules: StartRules) -> None:
        """Add the rules that start the machine."""

    @abstractmethod
    def _steps(self, name: str, application: flink.CfnApplication) -> sfn.IChainable:
        """Return the steps for one application."""


class FlinkAutoStart(_ForEachApplication):
    """Starts stopped applications from their latest snapshot, every quarter of an hour.

    An application without a snapshot starts without one, because the service may reject restoring a missing snapshot.
    Each start names what it restores, so it does not depend on how the application was started before. No start skips a
    part of the state: a version that does not know it must not run.
    """

    _name = "ApplicationKeeper"
    _subject = "a Flink application could not be started"

    def _schedule(self, rules: StartRules) -> None:
        rules.regularly("Regularly", description="See that the Flink applications run", minutes=15)

    def _steps(self, name: str, application: flink.CfnApplication) -> sfn.IChainable:
        look = call(self, f"Look{name}", "DescribeApplication", application)
        find = call(self, f"Snapshots{name}", "ListApplicationSnapshots", application, {"Limit": 1})
        restore = call(self, f"Restore{name}", "StartApplication", application, _run(LATEST))
        begin = call(self, f"Begin{name}", "StartApplication", application, _run(NONE))
        stopped = sfn.Condition.string_equals("$.ApplicationDetail.ApplicationStatus", "READY")
        saved = sfn.Condition.is_present("$.SnapshotSummaries[0]")
        start = sfn.Choice(self, f"{name}Saved?").when(saved, restore).otherwise(begin)
        return look.next(
            sfn.Choice(self, f"{name}Stopped?").when(stopped, find.next(start)).otherwise(sfn.Pass(self, f"{name}Runs"))
        )


def _run(restore: str) -> Mapping[str, Any]:
    return {
        "RunConfiguration": {
            "ApplicationRestoreConfiguration": {"ApplicationRestoreType": restore},
            "FlinkRunConfiguration": {"AllowNonRestoredState": False},
        }
    }


class FlinkSnapshots(_ForEachApplication):
    """Takes a snapshot of every running application four times a day, and keeps the snapshots of one day.

    The service itself takes one only when an application is stopped or updated. A snapshot is named after its hour, and
    replaces yesterday's of the same hour.
    """

    _name = "SnapshotKeeper"
    _subject = "a Flink application's state could not be saved"

    def _schedule(self, rules: StartRules) -> None:
        for hour in SNAPSHOT_HOURS:
            rules.on_schedule(
                f"At{hour:02d}",
                description="Save the state of the Flink applications",
                schedule=events.Schedule.cron(hour=str(hour), minute="0"),
                execution_input=events.RuleTargetInput.from_object({"snapshot": f"scheduled-{hour:02d}"}),
            )

    def _steps(self, name: str, application: flink.CfnApplication) -> sfn.IChainable:
        named = {"SnapshotName": sfn.JsonPath.string_at("$.snapshot")}
        made_at = sfn.JsonPath.string_at("$.earlier.SnapshotDetails.SnapshotCreationTimestamp")
        dated = {**named, "SnapshotCreationTimestamp": made_at}
        look = call(self, f"Look{name}", "DescribeApplication", application, into="$.found")
        earlier = call(self, f"Earlier{name}", "DescribeApplicationSnapshot", application, named, into="$.earlier")
        delete = call(self, f"Delete{name}", "DeleteApplicationSnapshot", application, dated, into="$.deleted")
        create = call(self, f"Create{name}", "CreateApplicationSnapshot", application, named, into="$.created")
        # A snapshot in deletion still holds its name, and one in creation cannot be deleted.
        for step in (delete, create):
            step.add_retry(errors=[_IN_USE], interval=cdk.Duration.minutes(1), max_attempts=5)
        earlier.add_catch(create, errors=[_NOT_FOUND], result_path="$.none")
        runs = sfn.Condition.string_equals("$.found.ApplicationDetail.ApplicationStatus", "RUNNING")
        return look.next(
            sfn.Choice(self, f"{name}Runs?")
            .when(runs, earlier.next(delete).next(create))
            .otherwise(sfn.Pass(self, f"{name}HasNoNewState"))
        )


def call(
    scope: Construct,
    id_: str,
    operation: str,
    application: flink.CfnApplication,
    parameters: Mapping[str, Any] | None = None,
    *,
    into: str | None = None,
) -> tasks.CallAwsService:
    """Return the step that calls Managed Flink for one application. `into`: where its answer is added to the input."""
    stack = cdk.Stack.of(scope)
    arn = f"arn:{stack.partition}:kinesisanalytics:{stack.region}:{stack.account}:application/{application.ref}"
    step = tasks.CallAwsService(
        scope,
        id_,
        service="kinesisanalyticsv2",
        action=operation[0].lower() + operation[1:],
        iam_action=f"kinesisanalytics:{operation}",
        iam_resources=[arn],
        parameters={"ApplicationName": application.ref, **(parameters or {})},
        result_path=into,
    )
    retry_when_busy(step, "KinesisAnalyticsV2")
    return step
