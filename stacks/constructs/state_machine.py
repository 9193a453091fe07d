"""A logged and traced state machine that reports its failures."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from config.operations import OperationsSettings
from stacks.constructs.grants import publish_messages
from stacks.constructs.log_group import log_group
from stacks.constructs.nag import acknowledge
from stacks.constructs.retries import retry_when_busy
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph
from stacks.shared.platform import Platform

RUNBOOKS: Final = "docs/runbooks/"
ANY_RUNBOOK: Final = "README.md#an-execution-failed"


class StateMachine(Construct):
    """Runs a chain of states. If a state fails, the machine publishes the failure on the alarm topic and fails.

    After `timeout` the execution ends without a message; an alarm watches for executions that time out.

    Args:
        name: tells whoever is on call which machine it is.
        subject: of the message on the alarm topic.
        runbook: what the message names for whoever reads it; a page of `docs/runbooks`.
        comment: what the definition says of itself.
    """

    name: str
    machine: sfn.StateMachine

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        platform: Platform,
        steps: sfn.IChainable,
        subject: str,
        timeout: cdk.Duration | None = None,
        runbook: str = ANY_RUNBOOK,
        comment: str | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self.name = name
        guarded = sfn.Parallel(self, "Steps", result_path=sfn.JsonPath.DISCARD).branch(steps)
        guarded.add_catch(self._failure(platform, subject, runbook), result_path="$.failure")
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(guarded),
            timeout=timeout,
            comment=comment,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=log_group(self, "Logs", platform=platform),
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
            ),
        )
        publish_messages(self.machine.role, platform.alarm_topic, platform.key)
        acknowledge(
            self.machine.role,
            {"IAM5[Resource::*]": "the actions of log delivery and of X-Ray accept no resource"},
        )

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:  # noqa: ARG002  # one failure is too many
        """Return alarms on executions that fail or time out; a failed job fails its execution."""
        return (
            AlarmSpec(
                name=f"{self.name}Failed",
                metric=self._failures(),
                threshold=1,
                text=f"an execution of {self.name} failed",
            ),
            AlarmSpec(
                name=f"{self.name}TimedOut",
                metric=self.machine.metric_timed_out(period=METRIC_PERIOD),
                threshold=1,
                text=f"an execution of {self.name} ran out of time and was ended",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return how many executions fail."""
        return (Graph(title="Executions that failed", position=30, lines={self.name: self._failures()}),)

    def _failures(self) -> cloudwatch.Metric:
        return self.machine.metric_failed(period=METRIC_PERIOD)

    def _failure(self, platform: Platform, subject: str, runbook: str) -> sfn.IChainable:
        message = {
            "runbook": f"{RUNBOOKS}{runbook}",
            "state_machine": sfn.JsonPath.string_at("$$.StateMachine.Name"),
            "execution": sfn.JsonPath.string_at("$$.Execution.Id"),
            "failure": sfn.JsonPath.object_at("$.failure"),
        }
        publish = tasks.SnsPublish(
            self,
            "TellFailure",
            topic=platform.alarm_topic,
            subject=f"Customer 360 ({platform.environment}): {subject}",
            message=sfn.TaskInput.from_object(message),
        )
        retry_when_busy(publish, "SNS")
        return publish.next(sfn.Fail(self, "Failed", cause=f"{subject}; see the execution's history"))
