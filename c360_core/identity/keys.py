"""Identifier keys: what stands for an identifier wherever its clear value must not be."""

import hmac
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from c360_core.identity.normalise import normalise, normalise_phone, region_of
from c360_core.names import IdentifierType
from c360_core.secret_text import parts

HASH_DIGITS: Final = 32
# A device or a card comes again and again; to look it up is ten times quicker than to hash it.
REMEMBERED: Final = 100_000
_TYPES: Final = {kind.value: kind for kind in IdentifierType}
_STRENGTH: Final = {name: place for place, name in enumerate(_TYPES)}
MIN_SECRET_BYTES: Final = 16
# A visit belongs to a device or, failing that, to a browser's cookie.
VISITOR_TYPES: Final = (IdentifierType.DEVICE_ID, IdentifierType.COOKIE_ID)
Identifiers = Mapping[str, Sequence[str]]


def secret_bytes(secret_string: str) -> bytes:
    """Return the hashing secret out of what Secrets Manager holds: plain text, or a JSON object with `key`.

    Raises:
        ValueError: the secret is empty, short, or a JSON object without `key`.
    """
    text = str(parts(secret_string).get("key", ""))
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ValueError(
            f"identifier hash secret: needs at least {MIN_SECRET_BYTES} bytes, as text or as {{'key': ...}}"
        )
    return text.encode()


@lru_cache(maxsize=REMEMBERED)
def identifier_key(secret: bytes, identifier_type: IdentifierType, normalised: str) -> str:
    """Return `<type>:<32 hex digits>`, a keyed hash of type and value.

    Args:
        secret: the hashing secret, see `secret_bytes`.
        identifier_type: type of the identifier; equal values of two types have different keys.
        normalised: the value in match form, see `normalise`.
    """
    digest = hmac.digest(secret, f"{identifier_type}:{normalised}".encode(), "sha256").hex()
    return f"{identifier_type}:{digest[:HASH_DIGITS]}"


def usable(identifiers: Identifiers) -> tuple[tuple[IdentifierType, str], ...]:
    """Return the identifiers that say something, in match form, strongest type first, without repetition.

    Types that nobody knows and values that are placeholders or malformed are left out.
    """
    given = sorted((_STRENGTH[name], name) for name, values in identifiers.items() if values and name in _STRENGTH)
    found: dict[tuple[IdentifierType, str], None] = {}
    for _, name in given:
        identifier_type = _TYPES[name]
        for raw in identifiers[name]:
            value = _match_form(identifier_type, str(raw))
            if value is not None:
                found[identifier_type, value] = None
    return tuple(found)


def first_usable(identifiers: Identifiers) -> dict[IdentifierType, str]:
    """Return the first value of each type that says something, as it was sent: the one whose key comes first."""
    found: dict[IdentifierType, str] = {}
    for name, values in identifiers.items():
        for raw in map(str, values or ()):
            if name in _TYPES and _match_form(_TYPES[name], raw) is not None:
                found.setdefault(_TYPES[name], raw)
    return found


@lru_cache(maxsize=REMEMBERED)
def _match_form(identifier_type: IdentifierType, raw: str) -> str | None:
    return normalise(identifier_type, raw).value


def phone_to_send(raw: str, country: str | None, default_country: str) -> str | None:
    """Return a row's number as an event of the row carries it, for readers who do not know the row's country.

    It is E.164 where the row's country reads a number in it. Where nobody does, it is sent as it is and rejected as it
    is. Where only readers of a number without a country do, it is not sent: it would be somebody else's.

    Args:
        raw: the number as the row has it.
        country: code or name, as the row says it.
        default_country: of rows that say none, as ISO 3166 code.
    """
    number = normalise_phone(raw, region_of(country, default_country)).value
    if number is None and normalise_phone(raw).value is None:
        return raw
    return number


def strongest(identifiers: Identifiers) -> tuple[IdentifierType, str] | None:
    """Return the strongest usable identifier, which keys an interaction; None when there is none."""
    return next(iter(usable(identifiers)), None)


def ordering_types(preferred: IdentifierType) -> tuple[IdentifierType, ...]:
    """Return the types of identifiers in the order in which they key an event on its stream.

    The visitor comes first: visits are cut from a visitor's events in the order of their arrival, whatever else some
    of them carry. Then comes the one that the source's contract prefers, then the strongest.
    """
    return tuple(dict.fromkeys((*VISITOR_TYPES, preferred, *IdentifierType)))


def ordering_identifier(
    identifiers: Mapping[str, object], preferred: IdentifierType
) -> tuple[IdentifierType, str] | None:
    """Return the identifier that keys an event on its stream, in match form; None when none is usable.

    Args:
        identifiers: what a sender sent, which may be anything.
        preferred: the type that the source's contract names as partition key.
    """
    texts = {
        str(kind): [value for value in values if isinstance(value, str)]
        for kind, values in identifiers.items()
        if isinstance(values, list | tuple)
    }
    first: dict[IdentifierType, str] = {}
    for kind, value in usable(texts):
        first.setdefault(kind, value)
    return next(((kind, first[kind]) for kind in ordering_types(preferred) if kind in first), None)


def identifier_keys(secret: bytes, identifiers: Identifiers) -> tuple[str, ...]:
    """Return the keys of all usable identifiers, strongest first: the first one is the customer key."""
    return tuple(identifier_key(secret, kind, value) for kind, value in usable(identifiers))


def mask_email(address: str | None) -> str | None:
    """Return an address fit for a log or a screen: `j***@example.com`."""
    if not address:
        return None
    mailbox, at, domain = address.rpartition("@")
    return f"{mailbox[:1]}***@{domain}" if at else "***"


def mask_phone(number: str | None) -> str | None:
    """Return a number with only its last two digits: `***17`."""
    return f"***{number[-2:]}" if number and len(number) > 2 else ("***" if number else None)  # noqa: PLR2004
