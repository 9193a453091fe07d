"""Scheduled state machines that start what has stopped and save its state, which a template cannot do."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, Final

from aws_cdk import aws_events as events
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stacks.constructs.start_rules import StartRules
from stacks.constructs.state_machine import StateMachine
from stacks.shared.platform import Platform
from stacks.shared.supervision import Supervised

SNAPSHOT_HOURS: Final = (0, 6, 12, 18)


class _ForEachApplication(Construct):
    """A scheduled state machine that handles all supervised applications in parallel."""

    _name: ClassVar[str]  # of the state machine
    _subject: ClassVar[str]  # of the message about a failure

    def __init__(self, scope: Construct, id_: str, *, applications: Iterable[Supervised], platform: Platform) -> None:
        super().__init__(scope, id_)
        each = sfn.Parallel(self, "EachApplication", result_path=sfn.JsonPath.DISCARD)
        for application in applications:
            each.branch(self._steps(application))
        run = StateMachine(self, "Run", name=self._name, platform=platform, steps=each, subject=self._subject)
        self._schedule(StartRules(self, machine=run, platform=platform))

    @abstractmethod
    def _schedule(self, rules: StartRules) -> None:
        """Add the rules that start the machine."""

    @abstractmethod
    def _steps(self, application: Supervised) -> sfn.IChainable:
        """Return the steps for one application."""


class AutoStart(_ForEachApplication):
    """Starts stopped applications every quarter of an hour."""

    _name = "ApplicationKeeper"
    _subject = "an application could not be started"

    def _schedule(self, rules: StartRules) -> None:
        rules.regularly("Regularly", description="See that the applications run", minutes=15)

    def _steps(self, application: Supervised) -> sfn.IChainable:
        return application.steps_to_start(self)


class Snapshots(_ForEachApplication):
    """Saves the state of every running application four times a day, and keeps the copies of one day.

    A copy is named after its hour, and replaces yesterday's of the same hour.
    """

    _name = "SnapshotKeeper"
    _subject = "an application's state could not be saved"

    def _schedule(self, rules: StartRules) -> None:
        for hour in SNAPSHOT_HOURS:
            rules.on_schedule(
                f"At{hour:02d}",
                description="Save the state of the applications",
                schedule=events.Schedule.cron(hour=str(hour), minute="0"),
                execution_input=events.RuleTargetInput.from_object({"snapshot": f"scheduled-{hour:02d}"}),
            )

    def _steps(self, application: Supervised) -> sfn.IChainable:
        return application.steps_to_save(self)
