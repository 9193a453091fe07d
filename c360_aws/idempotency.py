"""Runs a piece of work once per key, across retries and deliveries, with a lock in the idempotency table."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError
from aws_lambda_powertools.utilities.typing import LambdaContext

REPEATED: Final = "repeated"

Result = dict[str, Any]


class InProgressError(RuntimeError):
    """Another invocation is doing the work, or began it and never finished."""


class Idempotency(Protocol):
    """Runs a piece of work until it succeeds once per key."""

    def run_once(self, key: str, work: Callable[[], Result]) -> Result:
        """Return the result of the work; on a repetition the first result, with `repeated` true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableIdempotency:
    """Idempotency with a lock per key in a DynamoDB table.

    Work that raises an error releases its key and may be tried again. Work that is cut off (the function times out)
    releases it only when `context` is given, after that invocation's time is over. Without it the key stays locked for
    good, which is right for work that must never happen twice.

    Attributes:
        client: a DynamoDB client with the service's own typed values, as Powertools needs it.
        table: name of the idempotency table.
        keep_days: how long a result is remembered, in days.
        context: the invocation that does the work.
    """

    client: Any
    table: str
    keep_days: int
    context: LambdaContext | None = None

    def run_once(self, key: str, work: Callable[[], Result]) -> Result:
        """Return the result of the work; on a repetition the first result, with `repeated` true.

        Raises:
            InProgressError: another invocation holds the lock.
        """
        config = IdempotencyConfig(
            expires_after_seconds=self.keep_days * 86_400,
            response_hook=lambda stored, _: {**stored, REPEATED: True},
            lambda_context=self.context,
        )
        store = DynamoDBPersistenceLayer(table_name=self.table, boto3_client=self.client)

        def work_on(key: str) -> Result:  # noqa: ARG001  # Powertools takes the key from the argument of this name
            return work()

        locked = idempotent_function(
            work_on,
            data_keyword_argument="key",
            persistence_store=store,
            config=config,
            key_prefix="c360",
        )
        try:
            with warnings.catch_warnings():
                # Powertools warns about a lock without an end, which we want where no context is given.
                warnings.filterwarnings("ignore", message=".*register_lambda_context.*")
                result: Mapping[str, Any] = locked(key=key)
        except IdempotencyAlreadyInProgressError as error:
            raise InProgressError(f"{key}: locked by another invocation") from error
        return {REPEATED: False, **result}
