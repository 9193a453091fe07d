"""The steps of state machines that start a Flink application and save its state."""

from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_kinesisanalyticsv2 as flink
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.constructs.retries import retry_when_busy

LATEST: Final = "RESTORE_FROM_LATEST_SNAPSHOT"
NONE: Final = "SKIP_RESTORE_FROM_SNAPSHOT"
_IN_USE: Final = "KinesisAnalyticsV2.ResourceInUseException"
_NOT_FOUND: Final = "KinesisAnalyticsV2.ResourceNotFoundException"


def start(scope: Construct, name: str, application: flink.CfnApplication) -> sfn.IChainable:
    """Return the steps that start a stopped application from its latest snapshot.

    An application without a snapshot starts without one, because the service may reject restoring a missing snapshot.
    Each start names what it restores, so it does not depend on how the application was started before. No start skips a
    part of the state: a version that does not know it must not run.
    """
    look = _call(scope, f"Look{name}", "DescribeApplication", application)
    find = _call(scope, f"Snapshots{name}", "ListApplicationSnapshots", application, {"Limit": 1})
    restore = _call(scope, f"Restore{name}", "StartApplication", application, _run(LATEST))
    begin = _call(scope, f"Begin{name}", "StartApplication", application, _run(NONE))
    stopped = sfn.Condition.string_equals("$.ApplicationDetail.ApplicationStatus", "READY")
    saved = sfn.Condition.is_present("$.SnapshotSummaries[0]")
    start_it = sfn.Choice(scope, f"{name}Saved?").when(saved, restore).otherwise(begin)
    return look.next(
        sfn.Choice(scope, f"{name}Stopped?")
        .when(stopped, find.next(start_it))
        .otherwise(sfn.Pass(scope, f"{name}Runs"))
    )


def save(scope: Construct, name: str, application: flink.CfnApplication) -> sfn.IChainable:
    """Return the steps that replace the snapshot named by the execution's input at `$.snapshot`.

    The service itself takes a snapshot only when an application is stopped or updated.
    """
    named = {"SnapshotName": sfn.JsonPath.string_at("$.snapshot")}
    made_at = sfn.JsonPath.string_at("$.earlier.SnapshotDetails.SnapshotCreationTimestamp")
    dated = {**named, "SnapshotCreationTimestamp": made_at}
    look = _call(scope, f"Look{name}", "DescribeApplication", application, into="$.found")
    earlier = _call(scope, f"Earlier{name}", "DescribeApplicationSnapshot", application, named, into="$.earlier")
    delete = _call(scope, f"Delete{name}", "DeleteApplicationSnapshot", application, dated, into="$.deleted")
    create = _call(scope, f"Create{name}", "CreateApplicationSnapshot", application, named, into="$.created")
    # A snapshot in deletion still holds its name, and one in creation cannot be deleted.
    for step in (delete, create):
        step.add_retry(errors=[_IN_USE], interval=cdk.Duration.minutes(1), max_attempts=5)
    earlier.add_catch(create, errors=[_NOT_FOUND], result_path="$.none")
    runs = sfn.Condition.string_equals("$.found.ApplicationDetail.ApplicationStatus", "RUNNING")
    return look.next(
        sfn.Choice(scope, f"{name}Runs?")
        .when(runs, earlier.next(delete).next(create))
        .otherwise(sfn.Pass(scope, f"{name}HasNoNewState"))
    )


def _run(restore: str) -> Mapping[str, Any]:
    return {
        "RunConfiguration": {
            "ApplicationRestoreConfiguration": {"ApplicationRestoreType": restore},
            "FlinkRunConfiguration": {"AllowNonRestoredState": False},
        }
    }


def _call(
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
