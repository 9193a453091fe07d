"""The only Python function of `clean`: `c360_core.interaction`, with a packed answer."""

import hashlib
import logging
from datetime import UTC, datetime
from typing import Any, Final

from pyflink.table import DataTypes
from pyflink.table.udf import FunctionContext, ScalarFunction, udf

from c360_core import contracts
from c360_core.interaction import Interaction, ReasonCode, RejectedEventError, read_interaction, rejected_id
from flink_apps.clean.packed import packed
from flink_apps.shared.secrets import SecretReader

logger = logging.getLogger(__name__)

Texts = tuple[str | None, ...]

# What the function answers, in this order. A rejection fills the first part, `source` and `received_ms`; an interaction
# everything behind the first part.
TEXTS: Final = (
    "reason_code",
    "reason",
    "rejected_id",
    "body",
    "contract_version",
    "event_id",
    "event_type",
    "source",
    "schema_version",
    "occurred_ms",
    "received_ms",
    "trace_id",
    "replay_id",
    "customer_key",
    "identifier_keys",
    "visitor_key",
    "order_id",
    "amount",
    "currency",
    "payload",
    "identifiers",
)
NONE_BEFORE_EVENT: Final = (None,) * TEXTS.index("event_id")
# An identifier key has no blank: it is a type and hexadecimal digits.
KEY_SEPARATOR: Final = " "


class CleanEvent(ScalarFunction):  # type: ignore[misc]  # pyflink has no types
    """Converts one record to one packed answer, see `flink_apps.clean.packed`.

    It answers with one array of bytes and not with a row, because a row of these columns takes longer to cross from
    Python to Java, column by column, than the function itself takes. It is no table function, because in PyFlink that
    raises an exception after the rows of every record.

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

    def eval(self, body: bytes) -> bytes:
        """Return the texts of a record."""
        now = datetime.now(UTC)
        try:
            texts = interaction_texts(read_interaction(body, secret=self._secret, now=now))
        except RejectedEventError as error:
            if error.code is ReasonCode.UNEXPECTED:
                logger.exception("record %s cannot be processed", position(body))
            texts = rejection_texts(error, body, now=now, contract_version=self._contract_version)
        return packed(texts)


def clean_event(secret: SecretReader) -> Any:
    """Return the function for registration as `clean_event`."""
    return udf(CleanEvent(secret), result_type=DataTypes.BYTES())


def interaction_texts(event: Interaction) -> Texts:
    """Return the texts of an interaction; times in milliseconds, money exact."""
    return (
        *NONE_BEFORE_EVENT,
        event.event_id,
        event.event_type,
        event.source,
        str(event.schema_version),
        str(milliseconds(event.occurred_at)),
        str(milliseconds(event.received_at)),
        event.trace_id,
        event.replay_id,
        event.customer_key,
        KEY_SEPARATOR.join(event.identifier_keys),
        event.visitor_key,
        event.order_id,
        None if event.amount is None else str(event.amount),
        event.currency,
        event.payload,
        event.identifiers,
    )


def rejection_texts(error: RejectedEventError, body: bytes, *, now: datetime, contract_version: str) -> Texts:
    """Return the texts of a rejection; bytes that are not UTF-8 are kept as `\\xNN`."""
    return (
        str(error.code),
        error.reason,
        rejected_id(position(body)),
        body.decode("utf-8", errors="backslashreplace"),
        contract_version,
        *(None,) * 2,
        error.source,
        *(None,) * 2,
        str(milliseconds(now)),
        *(None,) * 10,
    )


def position(body: bytes) -> str:
    """Return what stands for the position of a record in its stream, in the id of its rejection.

    The Kinesis connector does not expose the position, so the content takes its place, which is the same on every read.
    `refused.sql` numbers records of equal content.
    """
    return hashlib.sha256(body).hexdigest()


def milliseconds(moment: datetime) -> int:
    """Return the moment in epoch milliseconds, rounded down."""
    return (int(moment.timestamp()) * 1000) + moment.microsecond // 1000
