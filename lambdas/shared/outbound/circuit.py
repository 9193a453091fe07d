"""A circuit for each receiver: it stops calls of one that is down, tries it with one call, and closes again.

Its state is an item that all invocations share. A receiver that answers has none, so that a delivery costs one read.
"""

from dataclasses import dataclass
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from c360_aws.transactions import condition_failed

ID: Final = "id"
OPENS_AT: Final = 5  # failures in a row
FIRST_PAUSE: Final = 60.0  # seconds; twice as long after each trial that fails
LONGEST_PAUSE: Final = 1800.0
TRIAL_SECONDS: Final = 30.0  # within these the trial has ended


class Circuit(Protocol):
    """Says whether a receiver may be called, and learns what came of it."""

    def wait(self, now: float) -> float:
        """Return the seconds until a receiver may be called; 0 for now."""

    def failed(self, now: float) -> bool:
        """Note that it did not answer well; return whether the circuit is open now."""

    def succeeded(self) -> None:
        """Note that it answered."""


@dataclass(slots=True, kw_only=True)
class TableCircuit:
    """A circuit in a table. `client` takes Python values.

    Attributes:
        name: of the receiver.
        failures: in a row, as far as this invocation knows.
    """

    client: Any
    table: str
    name: str
    failures: int = 0

    def wait(self, now: float) -> float:
        """Return how long to wait. Of all who ask when a pause is over, one may call: that is the trial."""
        item = self.client.get_item(TableName=self.table, Key=self._key, ConsistentRead=True).get("Item") or {}
        self.failures = int(item.get("failures", 0))
        if self.failures < OPENS_AT:
            return 0.0
        until = float(item["open_until"])
        if until > now:
            return until - now
        return 0.0 if self._takes_trial(item["open_until"], now) else TRIAL_SECONDS

    def failed(self, now: float) -> bool:
        """Count a failure; from the fifth in a row on, keep the receiver from being called for a while."""
        answer = self.client.update_item(
            TableName=self.table,
            Key=self._key,
            UpdateExpression="ADD failures :one",
            ExpressionAttributeValues={":one": 1},
            ReturnValues="UPDATED_NEW",
        )
        self.failures = int(answer["Attributes"]["failures"])
        if self.failures < OPENS_AT:
            return False
        self.client.update_item(
            TableName=self.table,
            Key=self._key,
            UpdateExpression="SET open_until = :until",
            ExpressionAttributeValues={":until": int(now + pause_after(self.failures))},
        )
        return True

    def succeeded(self) -> None:
        """Close the circuit; for a receiver that answers as ever there is nothing to do."""
        if self.failures:
            self.client.delete_item(TableName=self.table, Key=self._key)
            self.failures = 0

    @property
    def _key(self) -> dict[str, str]:
        return {ID: f"CIRCUIT#{self.name}"}

    def _takes_trial(self, seen: object, now: float) -> bool:
        try:
            self.client.update_item(
                TableName=self.table,
                Key=self._key,
                UpdateExpression="SET open_until = :until",
                ConditionExpression="open_until = :seen",
                ExpressionAttributeValues={":until": int(now + TRIAL_SECONDS), ":seen": seen},
            )
        except ClientError as error:
            if not condition_failed(error):
                raise
            return False
        return True


def pause_after(failures: int) -> float:
    """Return for how many seconds a receiver is left alone after so many failures in a row."""
    return float(min(FIRST_PAUSE * 2 ** min(failures - OPENS_AT, 10), LONGEST_PAUSE))
