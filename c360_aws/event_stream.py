"""Publishes records to a stream and returns those that could not be stored."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from c360_aws.stream_writer import Pace, Sender, StreamRecord, StreamWriter
from c360_core.digests import digest
from c360_core.identity.keys import ordering_identifier
from c360_core.names import IdentifierType

ATTEMPTS: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.05


class StreamUnavailableError(RuntimeError):
    """Records could not be stored; the caller must send them again."""


class EventStream(Protocol):
    """Where events are published."""

    def publish(self, records: Sequence[StreamRecord]) -> tuple[int, ...]:
        """Store the records; return the indexes of those that could not be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStreamWriter:
    """The EventStream of a writer. Records with the same key keep their order, and no stored record is stored again.

    With a `pace`, it publishes no faster than that.
    """

    sender: Sender
    pause: Callable[[float], None] = time.sleep
    pace: Pace | None = None

    def publish(self, records: Sequence[StreamRecord]) -> tuple[int, ...]:
        """Store the records; return the indexes of those that could not be stored after all attempts.

        Records behind one of these with the same key are not stored either.
        """
        writer = StreamWriter(
            sender=self.sender,
            attempts=ATTEMPTS,
            first_pause=FIRST_PAUSE_SECONDS,
            pause=self.pause,
            pace=self.pace,
        )
        return tuple(sorted(refusal.index for refusal in writer.put(records)))


def event_record(event: Mapping[str, object], *, key: str) -> StreamRecord:
    """Return an event as a record of the stream: compact JSON in UTF-8."""
    return StreamRecord(key=key, data=json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())


def partition_key(identifiers: Mapping[str, object], *, preferred: IdentifierType, otherwise: str) -> str:
    """Return the key that keeps the events of one visitor or customer in order.

    It is a hash, because partition keys appear where clear identifiers must not.

    Args:
        identifiers: clear values by type.
        preferred: the type that the source's contract names as partition key, for events without a visitor.
        otherwise: the text to use when there is no usable identifier.
    """
    found = ordering_identifier(identifiers, preferred)
    return digest(otherwise if found is None else f"{found[0]}:{found[1]}")
