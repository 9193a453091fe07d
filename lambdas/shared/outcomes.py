"""What becomes of messages, whoever tells: a report, and the event that it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from c360_aws.engagement import engagement_record
from c360_aws.event_stream import EventStream, StreamUnavailableError
from c360_core.delivery import EVENT_TYPES, Outcome, SentMessage
from c360_core.moments import in_milliseconds
from c360_core.profile import Profile

# Not in what the outcome is about: each of these events says it by its name.
_LEFT_OUT: Final = frozenset({"template"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report about one message.

    Attributes:
        message_id: ours, as the sender gave it.
        subject: what makes the report unique: one that comes again is the same event.
        payload: what the event says beside the message, its decision and its channel.
        permanent: whether the mailbox will never take a message.
    """

    message_id: str
    subject: str
    outcome: Outcome
    at: datetime
    payload: Mapping[str, str]
    permanent: bool = False


class OutcomeStore(Protocol):
    """Where it is stored what became of a message."""

    def put_outcome(self, sent: SentMessage, outcome: Outcome, *, at: datetime) -> bool:
        """Store what became of a message, unless more is known already."""


def publish_outcome(report: Report, sent: SentMessage, recipient: Profile, stream: EventStream) -> None:
    """Publish what a report says about a message, as an event of the person who got it.

    Raises:
        StreamUnavailableError: the events stream refused the event; publish it again.
    """
    record = engagement_record(
        EVENT_TYPES[report.outcome],
        profile=recipient,
        subject=report.subject,
        occurred_at=in_milliseconds(report.at),
        payload={**{name: fact for name, fact in sent.facts.items() if name not in _LEFT_OUT}, **report.payload},
    )
    if record is not None and stream.publish([record]):
        raise StreamUnavailableError(f"message {sent.message_id}: the events stream refused the report")
