"""Short texts that we sign: a subject, a moment, and a signature of both for one use. A link may have them."""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_SEPARATOR: Final = "."
_DIGITS: Final = 40  # 160 bits of the signature: nobody guesses one


class InvalidTokenError(ValueError):
    """A token that we did not sign for this use, or that was changed since."""


class ExpiredTokenError(ValueError):
    """A token that we signed and whose time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedToken:
    """What a token is about, and until when it counts."""

    subject: str
    expires_at: datetime


def sign(use: str, token: SignedToken, secret: bytes) -> str:
    """Return a token as a text; under the same secret, a token for one use does not pass for another."""
    parts = (token.subject, f"{int(token.expires_at.timestamp()):x}")
    return _SEPARATOR.join((*parts, _signature(use, secret, *parts)))


def read_signed(use: str, text: str, secret: bytes, *, now: datetime) -> SignedToken:
    """Read a token.

    Raises:
        InvalidTokenError: we did not sign it for this use.
        ExpiredTokenError: its time is over.
    """
    subject, _, rest = text.partition(_SEPARATOR)
    until, _, signature = rest.partition(_SEPARATOR)
    # As bytes: a comparison of texts refuses what is not ASCII.
    if not hmac.compare_digest(signature.encode(errors="replace"), _signature(use, secret, subject, until).encode()):
        raise InvalidTokenError("the token was not made here, or was changed")
    expires_at = datetime.fromtimestamp(int(until, 16), UTC)
    if now >= expires_at:
        raise ExpiredTokenError("the token is too old")
    return SignedToken(subject=subject, expires_at=expires_at)


def _signature(use: str, secret: bytes, subject: str, until: str) -> str:
    text = "|".join((use, subject, until))
    return hmac.digest(secret, text.encode(errors="replace"), "sha256").hex()[:_DIGITS]
