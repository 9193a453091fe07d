"""Shows what a rejected record looks like without what it says: its structure and the shape of its values.

A record that broke its contract may have anything anywhere, so nothing is shown because of where it stands. A name or a
value stays only if the contracts themselves write it down.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from c360_core.contracts import Contracts, Field
from c360_core.names import IdentifierType

LONGEST_SHAPE: Final = 80
CUT: Final = "..."
# What an event says of itself: the names of an event type and of a source are no secret.
CLAIMS: Final = frozenset({"event_type", "source"})


def masked(body: str, contracts: Contracts) -> str:
    """Return the record with the shape of each value: `A` and `a` for letters, `9` for digits.

    Names of fields stay if a contract has them. A record that is no JSON is shown as one shape.
    """
    try:
        document = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return shape(body)
    names = {*IdentifierType, *_names(_all_fields(contracts))}
    return json.dumps(_masked(document, None, names, {*contracts.events, *contracts.sources}), ensure_ascii=False)


def shape(text: str) -> str:
    """Return the shape of a text, cut where it is long."""
    drawn = "".join(_drawn(character) for character in text[:LONGEST_SHAPE])
    return drawn + (CUT if len(text) > LONGEST_SHAPE else "")


def _masked(value: Any, name: str | None, names: set[str], claims: set[str]) -> Any:
    match value:
        case dict():
            # Two names of one shape must not become one field.
            keys = [key if key in names else f"{shape(key)} ({number})" for number, key in enumerate(value, start=1)]
            held = [_masked(each, key, names, claims) for key, each in value.items()]
            return dict(zip(keys, held, strict=True))
        case list():
            return [_masked(each, name, names, claims) for each in value]
        case None | bool():
            return value
        case str() if name in CLAIMS and value in claims:
            return value
        case _:
            return shape(str(value))


def _drawn(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character if character.isascii() else "?"


def _all_fields(contracts: Contracts) -> Iterator[Field]:
    yield from contracts.envelope
    for event in contracts.events.values():
        yield from event.fields
    for table in contracts.lake_tables():
        yield from table.fields


def _names(fields: Iterable[Field]) -> Iterator[str]:
    for field in fields:
        yield field.name
        yield from _names(field.fields)
        if field.items is not None:
            yield from _names(field.items.fields)
