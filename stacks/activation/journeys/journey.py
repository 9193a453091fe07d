"""A journey: a state machine, in which a person goes from step to step."""

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from c360_core import journey as domain
from stacks.activation.journeys.states import States
from stacks.constructs.grants import arn_of_versions
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.state_machine import StateMachine
from stacks.shared.platform import Platform


class Journey(Construct):
    """Leads people through the steps of a journey. The sender checks each message again before it sends it.

    An execution goes on by the definition with which it began, whatever is deployed meanwhile.
    """

    machine: sfn.StateMachine

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        journey: domain.Journey,
        sender: PythonFunction,
        helper: PythonFunction | None,
        day_seconds: int,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        helped = any(isinstance(step, domain.HELPED) for step in journey.steps)
        functions = [sender, *([helper] if helped and helper is not None else [])]
        states = States(
            self,
            journey=journey,
            sender=sender.function,
            helper=None if helper is None else helper.function,
            day_seconds=day_seconds,
        )
        run = StateMachine(
            self,
            "Run",
            name=id_,
            platform=platform,
            steps=states.first,
            subject="a journey broke off",
            comment=f"{journey.name}, version {journey.version}: {journey.description}",
        )
        self.machine = run.machine
        for one in functions:
            versions = arn_of_versions(one.function)
            acknowledge(
                self.machine.role, {wildcard(self, versions): "CDK lets a task invoke every version of its function"}
            )
