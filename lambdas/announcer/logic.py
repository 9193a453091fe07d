"""From a change of the single view to an event of the bus.

The ids of events follow from what changed, so that a change that is delivered again gives the same event again.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from c360_core import single_view_keys as keys
from c360_core.bus_events import CONTRACTS, BusEvent, event_id
from c360_core.moments import moment, moment_text
from c360_core.profile import Profile
from c360_core.profile_item import profile_from_item

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

ENTRIES_PER_CALL: Final = 10
_PERSON: Final = keys.person_partition("")

LAST_ORDER: Final = "last_order_at"

Image = Mapping[str, Any]
# What makes an event unique, and its detail; None: nothing that anybody waits for.
Found = tuple[tuple[str, ...], dict[str, Any]] | None


class BusRefusedError(RuntimeError):
    """The bus did not take an event; deliver the change again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of an item.

    Attributes:
        at: when the single view had it.
    """

    old: Image | None
    new: Image | None
    at: datetime

    @property
    def person_id(self) -> str | None:
        """Whose item it is; None for an item that is about nobody, such as an address."""
        place = str((self.new or self.old or {}).get(keys.PARTITION, ""))
        return place.removeprefix(_PERSON) if place.startswith(_PERSON) else None

    @property
    def sort(self) -> str:
        """Which of the person's items it is."""
        return str((self.new or self.old or {}).get(keys.SORT, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An event for the bus."""

    kind: BusEvent
    detail: Mapping[str, Any]


def announcements(change: Change, wanted: Collection[BusEvent]) -> tuple[Announcement, ...]:
    """Return what is to be announced of a change.

    Raises:
        InvalidChangeError: an item breaks its contract.
    """
    person_id = change.person_id
    if person_id is None:
        return ()
    made = ((kind, find(change)) for kind, find in _kinds(change.sort) if kind in wanted)
    return tuple(
        Announcement(
            kind=kind,
            detail={
                "event_id": event_id(kind, person_id, *found[0]),
                "person_id": person_id,
                **found[1],
                "changed_at": moment_text(change.at),
            },
        )
        for kind, found in made
        if found is not None
    )


def _kinds(sort: str) -> tuple[tuple[BusEvent, Callable[[Change], Found]], ...]:
    """Return what a change of an item can be, with what finds it out."""
    if sort == keys.PROFILE:
        return ((BusEvent.SEGMENTS_CHANGED, _segments), (BusEvent.ORDER_PLACED, _order))
    if sort.startswith(keys.CONSENT_PREFIX):
        return ((BusEvent.CONSENT_CHANGED, _consent),)
    return ((BusEvent.MESSAGE_OUTCOME, _outcome),) if sort.startswith(keys.MESSAGE_PREFIX) else ()


def _order(change: Change) -> Found:
    """Return when a person ordered last, if that is later than before; a replayed order is not."""
    old, new = _profile(change.old), _profile(change.new)
    if new is None or new.rebuilt:
        return None
    at, before = new.text("aggregates", LAST_ORDER), old.text("aggregates", LAST_ORDER) if old else None
    if at is None or (before is not None and moment(at) <= moment(before)):
        return None
    return (at,), {"version": new.version.text, "ordered_at": moment_text(moment(at))}


def _segments(change: Change) -> Found:
    """Return how the segments of a person changed. One who is no more leaves all."""
    old, new = _profile(change.old), _profile(change.new)
    before, after = set(old.segments if old else ()), set(new.segments if new else ())
    newest = new or old
    if newest is None or before == after:
        return None
    version, is_gone = newest.version.text, new is None
    detail = {
        "version": version,
        "entered": sorted(after - before),
        "left": sorted(before - after),
        "segments": sorted(after),
        "is_gone": is_gone,
        # By this a rule finds the changes of the segments that it is about.
        "changed": sorted(before ^ after),
    }
    return (version, str(is_gone)), detail


def _consent(change: Change) -> Found:
    """Return the answer that counts now. One that was retracted belongs to somebody else: there is none any more."""
    if change.new is None:
        return None  # what is deleted had been retracted before
    said, before = _answer(change.new), _answer(change.old or {})
    if said == before:
        return None
    purpose, channel = str(change.new["purpose"]), str(change.new["channel"])
    status, decided_at = said
    heard = json.dumps(change.new.get("heard", {}), sort_keys=True, default=str)
    return (purpose, channel, status, decided_at, heard), {"purpose": purpose, "channel": channel, "status": status}


def _answer(image: Image) -> tuple[str, str]:
    granted = image.get("granted")
    status = "none" if granted is None else "granted" if granted else "withdrawn"
    return status, str(image.get("decided_at", ""))


def _outcome(change: Change) -> Found:
    if change.new is None or change.new.get("outcome") == (change.old or {}).get("outcome"):
        return None
    told = {name: str(change.new[name]) for name in ("message_id", "decision_id", "channel", "template", "outcome")}
    return (told["message_id"], told["outcome"]), told


def _profile(image: Image | None) -> Profile | None:
    return None if image is None else profile_from_item(image)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """The event bus."""

    client: "EventBridgeClient"
    name: str

    def put(self, announcements: Sequence[Announcement]) -> frozenset[int]:
        """Put events on the bus; return the indexes of those that it refused."""
        refused: set[int] = set()
        for start in range(0, len(announcements), ENTRIES_PER_CALL):
            part = announcements[start : start + ENTRIES_PER_CALL]
            answer = self.client.put_events(Entries=[self._entry(one) for one in part])
            refused |= {start + place for place, entry in enumerate(answer["Entries"]) if "ErrorCode" in entry}
        return frozenset(refused)

    def _entry(self, announcement: Announcement) -> "PutEventsRequestEntryTypeDef":
        contract = CONTRACTS[announcement.kind]
        return {
            "EventBusName": self.name,
            "Source": contract.source,
            "DetailType": contract.detail_type,
            "Detail": json.dumps(announcement.detail),
        }
