"""The one writer of DynamoDB transactions: their limit, what of a refusal passes, and whose condition failed.

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
# Reasons that pass: someone else is writing the same item, or the table is busy.
PASSING: Final = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionWriter:
    """Writes actions on one table, as TransactWriteItems knows them, without the table's name: `{"Put": {...}}`.

    Attributes:
        attempts: how often a transaction is tried that is refused for a reason that passes.
        pause: waits between two attempts.
    """

    client: Any
    table: str
    attempts: int = 8
    pause: Callable[[float], None] = time.sleep

    def all_or_none(self, actions: Sequence[Action]) -> None:
        """Do all actions, or none.

        Raises:
            ClientError: DynamoDB refused; `condition_failed` tells whether a condition stood against it.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                self._send(actions)
            except ClientError as error:
                found = set(reasons(error)) - {None, "None"}
                if not found or not found <= PASSING or attempt == self.attempts:
                    raise
                self._wait(attempt)
            else:
                return

    def each_that_may(self, actions: Sequence[Action]) -> int:
        """Do the actions whose condition holds, and return how many these were.

        All actions of a transaction are done or none, and the answer says whose condition failed: the others are tried
        again. Almost always none fails; then a hundred actions take one request.

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
                # Whose condition failed is left out, so that such refusals come to an end by themselves.
                if not why or not why <= {CONDITION_FAILED, *PASSING} or (why <= PASSING and attempt >= self.attempts):
                    raise
                if why & PASSING:
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
        """Wait longer each time, and not for as long as whoever was refused at the same moment."""
        self.pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.0))  # noqa: S311  # no secret


def reasons(error: ClientError) -> list[str | None]:
    """Return why a transaction was cancelled, by action, in their order; nothing for another error."""
    response: Mapping[str, Any] = error.response
    return [reason.get("Code") for reason in response.get("CancellationReasons", ())]


def condition_failed(error: ClientError) -> bool:
    """Tell whether a condition stood against a write. Any other reason of a cancelled transaction counts more."""
    code = str(error.response["Error"]["Code"])
    return code == f"{CONDITION_FAILED}Exception" or set(reasons(error)) - {None, "None"} == {CONDITION_FAILED}
