"""Does a thing once per key, across retries and deliveries, with a lock in the idempotency table."""

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


class UnderWayError(RuntimeError):
    """Someone else does it right now, or began and never came back."""


class Once(Protocol):
    """Runs a piece of work at most once to success per key."""

    def __call__(self, key: str, work: Callable[[], Result]) -> Result:
        """Return the result of the work; on a repetition the result of the first time, with `repeated` true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnceInTable:
    """A `Once` over DynamoDB.

    Work that raises unlocks its key and may be tried again. Work that is cut off (the function times out) unlocks it
    only when `context` is given, after that invocation's time is over; without it the key stays locked for good, which
    is right for what must never happen twice.
    """

    client: Any
    table: str
    keep_days: int
    context: LambdaContext | None = None

    def __call__(self, key: str, work: Callable[[], Result]) -> Result:
        """Return the result of the work; on a repetition the result of the first time, with `repeated` true."""
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
                # Powertools warns about a lock without an end; where there is none, that is what we want.
                warnings.filterwarnings("ignore", message=".*register_lambda_context.*")
                result: Mapping[str, Any] = locked(key=key)
        except IdempotencyAlreadyInProgressError as error:
            raise UnderWayError(f"{key}: locked by another invocation") from error
        return {REPEATED: False, **result}
