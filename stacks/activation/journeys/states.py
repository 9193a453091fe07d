"""The steps of a journey as states of Step Functions."""

from collections.abc import Mapping
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.journey import Ask, Branch, Exit, Journey, Pause, Send, Split, Step, WaitFor, seconds
from stacks.constructs.retries import retry_when_busy
from stacks.shared.ids import pascal_case

_DECISION: Final = ("decision_id", "person_id", "channel", "purpose", "trace_id", "trigger")
_ANSWER: Final = "$.answer"
_WAY: Final = "$.answer.way"
_SINCE: Final = sfn.JsonPath.string_at("$$.Execution.StartTime")


class States:
    """The states of a journey. Each carries what it needs, so that a person goes on as the journey was at the entry.

    A message in quiet hours waits for their end. Who does not get a message leaves, or goes where the step says.

    Args:
        scope: has the states.
        journey: whose steps they are.
        sender: sends messages.
        helper: knows people: it chooses ways, asks for tasks, and notes who waits.
        day_seconds: how long a day of the journey takes.
    """

    first: sfn.IChainable

    def __init__(
        self,
        scope: Construct,
        *,
        journey: Journey,
        sender: lambda_.IFunction,
        helper: lambda_.IFunction | None,
        day_seconds: int,
    ) -> None:
        self._scope, self._journey, self._day_seconds = scope, journey, day_seconds
        self._sender, self._helper = sender, helper
        self._made: dict[str, sfn.IChainable] = {}
        self.first = self._state(journey.first.name)

    def _state(self, name: str) -> sfn.IChainable:
        """Return the state with which a step begins; several ways may lead to it."""
        if name not in self._made:
            self._made[name] = self._begin(self._journey.step(name))
        return self._made[name]

    def _begin(self, step: Step) -> sfn.IChainable:  # noqa: PLR0911  # one for each kind
        match step:
            case Send():
                return self._send(step)
            case Pause():
                return self._pause(step)
            case WaitFor():
                return self._wait_for(step)
            case Branch():
                return self._branch(step)
            case Split():
                return self._split(step)
            case Ask():
                return self._ask(step)
            case Exit():
                return sfn.Succeed(self._scope, pascal_case(step.name))

    def _send(self, step: Send) -> sfn.IChainable:
        name = pascal_case(step.name)
        send = tasks.LambdaInvoke(
            self._scope,
            f"Send{name}",
            lambda_function=self._sender,
            payload=self._payload({"template": str(step.template)}),
            payload_response_only=True,
            result_path=_ANSWER,
        )
        retry_when_busy(send, "Lambda")
        later = sfn.Wait(self._scope, f"Wait{name}", time=sfn.WaitTime.timestamp_path("$.answer.not_before"))
        unwanted = (
            sfn.Succeed(self._scope, f"{name}Unwanted") if step.otherwise is None else self._state(step.otherwise)
        )
        status = sfn.Condition.string_equals
        answered = (
            sfn.Choice(self._scope, f"{name}Sent?")
            .when(status("$.answer.status", "deferred"), later.next(send))
            .when(status("$.answer.status", "suppressed"), unwanted)
            .otherwise(self._state(step.then))
        )
        return send.next(answered)

    def _pause(self, step: Pause) -> sfn.IChainable:
        time = sfn.WaitTime.duration(self._duration(step.minutes))
        return sfn.Wait(self._scope, pascal_case(step.name), time=time).next(self._state(step.then))

    def _wait_for(self, step: WaitFor) -> sfn.IChainable:
        of = None if step.of is None else self._journey.step(step.of)
        message = {"template": str(of.template)} if isinstance(of, Send) else {}
        time = self._duration(step.minutes)
        wait = tasks.LambdaInvoke(
            self._scope,
            pascal_case(step.name),
            lambda_function=self._known_helper(step),
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
            payload=self._payload(
                {
                    "ask": "wait",
                    "step": step.name,
                    "happenings": [str(one) for one in step.happenings],
                    "seconds": time.to_seconds(),
                    "since": _SINCE,
                    "token": sfn.JsonPath.task_token,
                    **message,
                }
            ),
            task_timeout=sfn.Timeout.duration(time),
            result_path=_ANSWER,
        )
        retry_when_busy(wait, "Lambda")
        wait.add_catch(self._state(step.otherwise), errors=["States.Timeout"], result_path=_ANSWER)
        return wait.next(self._state(step.then))

    def _branch(self, step: Branch) -> sfn.IChainable:
        arms = [{"when": dict(arm.document), "then": arm.then} for arm in step.arms]
        asked = {"ask": "choose", "step": step.name, "arms": arms, "otherwise": step.otherwise}
        return self._way(step, asked, step.targets)

    def _split(self, step: Split) -> sfn.IChainable:
        shares = [{"percent": share.percent, "then": share.then} for share in step.shares]
        return self._way(step, {"ask": "draw", "step": step.name, "shares": shares}, step.targets)

    def _way(self, step: Branch | Split, asked: Mapping[str, Any], targets: tuple[str, ...]) -> sfn.IChainable:
        """Ask which way a person goes, and go it; the last one is also that of an answer that names no step."""
        *others, last = dict.fromkeys(targets)
        choice = sfn.Choice(self._scope, f"{pascal_case(step.name)}?")
        for target in others:
            choice.when(sfn.Condition.string_equals(_WAY, target), self._state(target))
        return self._asked(step, asked).next(choice.otherwise(self._state(last)))

    def _ask(self, step: Ask) -> sfn.IChainable:
        asked = {"ask": "task", "step": step.name, "task": str(step.task), "since": _SINCE}
        return self._asked(step, asked).next(self._state(step.then))

    def _asked(self, step: Branch | Split | Ask, asked: Mapping[str, Any]) -> tasks.LambdaInvoke:
        ask = tasks.LambdaInvoke(
            self._scope,
            pascal_case(step.name),
            lambda_function=self._known_helper(step),
            payload=self._payload(asked),
            payload_response_only=True,
            result_path=_ANSWER,
        )
        retry_when_busy(ask, "Lambda")
        return ask

    def _payload(self, own: Mapping[str, Any]) -> sfn.TaskInput:
        """Return what a function gets: the decision, the journey and the step's own."""
        decision = {key: sfn.JsonPath.string_at(f"$.{key}") for key in _DECISION}
        return sfn.TaskInput.from_object({**decision, "journey": self._journey.name, **own})

    def _duration(self, minutes: int) -> cdk.Duration:
        return cdk.Duration.seconds(seconds(minutes, day_seconds=self._day_seconds))

    def _known_helper(self, step: Step) -> lambda_.IFunction:
        if self._helper is None:
            raise ValueError(f"{self._journey.name}: step {step.name} needs the function that knows people")
        return self._helper
