"""What becomes of a message after its channel took it, and the record by which a report about it finds the person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from c360_core.consent import Channel, Purpose
from c360_core.moments import moment, moment_text


class Outcome(StrEnum):
    """What became of a message, as the single view shows it.

    `IN_DOUBT` is a message whose channel may have it: its answer was lost. `BOUNCED` stands for every message that no
    mailbox took in the end, whether trying another day makes sense or not. `DISMISSED` is one that the person closed.
    """

    IN_DOUBT = "in_doubt"
    SENT = "sent"
    DELIVERED = "delivered"
    OPENED = "opened"
    DISMISSED = "dismissed"
    CLICKED = "clicked"
    REJECTED = "rejected"
    BOUNCED = "bounced"
    COMPLAINED = "complained"


# Reports come in any order and repeatedly: only a later outcome replaces an earlier one, and the last three are final.
STANDING: Final[Mapping[Outcome, int]] = MappingProxyType({outcome: place for place, outcome in enumerate(Outcome)})
# Whoever gets one of these reports about a person knows what the person did with the message.
EVENT_TYPES: Final[Mapping[Outcome, str]] = MappingProxyType(
    {outcome: f"message_{outcome}" for outcome in Outcome if STANDING[outcome] > STANDING[Outcome.SENT]}
)


class BounceType(StrEnum):
    """Whether another message to the same address makes sense."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """A message that was handed to its channel. It has no clear address.

    Attributes:
        address_keys: the keyed hashes of the addresses that it went to.
        sent_at: when it was handed over; with the person it names the stored message.
        expires_at: when the single view forgets it, like the message itself.
    """

    message_id: str
    decision_id: str
    person_id: str
    channel: Channel
    purpose: Purpose
    template: str
    address_keys: tuple[str, ...]
    sent_at: datetime
    expires_at: datetime

    @property
    def facts(self) -> dict[str, str]:
        """What the stored message and the events about it say."""
        return {
            "message_id": self.message_id,
            "decision_id": self.decision_id,
            "channel": str(self.channel),
            "template": self.template,
        }


def sent_to_item(sent: SentMessage) -> dict[str, object]:
    """Return a sent message as the single view stores it for reports, without keys and expiry."""
    return {
        **sent.facts,
        "person_id": sent.person_id,
        "purpose": str(sent.purpose),
        "address_keys": list(sent.address_keys),
        "sent_at": moment_text(sent.sent_at),
        "forgotten_at": moment_text(sent.expires_at),
    }


def sent_from_item(item: Mapping[str, object]) -> SentMessage:
    """Read a sent message from the single view."""
    keys = item["address_keys"]
    return SentMessage(
        message_id=str(item["message_id"]),
        decision_id=str(item["decision_id"]),
        person_id=str(item["person_id"]),
        channel=Channel(str(item["channel"])),
        purpose=Purpose(str(item["purpose"])),
        template=str(item["template"]),
        address_keys=tuple(map(str, keys)) if isinstance(keys, list | tuple) else (),
        sent_at=moment(str(item["sent_at"])),
        expires_at=moment(str(item["forgotten_at"])),
    )
