"""What models are told of customers, as SageMaker's Feature Store keeps it: records of texts, each of a kind."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from c360_core.moments import moment_text

PERSON: Final = "person_id"
CUT: Final = "cut_on"
RECORDED_AT: Final = "recorded_at"  # the event time: of two records of a person the store shows the later one
# By the score in the profile: the model that foretells it, and whose endpoint answers.
MODEL_OF: Final[Mapping[str, str]] = MappingProxyType({"churn_risk": "churn", "expected_value": "value"})

FeatureValue = Mapping[str, str]


class FeatureError(ValueError):
    """A row or a record does not have what the features of a group say; the message names the feature."""


class FeatureKind(StrEnum):
    """The kinds that the Feature Store has."""

    STRING = "String"
    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"


def record_of(row: Mapping[str, object], kinds: Mapping[str, FeatureKind], *, at: datetime) -> list[FeatureValue]:
    """Return a row as a record. What is unknown is left out: the store has no nulls.

    Args:
        row: by column; columns that are no features are left out.
        kinds: of the features of the group.
        at: when the record was made.

    Raises:
        FeatureError: the row names nobody, or a value is not of its kind.
    """
    if not row.get(PERSON):
        raise FeatureError(f"feature {PERSON}: it is missing; a record is about a person")
    texts = {name: _text(name, row[name], kind) for name, kind in kinds.items() if row.get(name) is not None}
    texts[RECORDED_AT] = moment_text(at)
    return [{"FeatureName": name, "ValueAsString": text} for name, text in texts.items()]


def row_of(record: Iterable[FeatureValue], kinds: Mapping[str, FeatureKind]) -> dict[str, str | int | float | None]:
    """Return a record as the row that a model is asked with; what the record does not have is None.

    Raises:
        FeatureError: a value is not of its kind.
    """
    texts = {one["FeatureName"]: one["ValueAsString"] for one in record}
    return {name: _value(name, texts[name], kind) if name in texts else None for name, kind in kinds.items()}


def definitions(kinds: Mapping[str, FeatureKind]) -> Sequence[tuple[str, FeatureKind]]:
    """Return every feature of a group with its kind, that of the time included."""
    return (*kinds.items(), (RECORDED_AT, FeatureKind.STRING))


def _text(name: str, value: object, kind: FeatureKind) -> str:
    if kind is FeatureKind.STRING:
        return str(value)
    number = _number(name, value)
    if kind is FeatureKind.FRACTIONAL:
        return format(number, "f")
    if number != number.to_integral_value():
        raise FeatureError(f"feature {name}: {value!r} is no whole number")
    return str(int(number))


def _value(name: str, text: str, kind: FeatureKind) -> str | int | float:
    if kind is FeatureKind.STRING:
        return text
    number = _number(name, text)
    return int(number) if kind is FeatureKind.INTEGRAL else float(number)


def _number(name: str, value: object) -> Decimal:
    try:
        number = Decimal(str(float(value)) if isinstance(value, bool) else str(value))
    except (InvalidOperation, ValueError) as error:
        raise FeatureError(f"feature {name}: {value!r} is no number") from error
    if not number.is_finite():
        raise FeatureError(f"feature {name}: {value!r} is no number")
    return number
