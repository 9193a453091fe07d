"""From an event of the bus to the executions that wait for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from c360_core.bus_events import BusEvent, ToldEvent, UnknownBusEventError, told_event
from c360_core.journey import Happening
from c360_core.moments import moment
from c360_core.waiting import Waiting
from lambdas.shared.waking import Alarm, Waits, wake


class WaitView(Protocol):
    """What must be known of people."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def former_ids(self, person_id: str) -> Sequence[str]:
        """Return the ids that were merged into a person."""

    def waits(self, person_id: str) -> Sequence[Waiting]:
        """Return in which steps of journeys a person waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waker:
    """Wakes those who wait for an event. The same event may come again."""

    view: WaitView
    store: Waits
    alarm: Alarm

    def on_event(self, event: Mapping[str, Any]) -> Sequence[Happening]:
        """Wake the executions in which a person waits for an event; return what had happened for each.

        Raises:
            UnknownBusEventError: it is no event that anybody waits for.
        """
        told = told_event(event)
        return wake(
            [(waiting, _happened(waiting, told)) for waiting in self._waiting(str(told.data["person_id"]))],
            alarm=self.alarm,
            store=self.store,
        )

    def _waiting(self, person_id: str) -> list[Waiting]:
        """Return where a person waits, under whatever id: the event has the one of then, as each wait has its own."""
        current = self.view.current_id(person_id) or person_id
        everybody = dict.fromkeys((current, person_id, *self.view.former_ids(current)))
        return [waiting for one in everybody for waiting in self.view.waits(one)]


def _happened(waiting: Waiting, told: ToldEvent) -> Happening | None:
    if told.kind is BusEvent.MESSAGE_OUTCOME:
        return waiting.at_outcome(str(told.data["message_id"]), str(told.data["outcome"]))
    if told.kind is BusEvent.ORDER_PLACED:
        return waiting.at_purchase(moment(told.happened_at))
    raise UnknownBusEventError(f"{told.kind}: no journey waits for such an event")
