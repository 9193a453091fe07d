"""What every way out has in common: it takes one event, and says what came of it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, Protocol

from lambdas.shared.outbound.https import Answer

# All other refusals of a client's fault are final: the same call would be refused again.
_REPEATED: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


class RefusedError(RuntimeError):
    """A receiver will never take an event, or the event cannot be told; the message says why, without any value."""


class UnavailableError(RuntimeError):
    """A receiver does not take an event now.

    Attributes:
        retry_after: seconds after which it wants to be called again, if it says so.
        is_down: whether the receiver itself is at fault; its circuit counts that.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, is_down: bool = True) -> None:
        super().__init__(message)
        self.retry_after, self.is_down = retry_after, is_down


class Receiver(Protocol):
    """A system outside."""

    @property
    def name(self) -> str:
        """How alarms, logs and the circuit call it."""

    def deliver(self, event: Mapping[str, Any]) -> str:
        """Deliver an event as EventBridge hands it over; return what became of it, for the metrics.

        Delivering it again is harmless: the receiver knows a repetition by its id.

        Raises:
            RefusedError: no repetition helps.
            UnavailableError: deliver it again later.
        """


def judge(answer: Answer, *, of: str) -> None:
    """Return for a success; raise for everything else.

    Raises:
        RefusedError: the receiver does not take it.
        UnavailableError: the receiver may take it later.
    """
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return
    said = f"{of} answers {answer.status}"
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _REPEATED:
        raise UnavailableError(said, retry_after=answer.retry_after)
    if answer.status < HTTPStatus.BAD_REQUEST:
        raise RefusedError(f"{said}: no redirect is followed; name the address where it leads in the settings")
    raise RefusedError(said)
