"""Texts that people may change and take back: reviews, and posts that mention the brand.

The newest event about a text says what it is now. What earlier events said of it is nobody's to read, and after a
deletion nothing is.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

from c360_core import contracts
from c360_core.exact_json import decode, encode
from c360_core.names import PiiClass

# The events about each kind of text, by the payload field that names the text; the last one ends it.
EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "review_id": ("review_posted", "review_edited", "review_deleted"),
    "mention_id": ("brand_mentioned", "mention_deleted"),
}
ENDS: Final = frozenset(events[-1] for events in EVENTS.values())
EVENT_TYPES: Final = tuple(event for events in EVENTS.values() for event in events)
# The payload field in which an event has the words of a customer.
TEXT: Final = "text"


def without_text(event_type: str, payload: str) -> str:
    """Return a payload with those fields alone that the contract calls impersonal: ids and ratings, but no text.

    Args:
        event_type: one of `EVENT_TYPES`.
        payload: JSON text; nothing is left of one that cannot be read.
    """
    try:
        document = decode(payload)
    except ValueError:
        document = {}
    fields = document if isinstance(document, dict) else {}
    return encode({name: value for name, value in fields.items() if name in _impersonal(event_type)})


@cache
def written_events() -> tuple[str, ...]:
    """Return the event types that bring the words of a customer: those whose payload has a text."""
    events = contracts.load().events.values()
    return tuple(sorted(event.name for event in events if any(field.name == TEXT for field in event.fields)))


@cache
def _impersonal(event_type: str) -> frozenset[str]:
    fields = contracts.load().event(event_type).fields
    return frozenset(field.name for field in fields if field.classification is PiiClass.NONE)
