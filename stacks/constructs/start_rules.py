"""Rules that start a state machine, by a schedule or an event."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from constructs import Construct

from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.state_machine import StateMachine
from stacks.shared.platform import Platform


class StartRules:
    """The rules that start one state machine. A start that a rule cannot deliver waits in a dead-letter queue.

    The queue and the rules are created in the scope of the system that owns the machine.
    """

    undelivered: DeadLetterQueue

    def __init__(self, scope: Construct, *, machine: StateMachine, platform: Platform) -> None:
        self._scope, self._machine = scope, machine
        self.undelivered = DeadLetterQueue(scope, "Undelivered", name=f"{machine.name}Undelivered", platform=platform)

    def on_schedule(
        self,
        id_: str,
        *,
        description: str,
        schedule: events.Schedule,
        execution_input: events.RuleTargetInput | None = None,
    ) -> None:
        """Start the machine on a schedule, with an input if it needs one."""
        events.Rule(
            self._scope,
            id_,
            description=description,
            schedule=schedule,
            targets=[self._target(execution_input)],
        )

    def nightly(
        self,
        id_: str,
        *,
        description: str,
        hour_utc: int,
        week_day: str | None = None,
        execution_input: events.RuleTargetInput | None = None,
    ) -> None:
        """Start the machine every night, or on one day of the week such as `SUN`, with an input if it needs one."""
        schedule = events.Schedule.cron(week_day=week_day, hour=str(hour_utc), minute="0")
        self.on_schedule(id_, description=description, schedule=schedule, execution_input=execution_input)

    def regularly(self, id_: str, *, description: str, minutes: int) -> None:
        """Start the machine every so many minutes."""
        self.on_schedule(id_, description=description, schedule=events.Schedule.rate(cdk.Duration.minutes(minutes)))

    def on_event(
        self,
        id_: str,
        *,
        description: str,
        bus: events.IEventBus | None = None,
        pattern: events.EventPattern,
        execution_input: events.RuleTargetInput | None = None,
    ) -> None:
        """Start the machine with the detail of each event that matches a pattern, or with an input made of it.

        Args:
            bus: where the events are; None for the account's default bus, which AWS's own are on.
        """
        events.Rule(
            self._scope,
            id_,
            event_bus=bus,
            description=description,
            event_pattern=pattern,
            targets=[self._target(execution_input or events.RuleTargetInput.from_event_path("$.detail"))],
        )

    def _target(self, execution_input: events.RuleTargetInput | None) -> targets.SfnStateMachine:
        return targets.SfnStateMachine(
            self._machine.machine, input=execution_input, dead_letter_queue=self.undelivered.queue
        )
