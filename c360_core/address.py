"""Addresses: where a channel reaches a person, and the key under which an address has consents of its own.

Several people may share a mailbox. A person who unsubscribes with it speaks for the mailbox as well: nobody who owns it
gets messages there until somebody agrees for it again.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from c360_core.consent import ADDRESS_TYPES, Channel
from c360_core.identity.keys import identifier_key, usable
from c360_core.names import IdentifierType
from c360_core.profile import Profile

# The part and the field of a profile that hold the clear value of an identifier. Push tokens are those of its devices.
_PROFILE_FIELDS: Final[Mapping[IdentifierType, tuple[str, str]]] = MappingProxyType(
    {
        IdentifierType.LOYALTY_ID: ("links", "loyalty_id"),
        IdentifierType.CRM_ID: ("links", "crm_id"),
        IdentifierType.CASE_SYSTEM_ID: ("links", "case_customer_id"),
        IdentifierType.EMAIL: ("attributes", "email"),
        IdentifierType.PHONE: ("attributes", "phone"),
    }
)


def profile_identifiers(profile: Profile) -> dict[str, list[str]]:
    """Return the identifiers by which an event finds this person again; empty for someone who is still anonymous."""
    found = {str(kind): [value] for kind in _PROFILE_FIELDS if (value := _value(profile, kind))}
    return found if usable(found) else {}


def address_of(profile: Profile, channel: Channel) -> str | None:
    """Return the clear address at which a channel reaches a person, or None when the profile has none."""
    return next((value for kind in ADDRESS_TYPES[channel] for value in _values(profile, kind)), None)


def is_fetched(channel: Channel) -> bool:
    """Tell whether people come for the messages of a channel, instead of getting them at an address."""
    return not ADDRESS_TYPES[channel]


def address_keys(profile: Profile, channel: Channel, secret: bytes) -> tuple[str, ...]:
    """Return the identifier keys of the addresses at which a channel reaches a person.

    Args:
        profile: the person.
        channel: the channel; `any` stands for all channels.
        secret: the hashing secret, see `identity.keys.secret_bytes`.
    """
    known = {str(kind): values for kind in ADDRESS_TYPES[channel] if (values := _values(profile, kind))}
    return tuple(identifier_key(secret, kind, value) for kind, value in usable(known))


def _values(profile: Profile, kind: IdentifierType) -> list[str]:
    if kind is IdentifierType.PUSH_TOKEN:
        return [device.token for device in profile.devices]
    value = _value(profile, kind)
    return [value] if value else []


def _value(profile: Profile, kind: IdentifierType) -> str | None:
    field = _PROFILE_FIELDS.get(kind)
    return (profile.text(*field) or None) if field else None
