"""Consent: dated answers per purpose and channel, and the one rule that reads them.

An answer is a person's and, where it came with the address of its channel, that address's as well: a mailbox may have
several owners. The newest answer counts, wherever and in whatever order it arrived. Silence is not consent, and of two
answers given at the same moment the withdrawal counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from c360_core.names import IdentifierType
from c360_core.timeline import InvalidChangeError, required_moment, required_text

E = TypeVar("E", bound=StrEnum)


class Purpose(StrEnum):
    """What the data may be used for."""

    MARKETING = "marketing"
    ANALYTICS = "analytics"
    PERSONALISATION = "personalisation"


class Channel(StrEnum):
    """Where the answer holds; `any` speaks for all channels of its purpose."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    ANY = "any"


# Which identifiers are addresses of a channel.
ADDRESS_TYPES: Final[Mapping[Channel, Sequence[IdentifierType]]] = MappingProxyType(
    {
        Channel.EMAIL: (IdentifierType.EMAIL,),
        Channel.SMS: (IdentifierType.PHONE,),
        Channel.PUSH: (IdentifierType.PUSH_TOKEN,),
        Channel.ANY: (IdentifierType.EMAIL, IdentifierType.PHONE, IdentifierType.PUSH_TOKEN),
    }
)


class Standing(StrEnum):
    """Where a person, or an address, stands on one purpose in one channel."""

    GRANTED = "granted"
    WITHDRAWN = "withdrawn"
    NEVER_ASKED = "never_asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One answer of one person, or about one address: yes or no, to a purpose in a channel, at a moment."""

    purpose: Purpose
    channel: Channel
    granted: bool
    decided_at: datetime


def supersedes(new: Consent, old: Consent) -> bool:
    """Tell whether `new` replaces `old`: it is younger or, at the same moment, withdraws what `old` grants."""
    return _rank(new) > _rank(old)


def standing(consents: Iterable[Consent], purpose: Purpose, channel: Channel) -> Standing:
    """Return where a person or an address stands, from all its answers in any order.

    An answer for `any` channel speaks for this channel too, so a later withdrawal from everything ends an earlier
    yes to e-mail, and a later yes to e-mail is a yes again.
    """
    spoken = [c for c in consents if c.purpose is purpose and c.channel in (channel, Channel.ANY)]
    if not spoken:
        return Standing.NEVER_ASKED
    return Standing.GRANTED if max(spoken, key=_rank).granted else Standing.WITHDRAWN


def consent_from_change(change: Mapping[str, object]) -> Consent:
    """Read a change of kind `consent` or `address_consent`; raise InvalidChangeError when it breaks the contract."""
    granted = change.get("granted")
    if not isinstance(granted, bool):
        raise InvalidChangeError(f"field granted: expected true or false, got {type(granted).__name__}")
    return Consent(
        purpose=_one_of(Purpose, change, "purpose"),
        channel=_one_of(Channel, change, "channel"),
        granted=granted,
        decided_at=required_moment(change, "decided_at"),
    )


def _rank(consent: Consent) -> tuple[datetime, bool]:
    return consent.decided_at, not consent.granted


def _one_of(kind: type[E], change: Mapping[str, object], field: str) -> E:
    text = required_text(change, field)
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidChangeError(f"field {field}: expected one of {', '.join(kind)}") from error
