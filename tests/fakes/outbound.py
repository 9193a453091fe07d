"""Systems outside, in memory: what they were sent, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lambdas.shared.outbound.batch import QueuedEvent
from lambdas.shared.outbound.https import Answer, UnreachableError


@dataclass(frozen=True, slots=True)
class Sent:
    """A call."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class MemoryCaller:
    """Notes each call, and answers as it is told to; then 200. A status of 0 is no answer."""

    answers: list[Answer] = field(default_factory=list)
    calls: list[Sent] = field(default_factory=list)

    def call(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Note a call."""
        self.calls.append(Sent(method, url, headers, body))
        answer = self.answers.pop(0) if self.answers else Answer(status=200)
        if answer.status == 0:
            raise UnreachableError("it does not answer")
        return answer


@dataclass
class MemoryQueue:
    """Notes for how long messages are hidden, and which are set aside."""

    hidden: dict[str, int] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)

    def hide(self, message: QueuedEvent, seconds: int) -> None:
        """Hide a message."""
        self.hidden[message.message_id] = seconds

    def set_aside(self, message: QueuedEvent, reason: str) -> None:
        """Set a message aside."""
        self.aside[message.message_id] = reason
