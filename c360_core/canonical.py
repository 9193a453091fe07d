"""The canonical form of each value that a contract names, however its sender wrote it.

A whole number has digits only: `3.0` and `3e0` are 3. Money is text with two digits after the point, rounded half up,
once: `"12.5"` and `12.50` are `"12.50"`. A time is in UTC. Numbers are exact; no binary float is involved. A value that
cannot be read stays as it is, and the contract's schema refuses it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from typing import Any, Final

from c360_core.contracts import Field
from c360_core.exact_json import MAX_NUMBER_LENGTH, Path, shown
from c360_core.moments import moment_text
from c360_core.names import Money

# The greatest amount that fits into DECIMAL(14, 2).
MAX_MONEY: Final = Decimal("999999999999.99")

_CENT: Final = Decimal("0.01")
# Exact for the product of two numbers of the greatest length that we accept in JSON, so that only cents are rounded.
_EXACT: Final = Context(prec=2 * MAX_NUMBER_LENGTH, rounding=ROUND_HALF_UP)
_NUMBER: Final = re.compile(r"-?[0-9]+([.][0-9]+)?")
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
)


class Flaw(StrEnum):
    """Why a value has no canonical form; the names are those of the reason codes."""

    WRONG_TYPE = "WRONG_TYPE"
    OUT_OF_RANGE = "OUT_OF_RANGE"


class UnreadableValueError(ValueError):
    """A value has no canonical form.

    Attributes:
        flaw: why, for programs.
        field: the field, such as `payload.total`; None where no name can be shown.
        problem: what is wrong, in words that follow the name of the field.
        fix: what the sender can do; None where the problem says it.
    """

    def __init__(self, flaw: Flaw, path: Path, problem: str, fix: str | None = None) -> None:
        self.flaw = flaw
        self.field = shown(path)
        self.problem = problem
        self.fix = fix
        super().__init__(f"`{self.field}` {problem}" + (f"; {fix}" if fix else ""))


def canonical_fields(values: Mapping[str, Any], fields: Iterable[Field], path: Path = ()) -> dict[str, Any]:
    """Return an object with the fields of its contract in their canonical form, and all others as they are.

    Raises:
        UnreadableValueError: a field has no canonical form.
    """
    canonical = dict(values)
    for field in fields:
        value = canonical.get(field.name)
        if value is not None:
            canonical[field.name] = _canonical(value, field, (*path, field.name))
    return canonical


def decimal_of(value: Any) -> Decimal | None:
    """Return a value of a JSON document as an exact number, also from a text; None when it is no number."""
    match value:
        case bool():
            return None
        case int() | Decimal():
            return Decimal(value)
        case float():  # not from our parser, but put into a document by Python code
            number = Decimal(repr(value))
            return number if number.is_finite() else None
        case str() if len(value) <= MAX_NUMBER_LENGTH and _NUMBER.fullmatch(value):
            return Decimal(value)
    return None


def whole_number(value: Any) -> int | None:
    """Return a JSON number as a whole number, however it is written; None for anything else."""
    number = None if isinstance(value, str) else decimal_of(value)
    return int(number) if number is not None and number == number.to_integral_value(context=_EXACT) else None


def product(one: Decimal, other: Decimal) -> Decimal:
    """Return the product, exactly."""
    return _EXACT.multiply(one, other)


def money_text(amount: Decimal) -> str | None:
    """Return an amount as text with two digits after the point, rounded half up; None when it exceeds the limit."""
    if amount and amount.adjusted() > MAX_MONEY.adjusted():
        return None
    rounded = amount.quantize(_CENT, context=_EXACT)
    return f"{abs(rounded) if rounded.is_zero() else rounded}" if rounded.copy_abs() <= MAX_MONEY else None


def _canonical(value: Any, field: Field, path: Path) -> Any:
    kind = "money" if field.money else field.logical_type
    read = _READERS.get(kind)
    return read(value, field, path) if read else value


def _integer(value: Any, _: Field, __: Path) -> Any:
    number = whole_number(value)
    return value if number is None else number


def _number(value: Any, field: Field, path: Path) -> Any:
    number = None if isinstance(value, str) else decimal_of(value)
    if number is None or field.precision is None or field.scale is None:
        return value
    digits = field.precision - field.scale
    in_reach = not number or number.adjusted() < digits
    rounded = number.quantize(Decimal((0, (1,), -field.scale)), context=_EXACT) if in_reach else number
    if rounded.copy_abs() >= Decimal((0, (1,), digits)):
        raise UnreadableValueError(Flaw.OUT_OF_RANGE, path, f"must have at most {digits} digits before the point")
    return rounded


def _money(value: Any, field: Field, path: Path) -> Any:
    amount = decimal_of(value)
    if amount is None:
        raise UnreadableValueError(Flaw.WRONG_TYPE, path, "must be money", 'send it as text, for example "12.34"')
    text = money_text(amount.copy_abs() if field.money is Money.MAGNITUDE else amount)
    if text is None:
        raise UnreadableValueError(Flaw.OUT_OF_RANGE, path, f"must be at most {MAX_MONEY}", "send amounts within that")
    if text.startswith("-"):
        raise UnreadableValueError(Flaw.OUT_OF_RANGE, path, "must not be below zero", "send a return as its own event")
    return text


def _time(value: Any, _: Field, path: Path) -> Any:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return value
    try:
        return moment_text(datetime.fromisoformat(value).astimezone(UTC))
    except ValueError as error:
        raise UnreadableValueError(Flaw.WRONG_TYPE, path, "is no time that exists", "send ISO 8601 UTC") from error
    except OverflowError as error:
        raise UnreadableValueError(Flaw.OUT_OF_RANGE, path, "is no year that we count", "correct the clock") from error


def _array(value: Any, field: Field, path: Path) -> Any:
    if not isinstance(value, list) or field.items is None:
        return value
    items = field.items
    return [part if part is None else _canonical(part, items, (*path, index)) for index, part in enumerate(value)]


def _object(value: Any, field: Field, path: Path) -> Any:
    return canonical_fields(value, field.fields, path) if isinstance(value, dict) else value


_READERS: Final[Mapping[str, Callable[[Any, Field, Path], Any]]] = {
    "integer": _integer,
    "number": _number,
    "money": _money,
    "timestamp": _time,
    "array": _array,
    "object": _object,
}
