"""The only Python function of `clean`: `c360_core.interaction` in Flink's types."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pyflink.common import Row
from pyflink.table import DataTypes
from pyflink.table.udf import FunctionContext, ScalarFunction, udf

from c360_core import contracts
from c360_core.interaction import Interaction, ReasonCode, RejectedEventError, read_interaction, rejected_id
from flink_apps.shared.secrets import SecretReader

logger = logging.getLogger(__name__)

Values = tuple[Any, ...]

# A rejection fills the first part and `source`, an interaction the second.
RESULT: Final[Mapping[str, Any]] = {
    "reason_code": DataTypes.STRING(),
    "reason": DataTypes.STRING(),
    "rejected_id": DataTypes.STRING(),
    "body": DataTypes.STRING(),
    "contract_version": DataTypes.STRING(),
    "event_id": DataTypes.STRING(),
    "event_type": DataTypes.STRING(),
    "source": DataTypes.STRING(),
    "schema_version": DataTypes.INT(),
    "occurred_ms": DataTypes.BIGINT(),
    "received_ms": DataTypes.BIGINT(),
    "trace_id": DataTypes.STRING(),
    "replay_id": DataTypes.STRING(),
    "customer_key": DataTypes.STRING(),
    "identifier_keys": DataTypes.ARRAY(DataTypes.STRING()),
    "visitor_key": DataTypes.STRING(),
    "order_id": DataTypes.STRING(),
    "amount": DataTypes.STRING(),
    "currency": DataTypes.STRING(),
    "payload": DataTypes.STRING(),
    "identifiers": DataTypes.STRING(),
}


class CleanEvent(ScalarFunction):  # type: ignore[misc]  # pyflink has no types
    """Converts one record to one row.

    It is no table function, because in PyFlink that raises an exception after the rows of every record, which costs a
    fifth of the time of the record.

    Args:
        secret: reads the key for hashing identifiers when a worker opens the function.
    """

    def __init__(self, secret: SecretReader) -> None:
        self._reader = secret
        self._secret = b""
        self._contract_version = ""

    def open(self, function_context: FunctionContext) -> None:  # noqa: ARG002  # Flink's signature
        """Fetch the secret and read the contracts."""
        self._secret = self._reader.read()
        self._contract_version = contracts.load().version

    def eval(self, body: bytes, position: str) -> Row:
        """Return the row of the record at this position of its stream."""
        now = datetime.now(UTC)
        try:
            values = interaction_row(read_interaction(body, secret=self._secret, now=now))
        except RejectedEventError as error:
            if error.code is ReasonCode.UNEXPECTED:
                logger.exception("record %s cannot be processed", position)
            values = rejection_row(error, body, position, now=now, contract_version=self._contract_version)
        return Row(*values)


def clean_event(secret: SecretReader) -> Any:
    """Return the function for registration as `clean_event`."""
    return udf(CleanEvent(secret), result_type=DataTypes.ROW([DataTypes.FIELD(*field) for field in RESULT.items()]))


def interaction_row(event: Interaction) -> Values:
    """Return the columns of an interaction; times in milliseconds, money as text, both exact."""
    return (
        *(None,) * 5,
        event.event_id,
        event.event_type,
        event.source,
        event.schema_version,
        milliseconds(event.occurred_at),
        milliseconds(event.received_at),
        event.trace_id,
        event.replay_id,
        event.customer_key,
        list(event.identifier_keys),
        event.visitor_key,
        event.order_id,
        None if event.amount is None else str(event.amount),
        event.currency,
        event.payload,
        event.identifiers,
    )


def rejection_row(
    error: RejectedEventError, body: bytes, position: str, *, now: datetime, contract_version: str
) -> Values:
    """Return the columns of a rejection; bytes that are not UTF-8 are kept as `\\xNN`."""
    # In thread mode Flink accepts no null for a number or an array: event columns of these types get a dummy value.
    schema_version, occurred_ms, identifier_keys = 0, 0, list[str]()
    return (
        str(error.code),
        error.reason,
        rejected_id(position),
        body.decode("utf-8", errors="backslashreplace"),
        contract_version,
        *(None,) * 2,
        error.source,
        schema_version,
        occurred_ms,
        milliseconds(now),
        *(None,) * 3,
        identifier_keys,
        *(None,) * 6,
    )


def milliseconds(moment: datetime) -> int:
    """Return the moment in epoch milliseconds, rounded down."""
    return (int(moment.timestamp()) * 1000) + moment.microsecond // 1000
