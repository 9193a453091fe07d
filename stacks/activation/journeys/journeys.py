"""All journeys, the machine that lets people in, and the functions that know people and wake those who wait."""

from collections.abc import Sequence, Set
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from c360_core import journey as domain
from c360_core.bus_events import CONTRACTS, SINGLE_VIEW_SOURCE, BusEvent
from c360_core.journey import OUTCOMES, Happening, WaitFor
from config.activation import ActivationSettings
from stacks.activation.journeys.entry import Entry
from stacks.activation.journeys.journey import Journey
from stacks.constructs.data_stream import DataStream
from stacks.constructs.event_queue import EventQueue, Reading
from stacks.constructs.grants import ItemAction, allow, lock_work, put_records, use_items
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.shared.ids import pascal_case
from stacks.shared.platform import Platform

_WAKE_SECONDS: Final = 60
_WAKING: Final = ("states:SendTaskSuccess",)


class Journeys(Construct):
    """A state machine for each journey of `contracts/journeys`.

    Attributes:
        journeys: by their names.
        announced: what the bus must tell of people, because somebody waits for it.
    """

    def __init__(  # noqa: PLR0913  # each thing that it uses has a name
        self,
        scope: Construct,
        id_: str,
        *,
        journeys: Sequence[domain.Journey],
        sender: PythonFunction,
        single_view: dynamodb.ITableV2,
        idempotency: dynamodb.ITableV2,
        events_stream: DataStream,
        bus: events.IEventBus,
        settings: ActivationSettings,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        steps = [step for journey in journeys for step in journey.steps]
        self._happenings = frozenset(one for step in steps if isinstance(step, WaitFor) for one in step.happenings)
        self._single_view, self._bus, self._platform = single_view, bus, platform
        self.helper: PythonFunction | None = None
        if any(isinstance(step, domain.HELPED) for step in steps):
            self.helper = self._helping(idempotency, events_stream, settings)
        # Directly in the stack: the ids of the machines are older than this construct, and executions hang on them.
        self.journeys = {
            journey.name: Journey(
                scope,
                pascal_case(journey.name),
                journey=journey,
                sender=sender,
                helper=self.helper,
                day_seconds=settings.journeys.day_seconds,
                platform=platform,
            )
            for journey in journeys
        }
        machines = {journey.first.template: self.journeys[journey.name].machine for journey in journeys}
        self.entry = Entry(
            self,
            "Entry",
            machines={template: machines[template] for template in sorted(domain.first_messages(journeys))},
            bus=bus,
            platform=platform,
        )
        self.announced = self._announced()
        if self.announced:
            self._wake()

    def _helping(
        self, idempotency: dynamodb.ITableV2, events_stream: DataStream, settings: ActivationSettings
    ) -> PythonFunction:
        """Create the function behind the steps that need to know people."""
        helper = PythonFunction(
            self,
            "Steps",
            name="journey_steps",
            platform=self._platform,
            variables={
                "SINGLE_VIEW_TABLE": self._single_view.table_name,
                "IDEMPOTENCY_TABLE": idempotency.table_name,
                "EVENTS_STREAM_NAME": events_stream.name,
                "EVENT_BUS_NAME": self._bus.event_bus_name,
                "DECISION_TTL_DAYS": settings.decision_ttl_days,
            },
            caller=Caller.STATE_MACHINE,
            writes=events_stream,
            calls=(
                ec2.InterfaceVpcEndpointAwsService.EVENTBRIDGE,
                ec2.InterfaceVpcEndpointAwsService.STEP_FUNCTIONS,
            ),
        )
        key = self._platform.key
        items: tuple[ItemAction, ...] = ("GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem")
        use_items(helper.role, self._single_view, key, items)
        lock_work(helper.role, idempotency, key)
        put_records(helper.role, events_stream)
        allow(helper.role, ("events:PutEvents",), self._bus.event_bus_arn)
        return helper

    def _announced(self) -> Set[BusEvent]:
        outcomes = {BusEvent.MESSAGE_OUTCOME} if self._happenings & OUTCOMES.keys() else set()
        orders = {BusEvent.ORDER_PLACED} if Happening.PURCHASE in self._happenings else set()
        return outcomes | orders

    def _wake(self) -> None:
        """Take what people wait for from the bus into a queue, and let a function wake them."""
        waker = PythonFunction(
            self,
            "Waker",
            name="journey_events",
            platform=self._platform,
            variables={"SINGLE_VIEW_TABLE": self._single_view.table_name},
            caller=Caller.QUEUE,
            timeout_seconds=_WAKE_SECONDS,
        )
        items: tuple[ItemAction, ...] = ("GetItem", "BatchGetItem", "Query", "DeleteItem")
        use_items(waker.role, self._single_view, self._platform.key, items)
        machines = [one.machine.state_machine_arn for one in self.journeys.values()]
        allow(waker.role, _WAKING, *machines)
        if self.helper is not None:
            # A policy of its own: a function waits for its role's first one, and the machines wait for the function.
            statement = iam.PolicyStatement(actions=list(_WAKING), resources=machines)
            iam.Policy(self.helper, "Wake", statements=[statement], roles=[self.helper.role])
        reading = Reading(size=10, window_seconds=0, calls_at_once=5, function_seconds=_WAKE_SECONDS)
        arrivals = EventQueue(self, "Happened", name="JourneyEvents", reading=reading, platform=self._platform)
        arrivals.feed(waker)
        # Each by its own: EventBridge would drop an order because it has no outcome.
        if BusEvent.MESSAGE_OUTCOME in self.announced:
            outcomes = frozenset[str]().union(*(OUTCOMES.get(one, ()) for one in self._happenings))
            arrivals.take(
                "Outcomes",
                description="What became of a message that somebody may wait for in a journey",
                pattern=_pattern(BusEvent.MESSAGE_OUTCOME, {"outcome": sorted(map(str, outcomes))}),
                sid="RuleOfOutcomes",
                bus=self._bus,
            )
        if BusEvent.ORDER_PLACED in self.announced:
            arrivals.take(
                "Orders",
                description="An order that somebody may wait for in a journey",
                pattern=_pattern(BusEvent.ORDER_PLACED, None),
                sid="RuleOfOrders",
                bus=self._bus,
            )

    def export(self, stack: cdk.Stack) -> None:
        """Name the state machines in the outputs of a stack."""
        for name, one in self.journeys.items():
            output = f"{pascal_case(name)}JourneyStateMachineArn"
            cdk.CfnOutput(stack, output, value=one.machine.state_machine_arn)


def _pattern(kind: BusEvent, detail: dict[str, list[str]] | None) -> events.EventPattern:
    contract = CONTRACTS[kind]
    return events.EventPattern(source=[SINGLE_VIEW_SOURCE], detail_type=[contract.detail_type], detail=detail)
