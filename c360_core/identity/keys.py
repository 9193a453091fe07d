"""Identifier keys: keyed hashes that replace identifiers wherever clear values are not allowed."""

import hmac
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from c360_core.identity.normalise import normalise, normalise_phone, region_of
from c360_core.names import ANONYMOUS_HASH_LENGTH, ANONYMOUS_PREFIX, IdentifierType
from c360_core.secret_text import parts

HASH_DIGITS: Final = 32
# The same devices and cards return all the time; a lookup is ten times faster than hashing.
CACHED_VALUES: Final = 100_000
_TYPES: Final = {kind.value: kind for kind in IdentifierType}
_RANK: Final = {name: place for place, name in enumerate(_TYPES)}
MIN_SECRET_BYTES: Final = 16
# A session belongs to a device or, without one, to a browser cookie.
VISITOR_TYPES: Final = (IdentifierType.DEVICE_ID, IdentifierType.COOKIE_ID)
Identifiers = Mapping[str, Sequence[str]]


def secret_bytes(secret_string: str) -> bytes:
    """Return the hashing secret from a Secrets Manager value: plain text, or a JSON object with `key`.

    Raises:
        ValueError: the secret is empty, short, or a JSON object without `key`.
    """
    text = str(parts(secret_string).get("key", ""))
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ValueError(
            f"identifier hash secret: needs at least {MIN_SECRET_BYTES} bytes, as text or as {{'key': ...}}"
        )
    return text.encode()


@lru_cache(maxsize=CACHED_VALUES)
def identifier_key(secret: bytes, identifier_type: IdentifierType, normalised: str) -> str:
    """Return `<type>:<32 hex digits>`, a keyed hash of type and value.

    Args:
        secret: the hashing secret, see `secret_bytes`.
        identifier_type: type of the identifier; equal values of two types have different keys.
        normalised: the value in match form, see `normalise`.
    """
    digest = hmac.digest(secret, f"{identifier_type}:{normalised}".encode(), "sha256").hex()
    return f"{identifier_type}:{digest[:HASH_DIGITS]}"


def anonymous_person_id(customer_key: str) -> str:
    """Return the id of the person who is behind a key that identity resolution does not know."""
    _, _, digest = customer_key.partition(":")
    return f"{ANONYMOUS_PREFIX}{digest[:ANONYMOUS_HASH_LENGTH]}"


def usable(identifiers: Identifiers) -> tuple[tuple[IdentifierType, str], ...]:
    """Return the usable identifiers in match form, strongest type first, without duplicates.

    Unknown types, placeholders and malformed values are left out.
    """
    given = sorted((_RANK[name], name) for name, values in identifiers.items() if values and name in _RANK)
    found: dict[tuple[IdentifierType, str], None] = {}
    for _, name in given:
        identifier_type = _TYPES[name]
        for raw in identifiers[name]:
            value = _match_form(identifier_type, str(raw))
            if value is not None:
                found[identifier_type, value] = None
    return tuple(found)


def first_usable(identifiers: Identifiers) -> dict[IdentifierType, str]:
    """Return the first usable value of each type, as it was sent: the value whose key comes first."""
    return {kind: values[0] for kind, values in usable_as_sent(identifiers).items()}


def usable_as_sent(identifiers: Identifiers) -> dict[IdentifierType, list[str]]:
    """Return the usable values of each type that has some, as they were sent and in their order."""
    found: dict[IdentifierType, list[str]] = {}
    for name, values in identifiers.items():
        for raw in map(str, values or ()):
            if name in _TYPES and _match_form(_TYPES[name], raw) is not None:
                found.setdefault(_TYPES[name], []).append(raw)
    return found


@lru_cache(maxsize=CACHED_VALUES)
def _match_form(identifier_type: IdentifierType, raw: str) -> str | None:
    return normalise(identifier_type, raw).value


def phone_to_send(raw: str, country: str | None, default_country: str) -> str | None:
    """Return a row's phone number for an event, whose readers do not know the row's country.

    If it is a number in the row's country, return it in E.164. If it is no number even for readers without a country,
    return it unchanged, so that it is rejected. If only those readers see a number in it, return None: it would be
    somebody else's number.

    Args:
        raw: the number in the row.
        country: the country in the row, code or name.
        default_country: country of rows without one, as ISO 3166 code.
    """
    number = normalise_phone(raw, region_of(country, default_country)).value
    if number is None and normalise_phone(raw).value is None:
        return raw
    return number


def ordering_types(preferred: IdentifierType) -> tuple[IdentifierType, ...]:
    """Return the identifier types in the order in which they become the partition key of an event.

    The visitor comes first, because sessions are built from a visitor's events in the order of arrival, whatever other
    identifiers they carry. Then follow the type that the source's contract prefers, and the strongest.
    """
    return tuple(dict.fromkeys((*VISITOR_TYPES, preferred, *IdentifierType)))


def ordering_identifier(
    identifiers: Mapping[str, object], preferred: IdentifierType
) -> tuple[IdentifierType, str] | None:
    """Return the identifier to partition an event by, in match form; None if none is usable.

    Args:
        identifiers: identifiers as sent, of any type and shape.
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


def mask_email(address: str | None) -> str | None:
    """Return an e-mail address that may be logged or shown: `j***@example.com`."""
    if not address:
        return None
    mailbox, at, domain = address.rpartition("@")
    return f"{mailbox[:1]}***@{domain}" if at else "***"
