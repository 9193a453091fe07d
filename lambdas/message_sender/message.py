"""A message to one person, and what a channel answers to it."""

from dataclasses import dataclass
from enum import StrEnum

from c360_core.consent import Channel, Purpose
from c360_core.decision import Template, message_id
from c360_core.handlebars import parse, render
from c360_core.message_values import profile_values
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
    """One message to one person, as a decision asks for it.

    Attributes:
        journey: the journey in which it goes out, and `trigger` what began that: who stops one of them stops it, too.
    """

    decision_id: str
    person_id: str
    channel: Channel
    purpose: Purpose
    template: Template
    trace_id: str | None = None
    journey: str | None = None
    trigger: str | None = None

    @property
    def message_id(self) -> str:
        """The id under which the message is sent at most once."""
        return message_id(self.decision_id, self.channel, self.template)


def filled(text: str, profile: Profile) -> str:
    """Return a text with what is known of a person in the place of its variables."""
    return render(parse(text), profile_values(profile))
