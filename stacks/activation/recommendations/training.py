"""The state machine that brings data to Personalize, trains, and changes what answers."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_personalize as personalize
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core.names import PERSONALIZE_PREFIX, personalize_name
from c360_core.recommendation.columns import DataSet
from config.activation import RecommendationSettings
from stacks.constructs.grants import allow
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.retries import retry_when_busy, wait_for_capacity
from stacks.constructs.spark_job import SparkJob
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.platform import Platform

CAMPAIGN: Final = "campaign"
BATCH: Final = "batch"
TEAR_DOWN: Final = "tear_down"
_MISSING: Final = "Personalize.ResourceNotFoundException"
_LONGEST: Final = cdk.Duration.hours(24)
_ACTIVE: Final = "ACTIVE"
_FAILED: Final = "*FAILED*"


class Training(Construct):
    """One execution: export, imports, a solution version, and the campaign; by its input a batch, or the tear-down.

    Input: `{"mode": "campaign"}`, `{"mode": "batch"}` for the users in `batch/users.json` below the prefix, or
    `{"mode": "tear_down"}`, which deletes the campaign and leaves the data.
    """

    machine: sfn.StateMachine

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        runbook: str,
        export: SparkJob,
        solution: personalize.CfnSolution,
        data_sets: Mapping[DataSet, personalize.CfnDataset],
        role: iam.IRole,
        bucket: s3.IBucket,
        settings: RecommendationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self._solution, self._data_sets, self._service_role = solution, data_sets, role
        self._settings, self._place = settings, f"s3://{bucket.bucket_name}/{PERSONALIZE_PREFIX}"
        stack = cdk.Stack.of(self)
        self._arns = f"arn:{stack.partition}:personalize:{stack.region}:{stack.account}"
        self._campaign = personalize_name(platform.environment, "articles")
        self._campaign_arn = f"{self._arns}:campaign/{self._campaign}"
        run = StateMachine(
            self,
            "Run",
            name=name,
            platform=platform,
            steps=self._steps(export),
            subject="the recommendations could not be trained",
            timeout=_LONGEST,
            runbook=runbook,
        )
        self.machine = run.machine
        export.let_start(self.machine.role)
        self._allow()
        StartRules(self, machine=run, platform=platform).on_schedule(
            "Weekly",
            description="Train the recommendations every Monday",
            schedule=events.Schedule.cron(week_day="MON", hour=str(settings.hour_utc), minute="0"),
            execution_input=events.RuleTargetInput.from_object({"mode": CAMPAIGN}),
        )

    # ---- the steps

    def _steps(self, export: SparkJob) -> sfn.IChainable:
        done = sfn.Succeed(self, "Done")
        train, trained = self._train()
        by_batch = sfn.Condition.string_equals("$.mode", BATCH)
        trained.next(sfn.Choice(self, "WhatAnswers").when(by_batch, self._batch(done)).otherwise(self._answer(done)))
        last: Any = export.step(self, "Export")
        first = last
        for kind in DataSet:
            begin, end = self._import(kind)
            last.next(begin)
            last = end
        last.next(self._by_hand(train))
        gone = self._call("DeleteCampaign", "deleteCampaign", {"CampaignArn": self._campaign_arn})
        gone.add_catch(done, errors=[_MISSING], result_path=sfn.JsonPath.DISCARD)
        gone.next(done)
        return sfn.Choice(self, "WhatFor").when(sfn.Condition.string_equals("$.mode", TEAR_DOWN), gone).otherwise(first)

    def _by_hand(self, then: sfn.IChainable) -> sfn.IChainable:
        """Turn the automatic training off, which CloudFormation cannot: each version costs, and nobody would use it."""
        solution = {"SolutionArn": self._solution.attr_solution_arn}
        look = self._call("LookSolution", "describeSolution", solution, result="$.solution")
        turn_off = self._call("TrainByHand", "updateSolution", {**solution, "PerformAutoTraining": False})
        automatic = "$.solution.Solution.PerformAutoTraining"
        is_on = sfn.Condition.and_(
            sfn.Condition.is_present(automatic), sfn.Condition.boolean_equals(automatic, value=True)
        )
        turn_off.next(then)
        return look.next(sfn.Choice(self, "TrainsByItself").when(is_on, turn_off).otherwise(then))

    def _import(self, kind: DataSet) -> tuple[sfn.CustomState, sfn.Pass]:
        begin = self._call(
            f"Import{kind.value}",
            "createDatasetImportJob",
            {
                "JobName.$": f"States.Format('{kind.value.lower()}-{{}}', States.UUID())",
                "DatasetArn": self._data_sets[kind].attr_dataset_arn,
                "DataSource": {"DataLocation": f"{self._place}{kind.folder}"},
                "RoleArn": self._service_role.role_arn,
                "ImportMode": "FULL",
            },
            result="$.made",
            waits=True,
        )
        return begin, self._until_active(
            begin, kind.value, "DatasetImportJob", {"DatasetImportJobArn.$": "$.made.DatasetImportJobArn"}
        )

    def _train(self) -> tuple[sfn.CustomState, sfn.Pass]:
        begin = self._call(
            "Train",
            "createSolutionVersion",
            {"SolutionArn": self._solution.attr_solution_arn, "TrainingMode": "FULL"},
            result="$.version",
            waits=True,
        )
        return begin, self._until_active(
            begin, "Version", "SolutionVersion", {"SolutionVersionArn.$": "$.version.SolutionVersionArn"}
        )

    def _answer(self, done: sfn.IChainable) -> sfn.IChainable:
        """Let the campaign answer by the new version; make it where it is missing."""
        version = {"SolutionVersionArn.$": "$.version.SolutionVersionArn"}
        campaign = {"CampaignArn": self._campaign_arn}
        room = {"MinProvisionedTPS": self._settings.campaign_tps}
        update = self._call("UpdateCampaign", "updateCampaign", {**campaign, **version, **room})
        create = self._call("CreateCampaign", "createCampaign", {"Name": self._campaign, **version, **room})
        update.add_catch(create, errors=[_MISSING], result_path=sfn.JsonPath.DISCARD)
        active = self._until_active(update, "Campaign", "Campaign", campaign, also=create, update=True)
        active.next(done)
        return update

    def _batch(self, done: sfn.IChainable) -> sfn.IChainable:
        begin = self._call(
            "Batch",
            "createBatchInferenceJob",
            {
                "JobName.$": "States.Format('batch-{}', States.UUID())",
                "SolutionVersionArn.$": "$.version.SolutionVersionArn",
                "RoleArn": self._service_role.role_arn,
                "JobInput": {"S3DataSource": {"Path": f"{self._place}batch/users.json"}},
                "JobOutput": {"S3DataDestination": {"Path": f"{self._place}batch/answers/"}},
            },
            result="$.made",
            waits=True,
        )
        ended = self._until_active(
            begin, "BatchJob", "BatchInferenceJob", {"BatchInferenceJobArn.$": "$.made.BatchInferenceJobArn"}
        )
        ended.next(done)
        return begin

    def _until_active(  # what is asked, and what comes before
        self,
        begin: sfn.CustomState,
        label: str,
        kind: str,
        asked: Mapping[str, str],
        *,
        also: sfn.CustomState | None = None,
        update: bool = False,
    ) -> sfn.Pass:
        """Ask slowly whether something is active; return the state that stands where it is."""
        wait = sfn.Wait(
            self,
            f"Wait{label}",
            time=sfn.WaitTime.duration(cdk.Duration.seconds(self._settings.poll_seconds)),
        )
        look = self._call(f"Look{label}", f"describe{kind}", asked, result="$.look")
        begin.next(wait)
        if also is not None:
            also.next(wait)
        wait.next(look)
        done = sfn.Pass(self, f"Active{label}")
        failed = sfn.Fail(
            self, f"Failed{label}", error="NotActive", cause=f"FailureReason of {kind} says why; see the look before"
        )
        status = f"$.look.{kind}.Status"
        choice = sfn.Choice(self, f"Is{label}Active").when(sfn.Condition.string_matches(status, _FAILED), failed)
        active = sfn.Condition.string_equals(status, _ACTIVE)
        if update:
            # A campaign is active with its old version until the new one is there.
            newest = f"$.look.{kind}.LatestCampaignUpdate.Status"
            there = sfn.Condition.is_present(newest)
            choice = choice.when(sfn.Condition.and_(there, sfn.Condition.string_matches(newest, _FAILED)), failed)
            active = sfn.Condition.and_(
                active, sfn.Condition.or_(sfn.Condition.not_(there), sfn.Condition.string_equals(newest, _ACTIVE))
            )
        look.next(choice.when(active, done).otherwise(wait))
        return done

    def _call(
        self,
        id_: str,
        action: str,
        parameters: Mapping[str, Any],
        *,
        result: str | None = None,
        waits: bool = False,
    ) -> sfn.CustomState:
        """Call Personalize; the CDK's class for it would let the machine use every resource."""
        step = sfn.CustomState(
            self,
            id_,
            state_json={
                "Type": "Task",
                "Resource": f"arn:{cdk.Stack.of(self).partition}:states:::aws-sdk:personalize:{action}",
                "Parameters": dict(parameters),
                "ResultPath": result or sfn.JsonPath.DISCARD,
            },
        )
        service: Literal["Personalize"] = "Personalize"
        (wait_for_capacity if waits else retry_when_busy)(step, service)
        return step

    # ---- rights

    def _allow(self) -> None:
        role = self.machine.role
        jobs = [f"{self._arns}:{kind}/*" for kind in ("dataset-import-job", "batch-inference-job")]
        data_sets = [data_set.attr_dataset_arn for data_set in self._data_sets.values()]
        solution = self._solution.attr_solution_arn
        versions = f"{self._arns}:solution/{self._campaign}/*"
        allow(role, ("personalize:CreateDatasetImportJob", "personalize:DescribeDatasetImportJob"), jobs[0], *data_sets)
        allow(role, ("personalize:DescribeSolution", "personalize:UpdateSolution"), solution)
        allow(
            role,
            ("personalize:CreateSolutionVersion", "personalize:DescribeSolutionVersion"),
            solution,
            versions,
        )
        actions = ("CreateCampaign", "DeleteCampaign", "DescribeCampaign", "UpdateCampaign")
        allow(role, (f"personalize:{action}" for action in actions), self._campaign_arn, versions)
        allow(
            role,
            ("personalize:CreateBatchInferenceJob", "personalize:DescribeBatchInferenceJob"),
            jobs[1],
            versions,
        )
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[self._service_role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "personalize.amazonaws.com"}},
            )
        )
        named = "Personalize names the versions of a solution, and a job has the name that the execution makes up"
        acknowledge(role, {wildcard(role, one): named for one in (*jobs, versions)})
