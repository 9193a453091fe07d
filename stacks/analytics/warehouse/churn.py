"""Who will leave: a model of Redshift ML, which a state machine trains each month and asks about every customer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from config.analytics import ChurnSettings
from stacks.analytics.warehouse.churn_features import FEATURES
from stacks.analytics.warehouse.data_api import FAILED, DataApi, Place
from stacks.analytics.warehouse.statements import Batch, read_batches
from stacks.constructs.grants import allow, arn_seen_from
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.platform import Platform

_NAME: Final = "TrainChurn"
_FOLDER: Final = "churn"
_LEAST_ROWS: Final = 500  # Redshift ML trains on no fewer
_MINUTE: Final = 60
_PATIENCE: Final = 6  # a training takes longer than a statement, and an execution has a limit of events
# SageMaker installs the model in the warehouse after the training, and Redshift gives no limit of that.
_INSTALL: Final = cdk.Duration.hours(2)
_SERVICES: Final = ("redshift.amazonaws.com", "redshift-serverless.amazonaws.com", "sagemaker.amazonaws.com")
_JOBS: Final[Mapping[str, Sequence[str]]] = {
    "training-job": ("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob"),
    "compilation-job": ("CreateCompilationJob", "DescribeCompilationJob", "StopCompilationJob"),
}
_OBJECTS: Final = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject")
_KEY: Final = ("CreateGrant", "Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey")
_IMAGES: Final = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
_INTERFACES: Final = (
    "CreateNetworkInterface",
    "CreateNetworkInterfacePermission",
    "DeleteNetworkInterface",
    "DeleteNetworkInterfacePermission",
    "ModifyNetworkInterfaceAttribute",
)
_NETWORK: Final = (
    "DescribeDhcpOptions",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcEndpoints",
    "DescribeVpcs",
)
_LOGS: Final = ("CreateLogGroup", "CreateLogStream", "DescribeLogStreams", "PutLogEvents")
_METRICS: Final = "/aws/sagemaker/TrainingJobs"


class ChurnModel(Construct):
    """What the training needs beside the namespace: a role that three services assume, and a way to SageMaker.

    `batches` are for every load; `train` makes the state machine, when the namespace is there that has the role.
    """

    role: iam.Role
    batches: Sequence[Batch]

    def __init__(
        self, scope: Construct, id_: str, *, settings: ChurnSettings, bucket: s3.IBucket, platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._bucket, self._platform = settings, bucket, platform
        if platform.network is None:
            raise ValueError("the warehouse needs a network; the settings check this")
        # The warehouse reaches SageMaker from inside the network; the training itself runs in SageMaker's own.
        platform.network.reach(ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_API)
        self.role = self._role(platform)
        values = {
            "features": ", ".join(FEATURES),
            "role": self.role.role_arn,
            "bucket": self._bucket.bucket_name,
            "key": platform.key.key_arn,
            "max_cells": str(settings.max_cells),
            "max_seconds": str(settings.max_minutes * _MINUTE),
        }
        self._statements = {
            one.name: one for one in read_batches(Path(platform.assets.warehouse_statements) / _FOLDER, values)
        }
        self.batches = [self._statements["prepare"]]

    def train(self, place: Place) -> StateMachine:
        """Make the state machine that trains the model, and its schedule."""
        api = DataApi(self, place)
        run = StateMachine(
            self,
            "Run",
            name=_NAME,
            platform=self._platform,
            steps=self._steps(api, place.poll_seconds),
            subject="the churn model could not be trained",
            timeout=cdk.Duration.minutes(self._settings.max_minutes).plus(_INSTALL),
            runbook="the-warehouse-is-not-loaded.md",
        )
        api.let_act(run.machine.role, self._platform)
        rules = StartRules(self, machine=run, platform=self._platform)
        rules.on_schedule(
            "Monthly",
            description="The answers about another month are known: train the churn model anew",
            schedule=events.Schedule.cron(day="2", hour=str(self._settings.hour_utc), minute="0"),
        )
        return run

    # ---- the steps

    def _steps(self, api: DataApi, poll_seconds: int) -> sfn.IChainable:
        """Count, and refuse what nothing can be learned from; train; wait until the function is there; ask it."""
        why = "a statement has failed; the look before it has why"
        failed = sfn.Fail(self, "TrainingFailed", error=FAILED, cause=why)
        sent = api.send_batch("SendScore", self._statements["score"].statements)
        score, scored = self._run(api, "Score", sent, failed)
        scored.next(sfn.Succeed(self, "Scored"))
        ask, known = self._run(api, "State", self._send(api, "state"), failed)
        state = api.read("ReadState", result_path="$.state")
        known.next(state)
        state.next(self._is_ready(score, ask, _PATIENCE * poll_seconds))
        train, begun = self._run(api, "Train", self._send(api, "train"), failed)
        begun.next(ask)
        forget, forgotten = self._run(api, "Forget", self._send(api, "forget"), failed)
        forgotten.next(train)
        count, counted = self._run(api, "Count", self._send(api, "count"), failed)
        read = api.read("ReadCount", result_path="$.counted")
        counted.next(read)
        read.next(self._is_enough(forget))
        return api.find_secret().next(count)

    def _send(self, api: DataApi, name: str) -> tasks.CallAwsService:
        """Send a statement by itself: neither CREATE MODEL nor DROP MODEL is part of a transaction."""
        [statement] = self._statements[name].statements
        return api.send(f"Send{name.capitalize()}", statement)

    def _run(
        self, api: DataApi, name: str, submit: tasks.CallAwsService, failed: sfn.Fail
    ) -> tuple[tasks.CallAwsService, sfn.Pass]:
        """Return the first state of a statement, and the one that stands where it has ended well."""
        done = sfn.Pass(self, f"Done{name}")
        wait, look = api.wait(name)
        submit.next(wait).next(look).next(api.ended(name, wait, finished=done).otherwise(failed))
        return submit, done

    def _is_enough(self, on: sfn.IChainable) -> sfn.Choice:
        people, churned = (f"$.counted.Records[0][{column}].LongValue" for column in (0, 1))
        few = sfn.Fail(
            self,
            "TooFewAnswers",
            error="TooFewAnswers",
            cause=f"of fewer than {_LEAST_ROWS} customers before the newest known month is known whether they left; "
            "Redshift ML trains on no fewer",
        )
        alike = sfn.Fail(
            self,
            "OneAnswerOnly",
            error="OneAnswerOnly",
            cause="all customers whose answer is known left, or none did: nothing can be learned from that",
        )
        return (
            sfn.Choice(self, "IsEnough")
            .when(sfn.Condition.number_less_than(people, _LEAST_ROWS), few)
            .when(
                sfn.Condition.or_(
                    sfn.Condition.number_equals(churned, 0), sfn.Condition.number_equals_json_path(churned, people)
                ),
                alike,
            )
            .otherwise(on)
        )

    def _is_ready(self, on: sfn.IChainable, ask: sfn.IChainable, seconds: int) -> sfn.Choice:
        """Ask again until the model is ready; a state that says it has failed ends the training."""
        state = "$.state.Records[0][0].StringValue"
        wait = sfn.Wait(self, "WaitTraining", time=sfn.WaitTime.duration(cdk.Duration.seconds(seconds)))
        wait.next(ask)
        failed = sfn.Fail(
            self, "ModelFailed", error="ModelFailed", cause="SHOW MODEL warehouse.churn says why SageMaker has failed"
        )
        return (
            sfn.Choice(self, "IsReady")
            .when(sfn.Condition.string_matches(state, "*Ready*"), on)
            .when(sfn.Condition.string_matches(state, "*Fail*"), failed)
            .otherwise(wait)
        )

    # ---- what SageMaker uses

    def _role(self, platform: Platform) -> iam.Role:
        """Create the role with which Redshift starts jobs of SageMaker, and these read and write the bucket."""
        role = iam.Role(
            self, "Role", assumed_by=iam.CompositePrincipal(*(iam.ServicePrincipal(one) for one in _SERVICES))
        )
        stack = cdk.Stack.of(self)
        here = f"{stack.region}:{stack.account}"
        seen: dict[str, str] = {}
        for kind, actions in _JOBS.items():
            jobs = f"arn:{stack.partition}:sagemaker:{here}:{kind}/redshift*"
            allow(role, (f"sagemaker:{action}" for action in actions), jobs)
            seen[wildcard(role, jobs)] = "Redshift names the jobs itself, and begins each name with its own"
        allow(role, _OBJECTS, self._bucket.arn_for_objects("*"))
        seen[wildcard(role, f"{arn_seen_from(role, self._bucket)}/*")] = "Redshift names the folders itself"
        allow(role, ("s3:GetBucketLocation", "s3:ListBucket"), self._bucket.bucket_arn)
        # SageMaker encrypts the disks of a job with the key, for which it makes a grant.
        allow(role, (f"kms:{action}" for action in _KEY), platform.key.key_arn)
        logs = f"arn:{stack.partition}:logs:{here}:log-group:/aws/sagemaker/*"
        allow(role, (f"logs:{action}" for action in _LOGS), logs)
        seen[wildcard(role, logs)] = "SageMaker names the log groups and streams of its jobs"
        # SageMaker's images are in accounts of AWS's, others in each Region.
        images = f"arn:{stack.partition}:ecr:{stack.region}:*:repository/*"
        allow(role, (f"ecr:{action}" for action in _IMAGES), images)
        seen[wildcard(role, images)] = "AWS names neither the account nor the repository of the images of its jobs"
        allow(role, ("ecr:GetAuthorizationToken", *(f"ec2:{action}" for action in _NETWORK)), "*")
        seen["IAM5[Resource::*]"] = "none of these actions accepts a resource"
        place = f"arn:{stack.partition}:ec2:{here}"
        interfaces = f"{place}:network-interface/*"
        allow(role, (f"ec2:{action}" for action in _INTERFACES), interfaces)
        seen[wildcard(role, interfaces)] = "Redshift makes the interfaces through which it keeps to the network"
        for kind in ("security-group", "subnet"):
            where = f"{place}:{kind}/*"
            allow(role, ("ec2:CreateNetworkInterface",), where)
            seen[wildcard(role, where)] = "an interface is where the warehouse is, of which AWS names no more"
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": _METRICS}},
            )
        )
        role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
            )
        )
        acknowledge(role, seen)
        return role
