"""A report about a message, in our words, whichever service sent it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from c360_core.delivery import Outcome

MOST_TEXT: Final = 64  # the contract's
MOST_URL: Final = 2048  # the contract's


class UnreadableReportError(ValueError):
    """A report that is not as AWS documents it; the message names the fields, never their values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One report about one message.

    Attributes:
        message_id: ours, from the tags that the sender gave.
        provider_id: the id that SES gave the message.
        payload: what the event says beside the message, its decision and its channel.
        permanent: whether the mailbox will never take a message.
    """

    message_id: str
    provider_id: str
    outcome: Outcome
    at: datetime
    payload: Mapping[str, str]
    permanent: bool = False


def faults_of(error: ValidationError) -> str:
    """Return the names of the fields that are wrong."""
    return ", ".join(".".join(map(str, fault["loc"])) for fault in error.errors())
