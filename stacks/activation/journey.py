"""A journey: messages with pauses between them, started by a decision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.decision import FIRST_MESSAGES, Action, Template
from stacks.constructs.grants import arn_of_versions
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.retries import retry_when_busy
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

_DECISION: Final = ("decision_id", "person_id", "channel", "purpose", "trace_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One message of a journey, after a pause."""

    template: Template
    after_seconds: int = 0


class Journey(Construct):
    """Sends its steps one after the other. The sender checks each message again before it sends it.

    The first message waits for the moment that the decision names, and any message in quiet hours for their end. A
    suppressed message ends the journey.
    """

    machine: sfn.StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        steps: Sequence[Step],
        sender: PythonFunction,
        bus: events.IEventBus,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        if steps[0].template not in FIRST_MESSAGES:
            raise ValueError(f"{id_}: no play may ask for {steps[0].template}; add it to FIRST_MESSAGES")
        run = StateMachine(
            self,
            "Run",
            name=id_,
            platform=platform,
            steps=self._states(steps, sender),
            subject="a journey broke off",
        )
        self.machine = run.machine
        versions = arn_of_versions(sender.function)
        acknowledge(
            self.machine.role, {wildcard(self, versions): "CDK lets a task invoke every version of its function"}
        )
        StartRules(self, machine=run, platform=platform).on_event(
            "Decided",
            description=f"A decision for the template {steps[0].template} begins the journey",
            bus=bus,
            pattern=events.EventPattern(
                source=["c360.decision"],
                detail_type=["DecisionMade"],
                detail={"action": [str(Action.SEND), str(Action.DEFER)], "template": [str(steps[0].template)]},
            ),
        )

    def _states(self, steps: Sequence[Step], sender: PythonFunction) -> sfn.IChainable:
        done: sfn.IChainable = sfn.Succeed(self, "Done")
        for step in reversed(steps):
            done = self._step(step, sender, done)
        # A moment that has passed is waited for no longer.
        return sfn.Wait(self, "WaitForItsTime", time=sfn.WaitTime.timestamp_path("$.not_before")).next(done)

    def _step(self, step: Step, sender: PythonFunction, then: sfn.IChainable) -> sfn.IChainable:
        name = pascal_case(step.template)
        decision = {key: sfn.JsonPath.string_at(f"$.{key}") for key in _DECISION}
        send = tasks.LambdaInvoke(
            self,
            f"Send{name}",
            lambda_function=sender.function,
            payload=sfn.TaskInput.from_object({**decision, "template": str(step.template)}),
            payload_response_only=True,
            result_path="$.answer",
        )
        retry_when_busy(send, "Lambda")
        later = sfn.Wait(self, f"Wait{name}", time=sfn.WaitTime.timestamp_path("$.answer.not_before"))
        status = sfn.Condition.string_equals
        answered = (
            sfn.Choice(self, f"{name}Sent?")
            .when(status("$.answer.status", "deferred"), later.next(send))
            .when(status("$.answer.status", "suppressed"), sfn.Succeed(self, f"{name}Unwanted"))
            .otherwise(then)
        )
        send.next(answered)
        if not step.after_seconds:
            return send
        pause = sfn.Wait(self, f"Before{name}", time=sfn.WaitTime.duration(cdk.Duration.seconds(step.after_seconds)))
        return pause.next(send)
