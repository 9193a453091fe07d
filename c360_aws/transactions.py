"""The one writer of DynamoDB transactions: their size limit, transient refusals, and failed conditions.

`client` takes Python values: `boto3.resource("dynamodb").meta.client`.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

Action = Mapping[str, Mapping[str, object]]

ACTIONS_PER_CALL: Final = 100  # TransactWriteItems takes no more
FIRST_PAUSE_SECONDS: Final = 0.05
CONDITION_FAILED: Final = "ConditionalCheckFailed"
# Transient reasons: another writer has the same item, or the table is busy.
TRANSIENT: Final = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionWriter:
    """Writes actions to one table; an action is one of TransactWriteItems without its table name: `{"Put": {...}}`.

    Attributes:
        attempts: how often a transaction is tried that is refused for a transient reason.
        pause: waits for a number of seconds between two attempts.
    """

    client: Any
    table: str
    attempts: int = 8
    pause: Callable[[float], None] = time.sleep

    def all_or_none(self, actions: Sequence[Action]) -> None:
        """Do all actions, or none.

        Raises:
            ClientError: DynamoDB refused; `condition_failed` tells whether a condition failed.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                self._send(actions)
            except ClientError as error:
                found = set(reasons(error)) - {None, "None"}
                if not found or not found <= TRANSIENT or attempt == self.attempts:
                    raise
                self._wait(attempt)
            else:
                return

    def each_that_may(self, actions: Sequence[Action]) -> int:
        """Do the actions whose condition holds, and return how many there were.

        DynamoDB does all actions of a transaction or none, and names the actions whose condition failed: the others
        are tried again. Conditions rarely fail, so a hundred actions usually take one request.

        Raises:
            ClientError: DynamoDB refused for another reason, or in every attempt.
        """
        return sum(
            self._each(actions[start : start + ACTIONS_PER_CALL]) for start in range(0, len(actions), ACTIONS_PER_CALL)
        )

    def _each(self, batch: Sequence[Action]) -> int:
        left = list(batch)
        attempt = 1
        while left:
            try:
                self._send(left)
            except ClientError as error:
                found = reasons(error)
                why = set(found) - {None, "None"}
                # Each attempt drops the actions whose condition failed, so such refusals cannot go on forever.
                if (
                    not why
                    or not why <= {CONDITION_FAILED, *TRANSIENT}
                    or (why <= TRANSIENT and attempt >= self.attempts)
                ):
                    raise
                if why & TRANSIENT:
                    self._wait(attempt)
                    attempt += 1
                left = [action for action, reason in zip(left, found, strict=True) if reason != CONDITION_FAILED]
            else:
                break
        return len(left)

    def _send(self, actions: Sequence[Action]) -> None:
        named = [{kind: {"TableName": self.table, **what} for kind, what in action.items()} for action in actions]
        self.client.transact_write_items(TransactItems=named)

    def _wait(self, attempt: int) -> None:
        """Wait longer each time, with jitter, so that writers who were refused together do not retry together."""
        self.pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311  # no secret


def reasons(error: ClientError) -> list[str | None]:
    """Return the reason of each action of a cancelled transaction, in order; empty for any other error."""
    response: Mapping[str, Any] = error.response
    return [reason.get("Code") for reason in response.get("CancellationReasons", ())]


def condition_failed(error: ClientError) -> bool:
    """Return whether a write failed because of its condition, and for no other reason."""
    code = str(error.response["Error"]["Code"])
    return code == f"{CONDITION_FAILED}Exception" or set(reasons(error)) - {None, "None"} == {CONDITION_FAILED}
