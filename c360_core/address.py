"""Addresses: where a channel reaches a person, and the key under which an address has consents of its own.

Several people may share a mailbox. One who unsubscribes by it speaks for the mailbox, too: whoever else owns it is not
written to there either, until somebody says yes for it again.
"""

from collections.abc import Mapping
from typing import Final

from c360_core.consent import ADDRESS_TYPES, Channel
from c360_core.identity.keys import identifier_key, usable
from c360_core.names import IdentifierType
from c360_core.profile import Profile

# Where a profile keeps the address of a channel. A push token is kept nowhere yet.
_PROFILE_FIELDS: Final[Mapping[IdentifierType, str]] = {
    IdentifierType.EMAIL: "email",
    IdentifierType.PHONE: "phone",
}


def address_keys(profile: Profile, channel: Channel, secret: bytes) -> tuple[str, ...]:
    """Return the identifier keys of the addresses at which a channel reaches a person.

    Args:
        profile: the person.
        channel: how they are reached; `any` stands for all channels.
        secret: the hashing secret, see `identity.keys.secret_bytes`.
    """
    fields = {kind: _PROFILE_FIELDS[kind] for kind in ADDRESS_TYPES[channel] if kind in _PROFILE_FIELDS}
    known = {str(kind): profile.text("attributes", name) for kind, name in fields.items()}
    found = usable({kind: [value] for kind, value in known.items() if value})
    return tuple(identifier_key(secret, kind, value) for kind, value in found)
