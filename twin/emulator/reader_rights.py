"""What the role of a function needs so that Lambda can read a source for it, as Lambda's guide says."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from twin.emulator import roles
from twin.emulator.calls import Call

LOGGER: Final = logging.getLogger("twin.reader_rights")
REVIEW_SECONDS: Final = 5.0

_ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    # Lambda asks for DescribeStream when a mapping is made, although it reads with the others.
    "kinesis": ("DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"),
    "dynamodb": ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"),
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
}


def reading_rights(source: str) -> tuple[Call, ...]:
    """Return what Lambda does on a source on behalf of the function that reads it.

    Args:
        source: the ARN of a stream, of a table's stream, or of a queue.
    """
    service = source.split(":")[2]
    return tuple(Call(action=f"{service}:{action}", resource=source) for action in _ACTIONS.get(service, ()))


def missing(role: str, rights: tuple[Call, ...]) -> list[Call]:
    """Return the rights that the policies of a role do not give."""
    return [right for right in rights if not roles.allows(role, right.action, right.resource)]


class MappingRights:
    """Whether Lambda may still read for a function: looked at again every few seconds, not at each poll.

    Args:
        needed: returns what reading a source needs.
        clock: seconds that only grow.
    """

    def __init__(self, needed: Callable[[str], tuple[Call, ...]], clock: Callable[[], float] = time.monotonic) -> None:
        self._needed = needed
        self._clock = clock
        self._seen: dict[str, tuple[float, bool]] = {}

    def may_read(self, mapping: Mapping[str, Any], role: str) -> bool:
        """Say whether a role's policies let Lambda read the source of a mapping."""
        looked, may = self._seen.get(mapping["UUID"], (float("-inf"), False))
        if self._clock() - looked < REVIEW_SECONDS:
            return may
        lacking = missing(role, self._needed(mapping["EventSourceArn"]))
        if lacking:
            actions = ", ".join(right.action for right in lacking)
            LOGGER.warning("%s is not read: its function's role lacks %s", mapping["EventSourceArn"], actions)
        self._seen[mapping["UUID"]] = (self._clock(), not lacking)
        return not lacking
