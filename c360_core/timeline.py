"""Moments as text, and the timeline: what a person did, newest first, for as long as it is of use.

A moment is written in one form everywhere, `2026-03-01T09:30:00.000Z`, so that text order is time order and
a sort key can carry it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from typing import Final

# What may become part of a key: two of these, a time and a prefix fit into the 1,024 bytes of a sort key.
MAX_TEXT_BYTES: Final = 256
MAX_WHOLE_NUMBER: Final = 2**63 - 1
# What is outside is no moment of a shop's, and close to where calculating with times ends.
EARLIEST_YEAR: Final = 1900
LATEST_YEAR: Final = 2999
MAX_DIGITS: Final = 38  # of a number in DynamoDB
MONEY_SCALE: Final = 2
CENT: Final = Decimal(1).scaleb(-MONEY_SCALE)
_EXACT: Final = Context(prec=MAX_DIGITS)


class InvalidChangeError(ValueError):
    """A change that breaks the contract of its stream; the message names the field, never its value."""


def moment(text: str) -> datetime:
    """Read an ISO 8601 text; without an offset it is UTC. Raise ValueError for anything else."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def moment_text(at: datetime) -> str:
    """Write a moment in UTC with milliseconds, the form in which text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def required_text(change: Mapping[str, object], field: str) -> str:
    """Return a text field of a change; raise InvalidChangeError when it is missing, empty, too long or no text."""
    value = change.get(field)
    if not isinstance(value, str) or not value:
        raise InvalidChangeError(f"field {field}: expected a text that is not empty, got {type(value).__name__}")
    if len(value.encode()) > MAX_TEXT_BYTES:
        raise InvalidChangeError(f"field {field}: expected at most {MAX_TEXT_BYTES} bytes")
    return value


def required_moment(change: Mapping[str, object], field: str) -> datetime:
    """Return a moment of a change; raise InvalidChangeError when it is missing or not ISO 8601."""
    text = required_text(change, field)
    try:
        at = moment(text)
    except (ValueError, OverflowError) as error:
        raise InvalidChangeError(f"field {field}: expected an ISO 8601 moment") from error
    if not EARLIEST_YEAR <= at.year <= LATEST_YEAR:
        raise InvalidChangeError(f"field {field}: expected a year from {EARLIEST_YEAR} to {LATEST_YEAR}")
    return at


def whole_number(value: object, field: str, *, least: int = -MAX_WHOLE_NUMBER) -> int:
    """Return a whole number of 64 bits; raise InvalidChangeError when the value is none, or below the least."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidChangeError(f"field {field}: expected a whole number, got {type(value).__name__}")
    # Compared before it is converted: a few characters may stand for a number of a billion digits.
    if not -MAX_WHOLE_NUMBER <= value <= MAX_WHOLE_NUMBER or value != int(value):
        raise InvalidChangeError(f"field {field}: expected a whole number of 64 bits")
    if value < least:
        raise InvalidChangeError(f"field {field}: expected at least {least}")
    return int(value)


def decimal_of(value: object, field: str, *, scale: int = MONEY_SCALE) -> Decimal:
    """Return a number with `scale` digits after the point; raise InvalidChangeError when the value is none."""
    bound = Decimal(10) ** (MAX_DIGITS - scale)
    try:
        number = Decimal(str(value))
        if number.is_finite() and number.copy_abs() < bound:
            return number.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
    except InvalidOperation as error:
        raise InvalidChangeError(f"field {field}: expected a decimal number") from error
    raise InvalidChangeError(f"field {field}: expected a number below {bound:.0e}")


def change_sequence(change: Mapping[str, object]) -> int:
    """Return the number of a change: of two about the same thing, the higher one is the later word.

    0 where there is none, which is how applications of before there were numbers wrote: later than nothing.

    Raises:
        InvalidChangeError: it is no whole number of 64 bits above 0.
    """
    value = change.get("sequence")
    if value is None:
        return 0
    try:
        return whole_number(value, "sequence", least=1)
    except InvalidChangeError as error:
        raise InvalidChangeError("field sequence: expected a whole number above 0, of 64 bits") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One interaction as the timeline shows it: no payload, no identifiers."""

    person_id: str
    event_id: str
    event_type: str
    occurred_at: datetime
    source: str
    amount: Decimal | None = None
    currency: str | None = None
    session_id: str | None = None

    def expires_at(self, keep_days: int) -> datetime:
        """Return when the entry leaves the timeline; the lake keeps the interaction."""
        return self.occurred_at + timedelta(days=keep_days)


def entry_from_change(change: Mapping[str, object]) -> TimelineEntry:
    """Read a profile change of kind `event`; raise InvalidChangeError when it breaks the contract."""
    amount = change.get("amount")
    return TimelineEntry(
        person_id=required_text(change, "person_id"),
        event_id=required_text(change, "event_id"),
        event_type=required_text(change, "event_type"),
        occurred_at=required_moment(change, "occurred_at"),
        source=required_text(change, "source"),
        amount=None if amount is None else decimal_of(amount, "amount"),
        currency=_text_or_none(change.get("currency")),
        session_id=_text_or_none(change.get("session_id")),
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
