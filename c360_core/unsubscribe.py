"""The link by which a person ends the consent behind a message with one click (RFC 8058).

Its token has the id of the message, a moment, and a signature of both. Whoever reads it learns nothing about a person:
who got the message and for what stays in the single view.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from c360_core.signed_token import ExpiredTokenError, InvalidTokenError, SignedToken, read_signed, sign

_USE: Final = "unsubscribe"
__all__ = ["ExpiredTokenError", "InvalidTokenError", "UnsubscribeToken", "read_token", "sign_token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeToken:
    """Which message the link is in, and until when the link works."""

    message_id: str
    expires_at: datetime


def sign_token(token: UnsubscribeToken, secret: bytes) -> str:
    """Return a token as it stands in a link; it needs no escaping there."""
    return sign(_USE, SignedToken(subject=token.message_id, expires_at=token.expires_at), secret)


def read_token(text: str, secret: bytes, *, now: datetime) -> UnsubscribeToken:
    """Read the token of a link.

    Raises:
        InvalidTokenError: we did not sign it.
        ExpiredTokenError: its time is over.
    """
    read = read_signed(_USE, text, secret, now=now)
    return UnsubscribeToken(message_id=read.subject, expires_at=read.expires_at)
