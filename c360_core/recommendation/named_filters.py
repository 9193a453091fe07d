"""The filters by name. Personalize gets their expressions, and the lake's recommender reads the same."""

import hashlib
from enum import StrEnum
from typing import Final

from c360_core.names import personalize_name

CATEGORIES: Final = "CATEGORIES"
PROMOTED: Final = "PROMOTED"

# An order of the last days, and one before: Personalize filters interactions by their type alone, not by their time.
ORDERED: Final = "order_placed"
ORDERED_EARLIER: Final = "order_placed_earlier"
VIEWED: Final = "product_viewed"

# What is never recommended: what is not sold any more, and what not everybody may buy.
_SUITABLE: Final = 'EXCLUDE ItemID WHERE Items.OFFERED IN ("False") OR Items.AGE_RESTRICTED IN ("True")'
_NOT_BOUGHT: Final = f'EXCLUDE ItemID WHERE Interactions.EVENT_TYPE IN ("{ORDERED}")'
_ONLY: Final = f"INCLUDE ItemID WHERE Items.CATEGORY IN (${CATEGORIES})"
_WITHOUT: Final = f"EXCLUDE ItemID WHERE Items.CATEGORY IN (${CATEGORIES})"
_PROMOTED: Final = f"INCLUDE ItemID WHERE Items.CATEGORY IN (${PROMOTED})"


class NamedFilter(StrEnum):
    """Filters that a request may name; each also leaves out what is never recommended."""

    ALL = "all"
    NOT_BOUGHT = "not_bought"
    ONLY_CATEGORIES = "only_categories"
    WITHOUT_CATEGORIES = "without_categories"

    @property
    def expression(self) -> str:
        """The expression in Personalize's language."""
        return " | ".join((*_PARTS[self], _SUITABLE))

    @property
    def promoted_expression(self) -> str:
        """The expression of the promoted articles that pass this filter, too.

        A promotion has a filter of its own, so it says again what the request's says.
        """
        return " | ".join((_PROMOTED, *_PARTS[self], _SUITABLE))

    @property
    def takes_categories(self) -> bool:
        """Whether a request with this filter names categories."""
        return self in {NamedFilter.ONLY_CATEGORIES, NamedFilter.WITHOUT_CATEGORIES}


_PARTS: Final = {
    NamedFilter.ALL: (),
    NamedFilter.NOT_BOUGHT: (_NOT_BOUGHT,),
    NamedFilter.ONLY_CATEGORIES: (_ONLY,),
    NamedFilter.WITHOUT_CATEGORIES: (_WITHOUT,),
}


def filter_names(environment: str) -> dict[str, tuple[str, str]]:
    """Return the name in Personalize and the expression of every filter: those of requests, and those of promotions.

    A filter cannot be changed, so its name has a digest of its expression.
    """
    expressions = {one.value: one.expression for one in NamedFilter}
    expressions |= {promoted_name(one): one.promoted_expression for one in NamedFilter}
    return {
        name: (personalize_name(environment, f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"), text)
        for name, text in expressions.items()
    }


def promoted_name(named: NamedFilter) -> str:
    """Return the name of the filter of promoted articles that pass a filter, too."""
    return f"promoted_{named}"
