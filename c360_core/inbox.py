"""Messages that wait in the app until their person comes, and the token that opens the inbox of one person."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from c360_core.delivery import Outcome
from c360_core.moments import moment, moment_text
from c360_core.signed_token import SignedToken, read_signed, sign

_USE: Final = "inbox"


class Receipt(StrEnum):
    """What a person did with a message."""

    SHOWN = "shown"
    CLICKED = "clicked"
    DISMISSED = "dismissed"


OUTCOMES: Final[Mapping[Receipt, Outcome]] = MappingProxyType(
    {
        Receipt.SHOWN: Outcome.OPENED,
        Receipt.CLICKED: Outcome.CLICKED,
        Receipt.DISMISSED: Outcome.DISMISSED,
    }
)
# After these a message waits no longer.
DONE: Final = frozenset({Receipt.CLICKED, Receipt.DISMISSED})


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxText:
    """The words of a message, plain text all of it, and where its link leads."""

    title: str
    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxMessage:
    """A message that waits for its person."""

    message_id: str
    template: str
    words: InboxText
    put_at: datetime
    expires_at: datetime

    def document(self) -> dict[str, str]:
        """Return what the person's browser gets."""
        return {
            "message_id": self.message_id,
            "title": self.words.title,
            "text": self.words.text,
            "url": self.words.url,
            "put_at": moment_text(self.put_at),
            "expires_at": moment_text(self.expires_at),
        }


def inbox_to_item(message: InboxMessage) -> dict[str, object]:
    """Return a message as the single view stores it, without keys and expiry."""
    return {
        "message_id": message.message_id,
        "template": message.template,
        "title": message.words.title,
        "text": message.words.text,
        "url": message.words.url,
        "put_at": moment_text(message.put_at),
        "forgotten_at": moment_text(message.expires_at),
    }


def inbox_from_item(item: Mapping[str, object]) -> InboxMessage:
    """Read a message from the single view."""
    return InboxMessage(
        message_id=str(item["message_id"]),
        template=str(item["template"]),
        words=InboxText(title=str(item["title"]), text=str(item["text"]), url=str(item["url"])),
        put_at=moment(str(item["put_at"])),
        expires_at=moment(str(item["forgotten_at"])),
    )


def waiting(messages: Iterable[InboxMessage], *, now: datetime, most: int) -> tuple[InboxMessage, ...]:
    """Return the messages that still wait, the newest first, and of those no more than so many."""
    alive = [message for message in messages if message.expires_at > now]
    return tuple(sorted(alive, key=lambda message: (message.put_at, message.message_id), reverse=True)[:most])


def sign_inbox_token(person_id: str, secret: bytes, *, expires_at: datetime) -> str:
    """Return the text by which a browser reads the messages of one person, for a while."""
    return sign(_USE, SignedToken(subject=person_id, expires_at=expires_at), secret)


def inbox_owner(text: str, secret: bytes, *, now: datetime) -> str:
    """Return the id of the person whose messages a token opens.

    Raises:
        InvalidTokenError: we did not sign it for an inbox.
        ExpiredTokenError: its time is over.
    """
    return read_signed(_USE, text, secret, now=now).subject
