"""Lets people into journeys, once for each decision."""

from collections.abc import Mapping

from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from c360_core.bus_events import CONTRACTS, BusEvent
from c360_core.decision import Action, Template
from stacks.constructs.retries import retry_when_busy
from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

# Under this name the integration tells that an execution of the name is there, or was there in the last 90 days.
ALREADY_IN = "StepFunctions.ExecutionAlreadyExistsException"


class Entry(Construct):
    """Starts the journey of a decided message. The execution has the name of the decision, so nobody enters twice.

    A rule cannot do that: it gives each execution a name of its own, and delivers an event more than once.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        machines: Mapping[Template, sfn.StateMachine],
        bus: events.IEventBus,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        inside = sfn.Succeed(self, "Inside")
        known = sfn.Choice(self, "Journey?")
        for template, machine in machines.items():
            known.when(
                sfn.Condition.string_equals("$.template", str(template)), self._enter(template, machine).next(inside)
            )
        run = StateMachine(
            self,
            "Run",
            name="JourneyEntry",
            platform=platform,
            steps=known.otherwise(sfn.Fail(self, "Unknown", error="UnknownMessage", cause="no journey begins with it")),
            subject="somebody could not enter a journey",
        )
        contract = CONTRACTS[BusEvent.DECISION_MADE]
        StartRules(self, machine=run, platform=platform).on_event(
            "Decided",
            description="A decision for a message begins the journey of this message",
            bus=bus,
            pattern=events.EventPattern(
                source=[contract.source],
                detail_type=[contract.detail_type],
                detail={"action": [str(Action.SEND), str(Action.DEFER)], "template": [str(one) for one in machines]},
            ),
        )

    def _enter(self, template: Template, machine: sfn.StateMachine) -> sfn.TaskStateBase:
        enter = tasks.StepFunctionsStartExecution(
            self,
            f"Enter{pascal_case(template)}",
            state_machine=machine,
            name=sfn.JsonPath.string_at("$.decision_id"),
            input=sfn.TaskInput.from_json_path_at("$"),
            result_path=sfn.JsonPath.DISCARD,
        )
        retry_when_busy(enter, "StepFunctions")
        enter.add_catch(sfn.Succeed(self, f"Already{pascal_case(template)}"), errors=[ALREADY_IN])
        return enter
