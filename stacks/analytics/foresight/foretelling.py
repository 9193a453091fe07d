"""The monthly run of a model: copy the mart, train, release what is approved, score everybody, publish, compare."""

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
from stacks.analytics.foresight.containers import INPUTS, OUTPUTS, Job, Sizes
from stacks.analytics.foresight.model import MART, Foretold
from stacks.analytics.foresight.pipeline import CHAMPION, EVALUATION, FEATURES, LINES, PLACE
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
_RUN: Final = "States.Hash($$.Execution.Name, 'MD5')"  # names of jobs are shorter than those of executions may be
_DAY_OF_MONTH: Final = "3"
_JOBS_OF_A_RUN: Final = 5
_ROWS: Final = "rows.jsonl"
_DRIFT: Final = "drift.json"
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


class Foretelling(Construct):
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
        self.run = StateMachine(
            self,
            "Run",
            name=f"Foretell{pascal_case(model.name)}",
            platform=platform,
            steps=self._steps(),
            subject=f"the model of {model.name} could not be trained or asked",
            timeout=cdk.Duration.minutes(settings.max_minutes * _JOBS_OF_A_RUN).plus(_SPENT),
            runbook="a-model-is-not-good.md",
        )
        rules = StartRules(self, machine=self.run, platform=platform)
        rules.on_schedule(
            "Monthly",
            description=f"Another month is over: train the model of {model.name}, and score everybody",
            schedule=events.Schedule.cron(day=_DAY_OF_MONTH, hour=str(settings.hour_utc), minute="0"),
        )

    # ---- the steps

    def _steps(self) -> sfn.IChainable:
        names = sfn.Pass(
            self,
            "Name",
            parameters={
                "job": sfn.JsonPath.string_at(f"States.Format('{self._means.name}-{{}}', {_RUN})"),
                "place": sfn.JsonPath.string_at(
                    f"States.Format('s3://{self._means.training.bucket_name}/{self._prefix}{{}}', {_RUN})"
                ),
                "prefix": sfn.JsonPath.string_at(f"States.Format('{self._prefix}{{}}', {_RUN})"),
                "champion": self._means.code,
                "lines": 0,
                "asked": 0,
            },
        )
        published = self._publish(then=self._watch())
        return names.next(self._copy()).next(self._find_champion(self._train(self._release(self._score(published)))))

    @property
    def _prefix(self) -> str:
        return f"{PREFIX}{self._model.name}/"

    def _copy(self) -> sfn.CustomState:
        """Copy the mart by a statement of Athena; the CDK's class for it would grant more than it needs."""
        database = database_name(self._platform.environment, Zone.PRODUCTS)
        place = f"s3://{self._means.training.bucket_name}/{self._prefix}{{}}/features/"
        copied = (
            f'UNLOAD (SELECT * FROM "{database}"."{MART}") TO \\\'{place}\\\' '  # noqa: S608  # our own names
            "WITH (format = \\'PARQUET\\', compression = \\'SNAPPY\\')"
        )
        copy = sfn.CustomState(
            self,
            "Copy",
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::athena:startQueryExecution.sync",
                "Parameters": {
                    "QueryString.$": f"States.Format('{copied}', {_RUN})",
                    "WorkGroup": self._workgroup.name,
                },
                "ResultPath": sfn.JsonPath.DISCARD,
            },
        )
        wait_for_capacity(copy, "Athena")
        return copy

    def _find_champion(self, on: sfn.IChainable) -> sfn.IChainable:
        approved = {
            "ModelPackageGroupName": self._means.name,
            "ModelApprovalStatus": "Approved",
            "SortBy": "CreationTime",
            "SortOrder": "Descending",
            "MaxResults": 1,
        }
        find = self._call("FindChampion", "listModelPackages", approved, result="$.approved")
        newest = "$.approved.ModelPackageSummaryList[0].ModelPackageArn"
        look = self._call("LookAtChampion", "describeModelPackage", {"ModelPackageName.$": newest}, result="$.package")
        take = sfn.Pass(
            self,
            "TakeChampion",
            parameters={"data": sfn.JsonPath.string_at("$.package.InferenceSpecification.Containers[0].ModelDataUrl")},
            result_path="$.taken",
        )
        named = sfn.Pass(self, "Champion", input_path="$.taken.data", result_path="$.champion")
        look.next(take).next(named).next(on)
        there = sfn.Choice(self, "IsThereAChampion").when(sfn.Condition.is_present(newest), look).otherwise(on)
        return find.next(there)

    def _train(self, on: sfn.IChainable) -> sfn.IChainable:
        given = {FEATURES: "States.Format('{}/features/', $.place)", PLACE: "$.place", CHAMPION: "$.champion"}
        start = self._call(
            "Train",
            "startPipelineExecution",
            {
                "PipelineName": self._means.name,
                "ClientRequestToken.$": "States.Hash($$.Execution.Id, 'SHA-256')",
                "PipelineParameters": [{"Name": name, "Value.$": value} for name, value in given.items()],
            },
            result="$.training",
        )
        arn = {"PipelineExecutionArn.$": "$.training.PipelineExecutionArn"}
        explain = self._call(
            "Explain", "listPipelineExecutionSteps", {**arn, "SortOrder": "Descending"}, result="$.steps"
        )
        explain.next(
            sfn.Fail(
                self,
                "TrainingFailed",
                error="TrainingFailed",
                cause_path=sfn.JsonPath.string_at("States.JsonToString($.steps.PipelineExecutionSteps)"),
            )
        )
        start.next(
            self._until_ended(
                "Training", "describePipelineExecution", arn, "PipelineExecutionStatus", "Succeeded", on, explain
            )
        )
        return start

    def _release(self, on: sfn.IChainable) -> sfn.IChainable:
        """Release until the endpoint is in service; end well where nothing is approved yet."""
        release = tasks.LambdaInvoke(
            self,
            "Release",
            lambda_function=self._means.release,
            payload=sfn.TaskInput.from_object({"name": self._means.name, "asked": sfn.JsonPath.number_at("$.asked")}),
            payload_response_only=True,
            result_path="$.release",
            retry_on_service_exceptions=False,
        )
        retry_when_busy(release, "Lambda")
        wait = self._wait("Endpoint")
        again = sfn.Pass(self, "AskAgain", input_path="$.release.version", result_path="$.asked")
        wait.next(again).next(release)
        nothing = sfn.Succeed(self, "NothingApproved", comment="somebody has to approve a version in the registry")
        failed = sfn.Fail(
            self, "EndpointFailed", error="EndpointFailed", cause_path=sfn.JsonPath.string_at("$.release.reason")
        )
        release.next(
            sfn.Choice(self, "IsInService")
            .when(sfn.Condition.string_equals("$.release.status", "InService"), on)
            .when(sfn.Condition.string_equals("$.release.status", "NothingApproved"), nothing)
            .when(sfn.Condition.string_equals("$.release.status", "Failed"), failed)
            .otherwise(wait)
        )
        return release

    def _score(self, on: sfn.IChainable) -> sfn.IChainable:
        sizes = self._means.sizes
        score = self._call(
            "Score",
            "createTransformJob",
            {
                "TransformJobName.$": "$.job",
                "ModelName.$": "$.release.batch_model",
                "BatchStrategy": "MultiRecord",
                "TransformInput": {
                    "ContentType": LINES,
                    "SplitType": "Line",
                    "DataSource": {
                        "S3DataSource": {
                            "S3DataType": "S3Prefix",
                            "S3Uri.$": f"States.Format('{{}}/newest/{_ROWS}', $.place)",
                        }
                    },
                },
                "TransformOutput": {
                    "Accept": LINES,
                    "AssembleWith": "Line",
                    "KmsKeyId": sizes.key,
                    "S3OutputPath.$": "States.Format('{}/scores', $.place)",
                },
                "TransformResources": {
                    "InstanceCount": 1,
                    "InstanceType": sizes.instance,
                    "VolumeKmsKeyId": sizes.key,
                },
            },
            result=sfn.JsonPath.DISCARD,
        )
        named = {"TransformJobName.$": "$.job"}
        failed = self._failed("Scoring", "FailureReason")
        score.next(
            self._until_ended("Scoring", "describeTransformJob", named, "TransformJobStatus", "Completed", on, failed)
        )
        return score

    def _publish(self, *, then: sfn.IChainable) -> sfn.IChainable:
        """Publish the scores, some thousands in each call, until there are no more."""
        model = f"States.Format('{self._model.name} {{}}', $.release.version)"
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
                    "key": sfn.JsonPath.string_at(f"States.Format('{{}}/scores/{_ROWS}.out', $.prefix)"),
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

    def _watch(self) -> sfn.IChainable:
        """Compare the newest customers with those that the model knows, and tell how far they are apart."""
        place = f"s3://{self._means.models.bucket_name}/{self._model.name}/drift"
        job = Job(
            module="drift",
            arguments={
                "target": self._model.name,
                **{name: f"{INPUTS}/{name}" for name in ("model", "current", "known")},
                "output": f"{OUTPUTS}/drift",
            },
            inputs={
                "model": _AT.format("$.release.data"),
                "current": _AT.format("newest"),
                "known": _AT.format("holdout"),
            },
            outputs={"drift": _AT.format("drift")},
        )
        request = job.request(
            image=self._means.image, role=self._means.role, code=self._means.code, sizes=self._means.sizes
        )
        places = {
            _AT.format("$.release.data"): "$.release.data",
            _AT.format("newest"): "States.Format('{}/newest/', $.place)",
            _AT.format("holdout"): "States.Format('{}/holdout/', $.place)",
            _AT.format("drift"): f"States.Format('{place}/{{}}', $.job)",
        }
        compare = self._call(
            "Compare",
            "createProcessingJob",
            {"ProcessingJobName.$": "$.job", **_filled(request, places)},
            result=sfn.JsonPath.DISCARD,
        )
        drift = self._read("ReadDrift", f"States.Format('{self._model.name}/drift/{{}}/{_DRIFT}', $.job)", "$.drift")
        execution = "States.ArrayGetItem(States.StringSplit($.training.PipelineExecutionArn, '/'), 3)"
        key = f"States.Format('{self._model.name}/{{}}/{EVALUATION}/{EVALUATION}.json', {execution})"
        quality = self._read("ReadQuality", key, "$.quality")
        # The script puts the feature first that has moved most.
        moved = [(DRIFT, f"$.drift.report.{path}.psi") for path in ("features[0]", "score")]
        measure = self._measure([*moved, (SKILL, "$.quality.report.loss.skill")])
        named = {"ProcessingJobName.$": "$.job"}
        failed = self._failed("Comparing", "ExitMessage")
        compare.next(
            self._until_ended(
                "Comparing", "describeProcessingJob", named, "ProcessingJobStatus", "Completed", drift, failed
            )
        )
        drift.next(quality).next(measure)
        return compare

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


_AT: Final = "<{}>"  # stands in a request where a run fills in a place


def _filled(value: Any, places: Mapping[str, str]) -> Any:
    """Write what stands for a place as Step Functions fills it in."""
    if isinstance(value, dict):
        return {
            (f"{name}.$" if isinstance(part, str) and part in places else name): (
                places[part] if isinstance(part, str) and part in places else _filled(part, places)
            )
            for name, part in value.items()
        }
    return [_filled(part, places) for part in value] if isinstance(value, list) else value
