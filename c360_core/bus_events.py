"""What goes over the platform's event bus about people, and what of it a receiver outside may be told.

The bus has no schema of its own, so the contract is here: those who put events, the rules, and those who tell receivers
read it. Every event names the person by the platform's id and by nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from c360_core.digests import digest

DECISION_SOURCE: Final = "c360.decision"
SINGLE_VIEW_SOURCE: Final = "c360.single_view"
EVENT_PREFIX: Final = "w_"


class BusEvent(StrEnum):
    """Kinds of events, under the names that receivers subscribe to."""

    DECISION_MADE = "decision.made"
    SEGMENTS_CHANGED = "segments.changed"
    CONSENT_CHANGED = "consent.changed"
    MESSAGE_OUTCOME = "message.outcome"
    ORDER_PLACED = "order.placed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BusContract:
    """How an event of one kind looks on the bus.

    Attributes:
        source: of EventBridge.
        detail_type: of EventBridge.
        identified_by: the field of the detail that is the same however often the event comes.
        happened: the field with the time of the event.
        told: the fields that a receiver gets, all others stay inside.
    """

    source: str
    detail_type: str
    identified_by: str
    happened: str
    told: tuple[str, ...]


CONTRACTS: Final[Mapping[BusEvent, BusContract]] = MappingProxyType(
    {
        BusEvent.DECISION_MADE: BusContract(
            source=DECISION_SOURCE,
            detail_type="DecisionMade",
            identified_by="decision_id",
            happened="decided_at",
            told=(
                "decision_id",
                "person_id",
                "trigger",
                "action",
                "channel",
                "template",
                "purpose",
                "task",
                "reasons",
                "decided_at",
                "not_before",
            ),
        ),
        BusEvent.SEGMENTS_CHANGED: BusContract(
            source=SINGLE_VIEW_SOURCE,
            detail_type="SegmentsChanged",
            identified_by="event_id",
            happened="changed_at",
            told=("person_id", "version", "entered", "left", "segments", "is_gone", "changed_at"),
        ),
        BusEvent.CONSENT_CHANGED: BusContract(
            source=SINGLE_VIEW_SOURCE,
            detail_type="ConsentChanged",
            identified_by="event_id",
            happened="changed_at",
            told=("person_id", "purpose", "channel", "status", "changed_at"),
        ),
        BusEvent.MESSAGE_OUTCOME: BusContract(
            source=SINGLE_VIEW_SOURCE,
            detail_type="MessageOutcome",
            identified_by="event_id",
            happened="changed_at",
            told=("message_id", "decision_id", "person_id", "channel", "template", "outcome", "changed_at"),
        ),
        BusEvent.ORDER_PLACED: BusContract(
            source=SINGLE_VIEW_SOURCE,
            detail_type="OrderPlaced",
            identified_by="event_id",
            happened="ordered_at",
            told=("person_id", "version", "ordered_at"),
        ),
    }
)


class UnknownBusEventError(ValueError):
    """An event that no contract has, or that lacks what its contract says; the message names the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEvent:
    """An event of the bus as a receiver is told of it.

    Attributes:
        event_id: the same however often it comes.
        happened_at: text.
        data: what the contract lets out.
    """

    kind: BusEvent
    event_id: str
    happened_at: str
    data: Mapping[str, Any]


def event_id(kind: BusEvent, *subject: str) -> str:
    """Return the id of an event from what makes it unique."""
    return EVENT_PREFIX + digest(kind, *subject)


def told_event(event: Mapping[str, Any]) -> ToldEvent:
    """Read an event as EventBridge delivers it, and keep what a receiver may be told.

    Raises:
        UnknownBusEventError: no contract has it, or a field is missing.
    """
    names = (event.get("source"), event.get("detail-type"))
    kind = next((one for one, it in CONTRACTS.items() if (it.source, it.detail_type) == names), None)
    if kind is None:
        raise UnknownBusEventError("fields source and detail-type: no contract of the bus has such an event")
    contract, detail = CONTRACTS[kind], event.get("detail")
    if not isinstance(detail, Mapping):
        raise UnknownBusEventError(f"{kind}: the field detail is missing or wrong")
    found: dict[str, str] = {}
    for name in (contract.identified_by, contract.happened):
        value = detail.get(name)
        if not isinstance(value, str) or not value:
            raise UnknownBusEventError(f"{kind}: the field detail.{name} is missing or wrong")
        found[name] = value
    return ToldEvent(
        kind=kind,
        event_id=found[contract.identified_by],
        happened_at=found[contract.happened],
        data={name: detail[name] for name in contract.told if name in detail},
    )
