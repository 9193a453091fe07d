"""The link by which a person ends the consent behind a message with one click (RFC 8058).

Its token has the id of the message, a moment, and a signature of both. Whoever reads it learns nothing about a person:
who got the message and for what stays in the single view.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_SEPARATOR: Final = "."
_SIGNED: Final = "unsubscribe"
_DIGITS: Final = 40  # 160 bits of the signature: nobody guesses one


class InvalidTokenError(ValueError):
    """A token that we did not sign, or that was changed since."""


class ExpiredTokenError(ValueError):
    """A token that we signed and whose time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeToken:
    """Which message the link is in, and until when the link works."""

    message_id: str
    expires_at: datetime


def sign_token(token: UnsubscribeToken, secret: bytes) -> str:
    """Return a token as it stands in a link; it needs no escaping there."""
    parts = (token.message_id, f"{int(token.expires_at.timestamp()):x}")
    return _SEPARATOR.join((*parts, _signature(secret, *parts)))


def read_token(text: str, secret: bytes, *, now: datetime) -> UnsubscribeToken:
    """Read the token of a link.

    Raises:
        InvalidTokenError: we did not sign it.
        ExpiredTokenError: its time is over.
    """
    message_id, _, rest = text.partition(_SEPARATOR)
    until, _, signature = rest.partition(_SEPARATOR)
    # As bytes: a comparison of texts refuses what is not ASCII.
    if not hmac.compare_digest(signature.encode(errors="replace"), _signature(secret, message_id, until).encode()):
        raise InvalidTokenError("the link was not made here, or was changed")
    expires_at = datetime.fromtimestamp(int(until, 16), UTC)
    if now >= expires_at:
        raise ExpiredTokenError("the link is too old")
    return UnsubscribeToken(message_id=message_id, expires_at=expires_at)


def _signature(secret: bytes, message_id: str, until: str) -> str:
    text = "|".join((_SIGNED, message_id, until))
    return hmac.digest(secret, text.encode(errors="replace"), "sha256").hex()[:_DIGITS]
