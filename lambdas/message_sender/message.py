"""A message to one person, and what a channel answers to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from c360_core.consent import Channel, Purpose
from c360_core.decision import Template, message_id
from c360_core.profile import Profile


class SendResult(StrEnum):
    """What the channel's service answered. In doubt: it may have taken the message, so it must not get it again.

    Opted out: the recipient has told the service to stop, as by answering STOP.
    """

    ACCEPTED = "accepted"
    OPTED_OUT = "opted_out"
    REJECTED = "rejected"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one person, as a decision asks for it."""

    decision_id: str
    person_id: str
    channel: Channel
    purpose: Purpose
    template: Template
    trace_id: str | None = None

    @property
    def message_id(self) -> str:
        """The id under which the message is sent at most once."""
        return message_id(self.decision_id, self.channel, self.template)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with the values in the place of their names."""
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text


def template_values(profile: Profile) -> dict[str, str]:
    """Return the values that templates may use. Every name always has a value: SES drops a mail that misses one."""
    return {
        "first_name": profile.text("attributes", "first_name") or "",
        "loyalty_tier": profile.text("aggregates", "loyalty_tier") or "",
        "loyalty_points": str(profile.number("loyalty_points") or 0),
    }
