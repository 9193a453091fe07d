"""What the monthly runs of all models share: how they are started, copy a mart, wait for jobs, publish and measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.names import METRIC_NAMESPACE, Zone, database_name
from config.analytics import ModelsSettings
from stacks.analytics.foresight.containers import Sizes
from stacks.analytics.foresight.model import Foretold
from stacks.constructs.retries import retry_when_busy, wait_for_capacity
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.constructs.workgroup import Workgroup
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

# Metrics, by Environment and Model: the largest population stability index, and by how much a model errs less than one
# that says the same of everybody.
DRIFT: Final = "ModelDrift"
SKILL: Final = "ModelSkill"
PREFIX: Final = "foresight/"
RUN: Final = "States.Hash($$.Execution.Name, 'MD5')"  # names of jobs are shorter than those of executions may be
COPY: Final = "features"  # the folder of a run with the rows of the mart
AT: Final = "<{}>"  # stands in a request where a run fills in a place
_DAY_OF_MONTH: Final = "3"
_SPENT: Final = cdk.Duration.hours(3)  # beside the jobs: waiting for capacity, publishing


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a run works with.

    Attributes:
        name: of the model in SageMaker.
        image, code, role: what its jobs run, where the code is, and the ARN of their role.
        training: what is there for a day.
        models: what is kept.
        sizes: of the jobs.
        release, publish: the functions that release a version and publish scores.
        keep: the function that keeps features; None: nobody does.
    """

    name: str
    image: str
    code: str
    role: str
    training: s3.IBucket
    models: s3.IBucket
    sizes: Sizes
    release: lambda_.IFunction
    publish: lambda_.IFunction
    keep: lambda_.IFunction | None = None


class MonthlyRun(Construct):
    """The state machine of a model, which a rule starts each month. A run may be repeated: it begins anew."""

    run: StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        model: Foretold,
        means: Means,
        workgroup: Workgroup,
        settings: ModelsSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._model, self._means, self._workgroup = model, means, workgroup
        self._settings, self._platform = settings, platform

    def _start(self, steps: sfn.IChainable, *, jobs: int, subject: str, description: str) -> StateMachine:
        """Make the machine, which a rule starts each month.

        Args:
            steps: what it does.
            jobs: so many one after the other.
            subject: what has failed if it fails.
            description: of the rule.
        """
        run = StateMachine(
            self,
            "Run",
            name=f"Foretell{pascal_case(self._model.name)}",
            platform=self._platform,
            steps=steps,
            subject=subject,
            timeout=cdk.Duration.minutes(self._settings.max_minutes * jobs).plus(_SPENT),
            runbook="a-model-is-not-good.md",
        )
        StartRules(self, machine=run, platform=self._platform).on_schedule(
            "Monthly",
            description=description,
            schedule=events.Schedule.cron(day=_DAY_OF_MONTH, hour=str(self._settings.hour_utc), minute="0"),
        )
        return run

    @property
    def _prefix(self) -> str:
        return f"{PREFIX}{self._model.name}/"

    def _names(self, **more: object) -> sfn.Pass:
        """Return the first state: what the run's jobs are called, and where its files are."""
        return sfn.Pass(
            self,
            "Name",
            parameters={
                "job": sfn.JsonPath.string_at(f"States.Format('{self._means.name}-{{}}', {RUN})"),
                "place": sfn.JsonPath.string_at(
                    f"States.Format('s3://{self._means.training.bucket_name}/{self._prefix}{{}}', {RUN})"
                ),
                "prefix": sfn.JsonPath.string_at(f"States.Format('{self._prefix}{{}}', {RUN})"),
                "lines": 0,
                **more,
            },
        )

    def _copy(self) -> sfn.CustomState:
        """Copy the mart by a statement of Athena; the CDK's class for it would grant more than it needs."""
        database = database_name(self._platform.environment, Zone.PRODUCTS)
        place = f"s3://{self._means.training.bucket_name}/{self._prefix}{{}}/{COPY}/"
        department = self._model.department
        some = "" if department is None else f" WHERE department = \\'{department}\\'"
        copied = (
            f'UNLOAD (SELECT * FROM "{database}"."{self._model.mart}"{some}) TO \\\'{place}\\\' '  # noqa: S608  # our own names
            "WITH (format = \\'PARQUET\\', compression = \\'SNAPPY\\')"
        )
        copy = sfn.CustomState(
            self,
            "Copy",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::athena:startQueryExecution.sync",
                "Parameters": {
                    "QueryString.$": f"States.Format('{copied}', {RUN})",
                    "WorkGroup": self._workgroup.name,
                },
                "ResultPath": sfn.JsonPath.DISCARD,
            },
        )
        wait_for_capacity(copy, "Athena")
        return copy

    def _publish(self, *, model: str, file: str, then: sfn.IChainable) -> sfn.IChainable:
        """Publish the scores, some thousands in each call, until there are no more.

        Args:
            model: what says the model and its version.
            file: which has the scores.
            then: what follows.
        """
        publish = tasks.LambdaInvoke(
            self,
            "Publish",
            lambda_function=self._means.publish,
            payload=sfn.TaskInput.from_object(
                {
                    "score": self._model.score,
                    "model": sfn.JsonPath.string_at(model),
                    "scored_at": sfn.JsonPath.string_at("$$.Execution.StartTime"),
                    "bucket": self._means.training.bucket_name,
                    "key": sfn.JsonPath.string_at(f"States.Format('{{}}/scores/{file}', $.prefix)"),
                    "lines": sfn.JsonPath.number_at("$.lines"),
                }
            ),
            payload_response_only=True,
            result_path="$.published",
            retry_on_service_exceptions=False,
        )
        retry_when_busy(publish, "Lambda")
        go_on = sfn.Pass(self, "GoOn", input_path="$.published.lines", result_path="$.lines")
        go_on.next(publish)
        done = sfn.Condition.boolean_equals("$.published.done", value=True)
        publish.next(sfn.Choice(self, "IsPublished").when(done, then).otherwise(go_on))
        return publish

    def _read(self, id_: str, key: str, result: str) -> sfn.CustomState:
        """Read a report of a script."""
        step = sfn.CustomState(
            self,
            id_,
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::aws-sdk:s3:getObject",
                "Parameters": {"Bucket": self._means.models.bucket_name, "Key.$": key},
                "ResultSelector": {"report.$": "States.StringToJson($.Body)"},
                "ResultPath": result,
            },
        )
        retry_when_busy(step, "S3")
        return step

    def _measure(self, values: Sequence[tuple[str, str]]) -> sfn.CustomState:
        """Put values as metrics of the model."""
        about = {"Environment": self._platform.environment, "Model": self._model.name}
        dimensions = [{"Name": name, "Value": value} for name, value in about.items()]
        step = sfn.CustomState(
            self,
            "Measure",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::aws-sdk:cloudwatch:putMetricData",
                "Parameters": {
                    "Namespace": METRIC_NAMESPACE,
                    "MetricData": [
                        {"MetricName": name, "Dimensions": dimensions, "Value.$": path} for name, path in values
                    ],
                },
                "ResultPath": sfn.JsonPath.DISCARD,
            },
        )
        retry_when_busy(step, "CloudWatch")
        return step

    # ---- parts of steps

    def _call(self, id_: str, action: str, parameters: Mapping[str, Any], *, result: str) -> sfn.CustomState:
        """Call SageMaker; the CDK's classes for its jobs would grant every job of the account."""
        step = sfn.CustomState(
            self,
            id_,
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::aws-sdk:sagemaker:{action}",
                "Parameters": dict(parameters),
                "ResultPath": result,
            },
        )
        if action.startswith(("create", "start")):
            wait_for_capacity(step, "SageMaker")
        else:
            retry_when_busy(step, "SageMaker")
        return step

    def _wait(self, name: str) -> sfn.Wait:
        seconds = cdk.Duration.seconds(self._settings.poll_seconds)
        return sfn.Wait(self, f"Wait{name}", time=sfn.WaitTime.duration(seconds))

    def _until_ended(
        self,
        name: str,
        action: str,
        parameters: Mapping[str, Any],
        status: str,
        good: str,
        on: sfn.IChainable,
        otherwise: sfn.IChainable,
    ) -> sfn.Wait:
        """Return the first of the states that look at something until it has ended."""
        found = f"$.seen.{status}"
        wait, look = self._wait(name), self._call(f"Look{name}", action, parameters, result="$.seen")
        ended = sfn.Choice(self, f"Ended{name}").when(sfn.Condition.string_equals(found, good), on)
        bad = (sfn.Condition.string_equals(found, one) for one in ("Failed", "Stopped"))
        wait.next(look).next(ended.when(sfn.Condition.or_(*bad), otherwise).otherwise(wait))
        return wait

    def _failed(self, name: str, reason: str) -> sfn.Choice:
        """Return the failure of a job, with its reason; SageMaker gives none to a job that was ended."""
        told = sfn.Condition.is_present(f"$.seen.{reason}")
        error = f"{name}Failed"
        silent = sfn.Fail(self, f"{name}Ended", error=error, cause="somebody has stopped the job")
        named = sfn.Fail(self, error, error=error, cause_path=sfn.JsonPath.string_at(f"$.seen.{reason}"))
        return sfn.Choice(self, f"Why{name}").when(told, named).otherwise(silent)


def filled(value: Any, places: Mapping[str, str]) -> Any:
    """Write what stands for a place as Step Functions fills it in."""
    if isinstance(value, dict):
        return {
            (f"{name}.$" if isinstance(part, str) and part in places else name): (
                places[part] if isinstance(part, str) and part in places else filled(part, places)
            )
            for name, part in value.items()
        }
    return [filled(part, places) for part in value] if isinstance(value, list) else value
