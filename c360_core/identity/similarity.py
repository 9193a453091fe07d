"""Whether two written values may mean the same; used to refuse merges, never to propose them."""

from functools import lru_cache
from typing import Final

from c360_core.identity.vocabulary import AMBIGUOUS_NICKNAMES, NICKNAMES

SHORTEST_TYPO: Final = 4


def within_one_edit(one: str, other: str) -> bool:
    """Return True if one insertion, deletion, replacement or swap of neighbours, or none, makes the texts equal."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    rest, other_rest = one[start:], other[start:]
    if len(one) < len(other):
        return rest == other_rest[1:]
    swapped = other_rest[1:2] + other_rest[:1]
    return rest[1:] == other_rest[1:] or (rest[:2] == swapped and rest[2:] == other_rest[2:])


@lru_cache(maxsize=200_000)
def same_first_name(one: str, other: str) -> bool:
    """Return True if two given names as written may be one person's: equal, an initial, a short form, or a typo."""
    # Compare as written first: a mistyped name is no longer a nickname.
    formal = NICKNAMES.get(one, one), NICKNAMES.get(other, other)
    return _are_similar(one, other) or _are_similar(*formal)


def _are_similar(one: str, other: str) -> bool:
    if one == other:
        return True
    if len(one) > len(other):
        one, other = other, one
    if other.startswith(one) and len(one) != 2:  # noqa: PLR2004  # `Jo` is a name, `J` and `Joh` are short forms
        return True
    if other in AMBIGUOUS_NICKNAMES.get(one, ()) or one in AMBIGUOUS_NICKNAMES.get(other, ()):
        return True
    return len(one) >= SHORTEST_TYPO and within_one_edit(one, other)


@lru_cache(maxsize=200_000)
def same_last_name(one: str, other: str) -> bool:
    """Return True if two family names in match form may be one person's: equal, part of a double name, or a typo."""
    if one == other:
        return True
    if len(one) > len(other):
        one, other = other, one
    if len(one) < SHORTEST_TYPO:
        return False
    return other.startswith(one) or other.endswith(one) or within_one_edit(one, other)


def same_birth_date(one: str, other: str) -> bool:
    """Return True if two ISO dates may be the same: equal, day and month exchanged, or at most one edit apart."""
    if one == other or within_one_edit(one, other):
        return True
    return one[:4] == other[:4] and one[5:7] == other[8:10] and one[8:10] == other[5:7]
