"""Wait for a distributed system to reach a state; an error shows the last observation."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 4.0
LONGEST_REST_SECONDS: Final = 12.0
STALLED_SECONDS: Final = 180.0  # what moves at all has moved by then


class NeverReachedError(RuntimeError):
    """The awaited state did not come; the message says what was seen last."""


def until(
    what: str,
    observe: Callable[[], T],
    wanted: Callable[[T], bool],
    *,
    seconds: float,
    pause: float = PAUSE_SECONDS,
    longest_pause: float = LONGEST_PAUSE_SECONDS,
    moving: bool = False,
    done: Callable[[T], float] | None = None,
) -> T:
    """Observe until the observation is the wanted one, and return it.

    Observing may slow down the system itself, so the pause grows with the time that an observation takes, and with the
    share that is still missing.

    Args:
        what: for the message of the error.
        observe: what to look at.
        wanted: whether an observation is the one.
        seconds: how long to wait.
        pause: at least so many seconds between two observations.
        longest_pause: at most so many after an observation that took long; for one that seldom does, no more than
            `pause`.
        moving: wait on while observations change; the time then counts from the last change.
        done: what share of the wanted an observation shows; the pause is then half of what the rest should take.

    Raises:
        NeverReachedError: the time is over.
    """
    start = time.monotonic()
    deadline = start + seconds
    before: T | None = None
    while True:
        began = time.monotonic()
        if wanted(seen := observe()):
            return seen
        now = time.monotonic()
        if moving and seen != before:
            before, deadline = seen, now + seconds
        if now > deadline:
            raise NeverReachedError(f"{what}: not reached after {seconds:.0f} s; last seen: {seen!r}")
        rest = _rest(now - start, done(seen)) if done else 0.0
        time.sleep(max(pause, min(2 * (now - began), longest_pause), min(rest / 2, LONGEST_REST_SECONDS)))


def _rest(so_far: float, share: float) -> float:
    """Return how many seconds the rest should take when a share of the whole took so many; none when all is there."""
    return so_far * (1 - share) / share if 0 < share < 1 else 0.0
