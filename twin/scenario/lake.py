"""Readings of a lake table that ask the engine only when there is something new to read."""

from collections.abc import Callable
from typing import TypeVar

from twin.scenario.deployment import Deployment
from twin.scenario.waiting import PAUSE_SECONDS, STALLED_SECONDS, until

T = TypeVar("T")


def at_commits(deployment: Deployment, table: str, read: Callable[[], T]) -> Callable[[], T]:
    """Return a reading that is repeated after each commit to a table; in between it returns the last one.

    Flink commits at its checkpoints. A query between two of them finds nothing new, and takes time from Flink.

    Args:
        deployment: where the table is.
        table: given as `database.table`.
        read: what is read of the table.
    """
    seen: dict[str, T] = {}

    def reading() -> T:
        version = deployment.version_of(table)
        if version not in seen:
            fresh = read()
            seen.clear()
            seen[version] = fresh
        return seen[version]

    return reading


def until_committed(
    what: str, deployment: Deployment, table: str, read: Callable[[], T], wanted: Callable[[T], bool]
) -> T:
    """Wait until what is read of a lake table is the wanted, looking for commits all the while, and return it.

    Args:
        what: for the message of the error.
        deployment: where the table is.
        table: given as `database.table`.
        read: what is read of the table.
        wanted: whether a reading is the one.

    Raises:
        NeverReachedError: nothing has changed for too long.
    """
    return until(
        what,
        at_commits(deployment, table, read),
        wanted,
        seconds=STALLED_SECONDS,
        longest_pause=PAUSE_SECONDS,
        moving=True,
    )
