"""From an interaction to events of Personalize: whose it is, whether that person agreed, and what happened."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from c360_core.consent import Channel, Consent, ConsentStatus, Purpose, consent_status
from c360_core.moments import moment
from c360_core.recommendation.named_filters import ORDERED, VIEWED
from c360_core.recommendation.request import DAYS, Device, Place, part_of_day

EVENTS_PER_CALL: Final = 10  # PutEvents takes no more
_DEVICES: Final = {"web_events": Device.WEB, "pos_transactions": Device.TILL}


class UnreadableInteractionError(ValueError):
    """A record that no retry makes readable; the message says what is missing."""


class People(Protocol):
    """The single view, as far as this function reads it."""

    def person_of(self, keyed_hash: str) -> str | None:
        """Return the id of the person to whom an identifier belongs, or None."""

    def consents(self, person_id: str) -> Sequence[Consent]:
        """Return all answers of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What Personalize is told of one interaction."""

    user_id: str
    session_id: str
    events: Sequence[Mapping[str, Any]]

    def calls(self, tracking_id: str) -> Iterator[dict[str, Any]]:
        """Yield the parameters of the requests."""
        for first in range(0, len(self.events), EVENTS_PER_CALL):
            yield {
                "trackingId": tracking_id,
                "userId": self.user_id,
                "sessionId": self.session_id,
                "eventList": list(self.events[first : first + EVENTS_PER_CALL]),
            }


def told_of(data: bytes, people: People) -> Told | None:
    """Return what Personalize is told of a record; None where it is told nothing.

    It is told of orders and views of people whom we know and who have agreed to personalisation. History that is
    replayed reaches it by the next import.

    Raises:
        UnreadableInteractionError: the record is no interaction.
    """
    try:
        interaction: Mapping[str, Any] = json.loads(data)
        kind, key = interaction["event_type"], interaction.get("customer_key")
        if kind not in {ORDERED, VIEWED} or not key or interaction.get("replay_id"):
            return None
        at = moment(interaction["occurred_at"])
        payload = _payload(interaction)
        source, event_id = interaction["source"], interaction["event_id"]
        items = _items(kind, payload)
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableInteractionError(f"no interaction of the contract: {type(error).__name__}") from error
    person_id = people.person_of(key)
    if person_id is None or not items:
        return None
    if consent_status(people.consents(person_id), Purpose.PERSONALISATION, Channel.ANY) is not ConsentStatus.GRANTED:
        return None
    circumstances = json.dumps(_context(at, source, payload), separators=(",", ":"))
    return Told(
        user_id=person_id,
        session_id=str(interaction.get("session_id") or event_id),
        events=[
            {
                # The same event again replaces itself: a redelivered record counts once.
                "eventId": f"{source}:{event_id}:{item}"[:256],
                "eventType": kind,
                "itemId": item,
                "sentAt": at,
                "properties": circumstances,
            }
            for item in items
        ],
    )


def _payload(interaction: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = interaction["payload"]
    read: Mapping[str, Any] = json.loads(payload) if isinstance(payload, str) else payload
    return read


def _items(kind: str, payload: Mapping[str, Any]) -> list[str]:
    if kind == VIEWED:
        return [payload["product_id"]]
    return list(dict.fromkeys(line["product_id"] for line in payload.get("lines") or ()))


def _context(at: datetime, source: str, payload: Mapping[str, Any]) -> dict[str, str]:
    return {
        "DEVICE": _DEVICES.get(source, Device.OTHER),
        "PLACE": Place.STORE if payload.get("store_id") else Place.ONLINE,
        "PART_OF_DAY": part_of_day(at.hour),
        "WEEKDAY": DAYS[at.weekday()],
    }
