"""Whom a change of a profile removes."""

import json
from typing import Final

from c360_core.change_fields import InvalidChangeError
from c360_core.profile import Removal
from c360_core.profile_change import profile_from_change

KIND: Final = "profile"
OPERATION: Final = "delete"


def removed_person(data: bytes) -> str | None:
    """Return the person whom a record of the stream removes, or None: it may say something else.

    Raises:
        InvalidChangeError: the record breaks the contract.
    """
    try:
        change = json.loads(data)
    except ValueError as error:
        raise InvalidChangeError("the record is no JSON") from error
    if not isinstance(change, dict) or change.get("kind") != KIND or change.get("op") != OPERATION:
        return None
    found = profile_from_change(change, position="0")
    return found.person_id if isinstance(found, Removal) else None
