"""A logged and traced state machine that tells when it fails."""

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from stacks.constructs.grants import use_key
from stacks.constructs.log_group import log_group
from stacks.constructs.nag import acknowledge
from stacks.constructs.patience import ask_again
from stacks.shared.platform import Platform


class StateMachine(Construct):
    """Runs a chain of states. Whatever state gives up, the alarm topic hears of it and the execution fails.

    After `timeout` the execution ends without a word to the topic: that is for the alarm on its failures to say.
    """

    machine: sfn.StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        platform: Platform,
        steps: sfn.IChainable,
        subject: str,
        timeout: cdk.Duration | None = None,
    ) -> None:
        super().__init__(scope, id_)
        guarded = sfn.Parallel(self, "Steps", result_path=sfn.JsonPath.DISCARD).branch(steps)
        guarded.add_catch(self._failure(platform, subject), result_path="$.failure")
        self.machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(guarded),
            timeout=timeout,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=log_group(self, "Logs", platform=platform),
                level=sfn.LogLevel.ALL,
                include_execution_data=False,
            ),
        )
        use_key(self.machine.role, platform.key)
        acknowledge(
            self.machine.role,
            {"IAM5[Resource::*]": "the actions of log delivery and of X-Ray accept no resource"},
        )

    def _failure(self, platform: Platform, subject: str) -> sfn.IChainable:
        message = {
            "state_machine": sfn.JsonPath.string_at("$$.StateMachine.Name"),
            "execution": sfn.JsonPath.string_at("$$.Execution.Id"),
            "failure": sfn.JsonPath.object_at("$.failure"),
        }
        tell = tasks.SnsPublish(
            self,
            "TellFailure",
            topic=platform.alarm_topic,
            subject=f"Customer 360 ({platform.environment}): {subject}",
            message=sfn.TaskInput.from_object(message),
        )
        ask_again(tell, "SNS")
        return tell.next(sfn.Fail(self, "Failed", cause=f"{subject}; see the execution's history"))
