"""Kinesis: MiniStack looks at all its records and iterators on every request, to remove those that have expired.

With a day of records each request takes longer than the one before. Records expire as before, but all of them are
looked at only when the oldest one is due.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from ministack.services import kinesis

from twin.settings import TwinSettings

ITERATOR_SWEEP_SECONDS: Final = 1.0
Stream = dict[str, Any]


def install(_settings: TwinSettings) -> None:
    """Look for expired records only when the oldest one is due, and for expired iterators once a second."""
    kinesis._expire_records = when_the_oldest_is_due(kinesis._expire_records)
    kinesis._expire_iterators = at_most_every(ITERATOR_SWEEP_SECONDS, kinesis._expire_iterators)


def when_the_oldest_is_due(expire: Callable[[Stream], None]) -> Callable[[Stream], None]:
    """Records lie in the order of their arrival: when the first one stays, all stay."""

    def guarded(stream: Stream) -> None:
        due = time.time() - stream["RetentionPeriodHours"] * 3600
        firsts = (shard["records"][0] for shard in stream["shards"].values() if shard["records"])
        if any(first["ApproximateArrivalTimestamp"] < due for first in firsts):
            expire(stream)

    return guarded


def at_most_every(seconds: float, expire: Callable[[], None]) -> Callable[[], None]:
    """An iterator that is too old is refused when it is used; the sweep only gives memory back."""
    swept = float("-inf")

    def guarded() -> None:
        nonlocal swept
        if time.monotonic() - swept >= seconds:
            swept = time.monotonic()
            expire()

    return guarded
