"""Wait for what a thread does."""

import time
from collections.abc import Callable


def eventually(condition: Callable[[], bool], *, seconds: float = 10) -> bool:
    """Return whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()
