"""Wakes people who wait in a journey. Waking somebody twice, or too late, changes nothing."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import ClientError

from c360_core.journey import Happening
from c360_core.waiting import Waiting

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# The execution waits no more: it was woken, its time was over, or somebody stopped it.
GONE: Final = frozenset({"InvalidToken", "TaskDoesNotExist", "TaskTimedOut"})


class Waits(Protocol):
    """Where it is stored who waits."""

    def take_wait(self, waiting: Waiting) -> None:
        """Forget that a person waits."""


class Alarm(Protocol):
    """What wakes an execution."""

    def wake(self, waiting: Waiting, happened: Happening) -> bool:
        """Wake the execution; return whether it waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTokens:
    """Executions of Step Functions, by their tokens."""

    client: "SFNClient"

    def wake(self, waiting: Waiting, happened: Happening) -> bool:
        """Wake the execution; return whether it waited."""
        try:
            self.client.send_task_success(
                taskToken=waiting.token, output=json.dumps({"status": "happened", "happened": happened})
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise
            return False
        return True


def wake(found: Iterable[tuple[Waiting, Happening | None]], *, alarm: Alarm, store: Waits) -> Sequence[Happening]:
    """Wake those for whom something has happened, and forget that they wait; return what had happened."""
    woken: list[Happening] = []
    for waiting, happened in found:
        if happened is None:
            continue
        if alarm.wake(waiting, happened):
            woken.append(happened)
        store.take_wait(waiting)
    return woken
