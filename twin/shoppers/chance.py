"""Seeds as random generators, and chances with names."""

import random


def generator(seed: int, part: str) -> random.Random:
    """Return the random numbers of one part, so that a change in one part leaves the others as they were."""
    return random.Random(f"{seed}:{part}")  # noqa: S311  # repeatable on purpose, no secrets


def happens(rng: random.Random, share: float) -> bool:
    """Return True in this share (0 to 1) of all calls."""
    return rng.random() < share


def outcome(rng: random.Random, **shares: float) -> str:
    """Return one of the names, each in its share of all calls, and an empty text in the rest."""
    drawn = rng.random()
    for name, share in shares.items():
        drawn -= share
        if drawn < 0:
            return name
    return ""
