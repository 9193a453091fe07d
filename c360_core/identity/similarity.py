"""When two written values may be one thing written twice; used to forbid merges, never to propose them."""

from functools import lru_cache
from typing import Final

from c360_core.identity.vocabulary import AMBIGUOUS_NICKNAMES, NICKNAMES

SHORTEST_TYPO: Final = 4


def within_one_edit(one: str, other: str) -> bool:
    """Say whether one insertion, deletion, replacement or swap of neighbours at most turns one text into the other."""
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
    """Say whether two given names as written may be one person's: equal, an initial, a short form, or a typo."""
    # As written first: a mistyped name is no nickname any more.
    formal = NICKNAMES.get(one, one), NICKNAMES.get(other, other)
    return _alike(one, other) or _alike(*formal)


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    if len(one) > len(other):
        one, other = other, one
    if other.startswith(one) and len(one) != 2:  # noqa: PLR2004  # `Jo` is a name, `J` and `Joh` are shortened ones
        return True
    if other in AMBIGUOUS_NICKNAMES.get(one, ()) or one in AMBIGUOUS_NICKNAMES.get(other, ()):
        return True
    return len(one) >= SHORTEST_TYPO and within_one_edit(one, other)


@lru_cache(maxsize=200_000)
def same_last_name(one: str, other: str) -> bool:
    """Say whether two family names in match form may be one person's: equal, part of a double name, or a typo."""
    if one == other:
        return True
    if len(one) > len(other):
        one, other = other, one
    if len(one) < SHORTEST_TYPO:
        return False
    return other.startswith(one) or other.endswith(one) or within_one_edit(one, other)


def same_birth_date(one: str, other: str) -> bool:
    """Say whether two ISO dates may be one: equal, day and month exchanged, one digit wrong, two digits swapped."""
    if one == other or within_one_edit(one, other):
        return True
    return one[:4] == other[:4] and one[5:7] == other[8:10] and one[8:10] == other[5:7]
