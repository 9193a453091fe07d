"""Reads the fields of a change, as the streams carry it: each value is what its contract allows, or is refused."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Context, Decimal, InvalidOperation
from typing import Final

from c360_core.moments import moment

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


def optional_text(source: Mapping[str, object], field: str) -> str | None:
    """Return a text field, None when it is missing or empty; raise InvalidChangeError when it is no text."""
    value = source.get(field)
    if value is None or isinstance(value, str):
        return value or None
    raise InvalidChangeError(f"field {field}: expected a text, got {type(value).__name__}")


def count_of(source: Mapping[str, object], field: str) -> int:
    """Return a count, 0 when it is missing; raise InvalidChangeError when it is no whole number from 0."""
    value = source.get(field)
    return 0 if value is None else whole_number(value, field, least=0)
