"""How the lake's recommendations rest in the single view: a catalogue in parts, and an item for each person.

A new catalogue stands beside the one before; the item `LATEST` says which counts. Scores are texts of JSON, which bring
each number back as it was.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from c360_core.recommendation.ranking import Item, Taste
from c360_core.single_view_keys import EXPIRES_AT, PARTITION, SORT, Key, person_key

CATALOGUE: Final = "ARTICLES"
# Of a person, too: before the profile, so that who reads profile and segments does not read it.
ARTICLES: Final = "ARTICLES"
LATEST: Final = "LATEST"
VERSION: Final = "version"
PARTS: Final = "parts"
DOCUMENT: Final = "document"
_PART_ITEMS: Final = 500  # some 100 KB; DynamoDB takes 400

StoredItem = dict[str, Any]


def latest_key() -> Key:
    """Return the key of the item that says which catalogue counts."""
    return {PARTITION: CATALOGUE, SORT: LATEST}


def part_keys(version: int, parts: int) -> list[Key]:
    """Return the keys of the parts of a catalogue."""
    return [{PARTITION: CATALOGUE, SORT: f"PART#{version:013d}#{part:03d}"} for part in range(parts)]


def taste_key(person_id: str) -> Key:
    """Return the key of a person's scores."""
    return person_key(person_id, ARTICLES)


def catalogue_items(catalogue: Mapping[str, Item], *, version: int, expires_at: int) -> list[StoredItem]:
    """Return the parts of a catalogue, and behind them the item that makes them count."""
    ordered = [catalogue[name] for name in sorted(catalogue)]
    chunks = [ordered[first : first + _PART_ITEMS] for first in range(0, len(ordered), _PART_ITEMS)]
    parts = [
        {**key, EXPIRES_AT: expires_at, VERSION: version, DOCUMENT: _text([_item_document(one) for one in chunk])}
        for key, chunk in zip(part_keys(version, len(chunks)), chunks, strict=True)
    ]
    return [*parts, {**latest_key(), VERSION: version, PARTS: len(chunks)}]


def read_catalogue(parts: Iterable[Mapping[str, Any]]) -> dict[str, Item]:
    """Return the catalogue of these parts."""
    found = (_item(document) for part in parts for document in json.loads(part[DOCUMENT]))
    return {item.item_id: item for item in found}


def taste_items(tastes: Mapping[str, Taste], *, version: int, expires_at: int) -> Iterator[StoredItem]:
    """Yield the item of each person."""
    for person_id, taste in tastes.items():
        events = {kind: sorted(items) for kind, items in taste.events.items()}
        document = _text({"scores": dict(taste.scores), "events": events})
        yield {**taste_key(person_id), EXPIRES_AT: expires_at, VERSION: version, DOCUMENT: document}


def read_taste(item: Mapping[str, Any]) -> Taste:
    """Return what an item says of a person."""
    document = json.loads(item[DOCUMENT])
    events = {kind: frozenset(items) for kind, items in document["events"].items()}
    return Taste(scores=document["scores"], events=events)


def _item_document(item: Item) -> Sequence[Any]:
    return [item.item_id, dict(item.attributes), item.popularity, dict(item.lifts)]


def _item(document: Sequence[Any]) -> Item:
    item_id, attributes, popularity, lifts = document
    return Item(item_id=item_id, attributes=attributes, popularity=popularity, lifts=lifts)


def _text(document: Any) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
