"""A batch of events for one receiver: each is delivered, comes again later, or is set aside with the reason."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from lambdas.shared.outbound.circuit import FIRST_PAUSE, Circuit
from lambdas.shared.outbound.port import Receiver, RefusedError, UnavailableError

# Seconds until the next attempt, after the first, the second ...; 28 hours in all. The queue gives up after the last.
PAUSES: Final = (30, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
# Of a pause, so that what failed together does not come again together.
SPREAD: Final = 0.1
# SQS hides a message for twelve hours from when it was received, and not a second longer.
LONGEST: Final = 12 * 3600 - 900


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedEvent:
    """A message of a receiver's queue.

    Attributes:
        attempt: 1 for the first.
    """

    message_id: str
    handle: str
    body: str
    attempt: int


class Queue(Protocol):
    """The queue of a receiver, as far as a function moves its messages itself."""

    def hide(self, message: QueuedEvent, seconds: int) -> None:
        """Let a message come again after so many seconds."""

    def set_aside(self, message: QueuedEvent, reason: str) -> None:
        """Put a message into the dead-letter queue, with the reason."""


@dataclass(slots=True, kw_only=True)
class Taken:
    """What came of a batch.

    Attributes:
        outcomes: how many events were delivered, by what became of them.
        waiting: why messages must come again, by their ids.
        refused: why messages were set aside, by their ids.
        is_open: whether the circuit of the receiver is open now.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    waiting: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    is_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """Delivers the events of a receiver's queue, and never calls one that is down over and over.

    Attributes:
        clock: seconds since 1970.
        chance: a number from 0 to 1.
    """

    receiver: Receiver
    circuit: Circuit
    queue: Queue
    clock: Callable[[], float]
    chance: Callable[[], float] = random.random

    def take(self, messages: Iterable[QueuedEvent]) -> Taken:
        """Deliver a batch, one event after the other."""
        taken = Taken()
        blocked = self.circuit.wait(self.clock())
        for message in messages:
            if blocked > 0:
                self._later(message, f"the circuit of {self.receiver.name} is open", taken, at_least=blocked)
                continue
            try:
                taken.outcomes[self.receiver.deliver(_read(message.body))] += 1
                self.circuit.succeeded()
            except RefusedError as error:
                self.queue.set_aside(message, str(error))
                taken.refused[message.message_id] = str(error)
            except UnavailableError as error:
                if error.is_down and self.circuit.failed(self.clock()):
                    blocked = FIRST_PAUSE
                self._later(message, str(error), taken, at_least=error.retry_after or 0.0)
        taken.is_open = blocked > 0
        return taken

    def _later(self, message: QueuedEvent, why: str, taken: Taken, *, at_least: float) -> None:
        """Let a message come again: after its pause, and not before the receiver wants it."""
        taken.waiting[message.message_id] = why
        pause = PAUSES[message.attempt - 1] if message.attempt <= len(PAUSES) else 0
        wished = max(pause, at_least) * (1 + SPREAD * self.chance())
        self.queue.hide(message, int(min(wished, LONGEST)))


def _read(body: str) -> Mapping[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise RefusedError("the message is no event of EventBridge")
    return event
