"""The one writer of streams: records with the same key arrive in order, whatever the service refuses on the way.

A service that takes the records of a request one by one gives no order: a record that it refused is sent again after
its neighbours. So a request carries at most one record per key, and the next one follows when that has arrived. A batch
of many keys needs no more requests than otherwise; a batch of a single key needs one request per record.

What carries the stream is behind `Sender`: `c360_aws.kinesis` or `c360_aws.kafka_streams`.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

# A request of Kinesis takes 500 records and 10 MiB, keys included. We stay below 5 MiB: a shard takes 1 MiB a second,
# and a request that is refused as a whole is sent again in full. Kafka would take more, and needs no more.
RECORDS_PER_CALL: Final = 500
BYTES_PER_CALL: Final = 4_500_000
# The most that waits to be sent: enough for full requests when records come sorted by key.
RECORDS_WAITING: Final = 100_000
BYTES_WAITING: Final = 64_000_000
LONGEST_PAUSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """One record: its bytes, and the partition key; records with the same key keep their order."""

    key: str
    data: bytes

    @property
    def size(self) -> int:
        """Size in bytes as the service counts it: with the key."""
        return len(self.data) + len(self.key.encode())


class Sender(Protocol):
    """What takes the records of one stream."""

    @property
    def stream(self) -> str:
        """Name of the stream."""

    @property
    def permanent(self) -> frozenset[str]:
        """Errors after which another attempt would be refused as well."""

    def send(self, records: Sequence[StreamRecord]) -> Sequence[str]:
        """Send one request; return the error code of each record, empty where it was accepted."""


@dataclass(slots=True, kw_only=True)
class Pace:
    """So many records and bytes a second, and no more, however many wait: live traffic keeps the rest of the shards.

    Attributes:
        records: a second.
        size: bytes a second, keys included.
        clock: seconds, from any start.
        pause: waits for a number of seconds.
    """

    records: float
    size: float
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _free_at: float = field(default=float("-inf"), init=False)

    def take(self, records: int, size: int) -> None:
        """Wait until a request of so many records and bytes may go; what was refused goes and counts again."""
        now = self.clock()
        if self._free_at > now:
            self.pause(self._free_at - now)
        self._free_at = max(now, self._free_at) + max(records / self.records, size / self.size)

    @property
    def largest(self) -> tuple[int, int]:
        """Return how many records and bytes a request may have: what may go in a second, if the service takes it."""
        return (
            min(RECORDS_PER_CALL, max(1, int(self.records))),
            min(BYTES_PER_CALL, max(1, int(self.size))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A record that is not on the stream.

    Attributes:
        index: its position among the records that were to be put.
        code: the error code of the service or its client; empty for a record that was held back because an earlier
            record with the same key was refused.
    """

    index: int
    code: str


@dataclass(slots=True)
class _Waiting:
    """A record that waits to be sent, and how often it was refused."""

    index: int
    record: StreamRecord
    attempts: int = 0


@dataclass(slots=True)
class _Queue:
    """Records that wait, by key. `ready` lists each key that may send its first record, in the order of their turns."""

    keys: dict[str, deque[_Waiting]] = field(default_factory=dict)
    ready: deque[str] = field(default_factory=deque)
    records: int = 0
    size: int = 0

    def put(self, waiting: _Waiting) -> None:
        of_key = self.keys.setdefault(waiting.record.key, deque())
        if not of_key:
            self.ready.append(waiting.record.key)
        of_key.append(waiting)
        self.records += 1
        self.size += waiting.record.size

    def take(self, records: int, most: int) -> list[_Waiting]:
        """Return the first record of as many keys as fit into one request of so many records and bytes."""
        taken: list[_Waiting] = []
        size = 0
        while self.ready and len(taken) < records:
            first = self.keys[self.ready[0]][0]
            if taken and size + first.record.size > most:
                break
            self.ready.popleft()
            taken.append(first)
            size += first.record.size
        return taken

    def done(self, waiting: _Waiting) -> None:
        """Drop a record that has arrived; the next record with its key may be sent."""
        of_key = self.keys[waiting.record.key]
        of_key.popleft()
        self._forget(waiting)
        if of_key:
            self.ready.append(waiting.record.key)
        else:
            del self.keys[waiting.record.key]

    def again(self, refused: Sequence[_Waiting]) -> None:
        """Put the keys of refused records back at the front of the queue."""
        self.ready.extendleft(waiting.record.key for waiting in reversed(refused))

    def give_up(self, waiting: _Waiting) -> list[_Waiting]:
        """Drop and return all records that wait under a key: nothing may follow a gap."""
        left = list(self.keys.pop(waiting.record.key))
        for each in left:
            self._forget(each)
        return left

    def _forget(self, waiting: _Waiting) -> None:
        self.records -= 1
        self.size -= waiting.record.size


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamWriter:
    """Writes one stream.

    Attributes:
        sender: takes the records of the stream.
        attempts: how often a record is sent before the writer gives up on it.
        first_pause: seconds to wait after the first refusal. They double with every further refusal, with random
            jitter, so that writers who were refused together do not retry together.
        pause: waits for a number of seconds.
        pace: how fast it may write; without one, as fast as the service takes it.
    """

    sender: Sender
    attempts: int = 8
    first_pause: float = 0.1
    pause: Callable[[float], None] = time.sleep
    pace: Pace | None = None

    def put(self, records: Iterable[StreamRecord]) -> Iterator[Refusal]:
        """Put records; yield those that are not on the stream after all attempts, and those held back behind them.

        Nothing is sent before the first result is requested, and records are read as they are sent.
        """
        source = enumerate(records)
        queue = _Queue()
        given_up: set[str] = set()
        largest = (RECORDS_PER_CALL, BYTES_PER_CALL) if self.pace is None else self.pace.largest
        more = True
        while True:
            while more and queue.records < RECORDS_WAITING and queue.size < BYTES_WAITING:
                index_and_record = next(source, None)
                if index_and_record is None:
                    more = False
                    break
                index, record = index_and_record
                if record.key in given_up:
                    yield Refusal(index=index, code="")
                else:
                    queue.put(_Waiting(index, record))
            sent = queue.take(*largest)
            if not sent:
                return
            for waiting, left, code in self._settle(queue, sent):
                given_up.add(waiting.record.key)
                yield from (Refusal(index=each.index, code=code if each is waiting else "") for each in left)

    def _settle(self, queue: _Queue, sent: Sequence[_Waiting]) -> Iterator[tuple[_Waiting, Sequence[_Waiting], str]]:
        """Send a request; yield each record that the writer gives up on, all that waits under its key, and the code."""
        again: list[_Waiting] = []
        for waiting, code in zip(sent, self._request(sent), strict=True):
            if not code:
                queue.done(waiting)
                continue
            waiting.attempts += 1
            if waiting.attempts >= self.attempts or code in self.sender.permanent:
                yield waiting, queue.give_up(waiting), code
            else:
                again.append(waiting)
        if again:
            queue.again(again)
            self._wait(max(waiting.attempts for waiting in again))

    def _request(self, sent: Sequence[_Waiting]) -> Sequence[str]:
        """Send a request; return the error code of each record, empty where it was accepted."""
        if self.pace is not None:
            self.pace.take(len(sent), sum(waiting.record.size for waiting in sent))
        return self.sender.send([waiting.record for waiting in sent])

    def _wait(self, attempts: int) -> None:
        longest = min(self.first_pause * 2 ** (attempts - 1), LONGEST_PAUSE_SECONDS)
        self.pause(longest * (0.5 + random.random() / 2))  # noqa: S311  # no secret
