"""The monthly run of a model: copy the mart, train, release what is approved, score everybody, publish, compare."""

from typing import Final

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from config.analytics import ModelsSettings
from stacks.analytics.foresight.containers import INPUTS, OUTPUTS, Job
from stacks.analytics.foresight.model import Foretold
from stacks.analytics.foresight.pipeline import CHAMPION, EVALUATION, FEATURES, LINES, PLACE
from stacks.analytics.foresight.run import AT, DRIFT, SKILL, Means, MonthlyRun, filled
from stacks.constructs.retries import retry_when_busy
from stacks.constructs.workgroup import Workgroup
from stacks.shared.platform import Platform

_JOBS_OF_A_RUN: Final = 5
_ROWS: Final = "rows.jsonl"
_DRIFT: Final = "drift.json"


class Foretelling(MonthlyRun):
    """The run of a model that has versions."""

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
        super().__init__(
            scope, id_, model=model, means=means, workgroup=workgroup, settings=settings, platform=platform
        )
        self.run = self._start(
            self._steps(),
            jobs=_JOBS_OF_A_RUN,
            subject=f"the model of {model.name} could not be trained or asked",
            description=f"Another month is over: train the model of {model.name}, and score everybody",
        )

    # ---- the steps

    def _steps(self) -> sfn.IChainable:
        version = f"States.Format('{self._model.name} {{}}', $.release.version)"
        published = self._publish(model=version, file=f"{_ROWS}.out", then=self._watch())
        names = self._names(champion=self._means.code, asked=0, **({} if self._means.keep is None else {"kept": 0}))
        scored = self._score(published if self._means.keep is None else self._keep(self._means.keep, then=published))
        return names.next(self._copy()).next(self._find_champion(self._train(self._release(scored))))

    def _keep(self, function: lambda_.IFunction, *, then: sfn.IChainable) -> sfn.IChainable:
        """Keep what the customers were scored by, some thousands in each call, until there are no more."""
        keep = tasks.LambdaInvoke(
            self,
            "KeepFeatures",
            lambda_function=function,
            payload=sfn.TaskInput.from_object(
                {
                    "recorded_at": sfn.JsonPath.string_at("$$.Execution.StartTime"),
                    "bucket": self._means.training.bucket_name,
                    "key": sfn.JsonPath.string_at(f"States.Format('{{}}/newest/{_ROWS}', $.prefix)"),
                    "lines": sfn.JsonPath.number_at("$.kept"),
                }
            ),
            payload_response_only=True,
            result_path="$.keeping",
            retry_on_service_exceptions=False,
        )
        retry_when_busy(keep, "Lambda")
        go_on = sfn.Pass(self, "KeepMore", input_path="$.keeping.lines", result_path="$.kept")
        go_on.next(keep)
        done = sfn.Condition.boolean_equals("$.keeping.done", value=True)
        keep.next(sfn.Choice(self, "AreFeaturesKept").when(done, then).otherwise(go_on))
        return keep

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

    def _watch(self) -> sfn.IChainable:
        """Compare the newest customers with those that the model knows, and tell how far they are apart."""
        place = f"s3://{self._means.models.bucket_name}/{self._model.name}/drift"
        job = Job(
            module="drift",
            arguments={
                **self._model.told,
                **{name: f"{INPUTS}/{name}" for name in ("model", "current", "known")},
                "output": f"{OUTPUTS}/drift",
            },
            inputs={
                "model": AT.format("$.release.data"),
                "current": AT.format("newest"),
                "known": AT.format("holdout"),
            },
            outputs={"drift": AT.format("drift")},
        )
        request = job.request(
            image=self._means.image, role=self._means.role, code=self._means.code, sizes=self._means.sizes
        )
        places = {
            AT.format("$.release.data"): "$.release.data",
            AT.format("newest"): "States.Format('{}/newest/', $.place)",
            AT.format("holdout"): "States.Format('{}/holdout/', $.place)",
            AT.format("drift"): f"States.Format('{place}/{{}}', $.job)",
        }
        compare = self._call(
            "Compare",
            "createProcessingJob",
            {"ProcessingJobName.$": "$.job", **filled(request, places)},
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
