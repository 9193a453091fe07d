"""By what bought data finds people: keys in the match forms of identity resolution.

Identity records and reference tables get their keys from here, so that they can be joined by plain equality.
"""

from collections.abc import Mapping
from typing import Final

from c360_core.identity import normalise as forms
from c360_core.identity.normalise import DEFAULT_REGION
from c360_core.names import JoinedBy

SEPARATOR: Final = "|"  # which no match form has


def join_key(by: JoinedBy, values: Mapping[str, object], *, region: str = DEFAULT_REGION) -> str | None:
    """Return the key of a row, or None if a part of it is missing, a placeholder or invalid.

    Args:
        by: what the key is of.
        values: `email` for a person, `street` and `postal_code` for a household, `postal_code` for itself.
        region: the country of the address, as ISO 3166 code.
    """
    if by is JoinedBy.PERSON:
        return forms.normalise_email(values.get("email")).value
    postal_code = forms.normalise_postal_code(values.get("postal_code"), region).value
    if by is JoinedBy.POSTAL_CODE:
        return postal_code
    street = forms.normalise_street(values.get("street")).value
    return f"{street}{SEPARATOR}{postal_code}" if street and postal_code else None
