"""The values that the sender gives to a message, by the names that templates use."""

import html
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from c360_core.handlebars import each_text
from c360_core.profile import Profile

# None: the profile has no such value. Nobody is told of 0 points.
PROFILE_VALUES: Final[Mapping[str, Callable[[Profile], str | None]]] = MappingProxyType(
    {
        "first_name": lambda profile: _line(profile.text("attributes", "first_name")),
        "loyalty_tier": lambda profile: _line(profile.text("aggregates", "loyalty_tier")),
        "loyalty_points": lambda profile: str(profile.number("loyalty_points") or "") or None,
    }
)
SHOP: Final = "shop_url"
UNSUBSCRIBE: Final = "unsubscribe_url"
# What every e-mail has, and no text message.
LINKS: Final = (SHOP, UNSUBSCRIBE)
# Under this name the HTML of a mail finds the same values, escaped.
ESCAPED: Final = "html"


def known_values(profile: Profile) -> dict[str, str]:
    """Return the values that a profile has."""
    return {name: value for name, read in PROFILE_VALUES.items() if (value := read(profile)) is not None}


def profile_values(profile: Profile) -> dict[str, str]:
    """Return all values about a person; the empty text is one that the profile lacks, and false as a condition."""
    return {**dict.fromkeys(PROFILE_VALUES, ""), **known_values(profile)}


def mail_data(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what SES gets: the values for subject and text, and once more escaped for the HTML.

    SES escapes nothing, and a customer chooses their own name.
    """
    return {**values, ESCAPED: each_text(dict(values), html.escape)}


def _line(text: str | None) -> str | None:
    """Return a text in one line, for it may stand in a subject."""
    return " ".join(text.split()) or None if text else None
