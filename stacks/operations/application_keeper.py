"""Keeps Flink applications running: a template can create one, but not start it."""

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kinesisanalyticsv2 as flink
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.state_machine import StateMachine
from stacks.platform import Platform


class ApplicationKeeper(Construct):
    """Looks every quarter of an hour, and starts what should run and does not, from its latest snapshot."""

    machine: sfn.StateMachine
    undelivered: DeadLetterQueue

    def __init__(
        self, scope: Construct, id_: str, *, applications: Mapping[str, flink.CfnApplication], platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        each = sfn.Parallel(self, "EachApplication", result_path=sfn.JsonPath.DISCARD)
        for name, application in applications.items():
            each.branch(self._look_and_start(name, application))
        self.machine = StateMachine(
            self, "Run", platform=platform, steps=each, subject="a Flink application could not be started"
        ).machine
        self.undelivered = DeadLetterQueue(self, "Undelivered", platform=platform)
        events.Rule(
            self,
            "Regularly",
            description="See that the Flink applications run",
            schedule=events.Schedule.rate(cdk.Duration.minutes(15)),
            targets=[targets.SfnStateMachine(self.machine, dead_letter_queue=self.undelivered.queue)],
        )

    def _look_and_start(self, name: str, application: flink.CfnApplication) -> sfn.IChainable:
        stack = cdk.Stack.of(self)
        arn = f"arn:{stack.partition}:kinesisanalytics:{stack.region}:{stack.account}:application/{application.ref}"
        look = self._call(f"Look{name}", "describeApplication", "DescribeApplication", application, arn)
        start = self._call(f"Start{name}", "startApplication", "StartApplication", application, arn)
        stopped = sfn.Condition.string_equals("$.ApplicationDetail.ApplicationStatus", "READY")
        return look.next(
            sfn.Choice(self, f"{name}Stopped?").when(stopped, start).otherwise(sfn.Pass(self, f"{name}Runs"))
        )

    def _call(
        self, id_: str, action: str, iam_action: str, application: flink.CfnApplication, arn: str
    ) -> tasks.CallAwsService:
        return tasks.CallAwsService(
            self,
            id_,
            service="kinesisanalyticsv2",
            action=action,
            iam_action=f"kinesisanalytics:{iam_action}",
            iam_resources=[arn],
            parameters={"ApplicationName": application.ref},
        )
