"""The SQL by which columns of a profile follow from interactions, made from the contract of `profiles`.

Each interaction adds to places of the arrays that the application's functions add up (`c360.Sums`); a column is
computed from the totals of its places. `additions` says what an interaction adds, `results` how columns are computed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from c360_core.contracts import Derivation, Field
from c360_core.names import Fold
from c360_core.projections import field_id, flink_type

# The arrays, and the type of what each holds.
ARRAYS: Final[Mapping[str, str]] = {
    "counts": "BIGINT",
    "amounts": "DECIMAL(38, 2)",
    "earliest": "TIMESTAMP_LTZ(3)",
    "latest": "TIMESTAMP_LTZ(3)",
    "lowest": "STRING",
    "highest": "STRING",
}
# Beside the arrays: texts by name, for the one column that is a map.
BY_NAME: Final = "highest_by_name"
BY_NAME_TYPE: Final = "MAP<STRING, STRING>"
# Zero, and not unknown, where nothing was added.
ZERO_WITHOUT_ADDITIONS: Final = ("counts", "amounts")

# An interaction's place in time: digits for the moment, then the 32 of a hash that tells events of one moment apart.
TIME_PATTERN: Final = "yyyyMMddHHmmssSSS"
TIME_LENGTH: Final = len(TIME_PATTERN)
PLACE_IN_TIME: Final = (
    f"DATE_FORMAT(CAST(occurred_at AS TIMESTAMP(3)), '{TIME_PATTERN}') || MD5(source || ':' || event_id)"
)
TEXT_START: Final = TIME_LENGTH + 32 + 1
SHORT_DECIMAL: Final = "^-?[0-9]{1,30}([.][0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$"
SHORT_NUMBER: Final = "^-?[0-9]{1,30}([.][0-9]{1,9})?([eE][+]?[0-9]{1,2})?$"
CURRENCY: Final = "currency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What each interaction adds to one place.

    Attributes:
        name: of the place, as a column.
        array: which array the place is in.
        value: SQL over an interaction; null adds nothing.
    """

    name: str
    array: str
    value: str


def derived(fields: Iterable[Field]) -> list[tuple[Field, Derivation]]:
    """Return the columns that follow from interactions."""
    return [(field, field.derivation) for field in fields if field.derivation is not None]


def additions(fields: Iterable[Field]) -> Sequence[Addition]:
    """Return what an interaction adds to for these columns; columns that need the same share a place.

    The places stand in the order of the field ids: that of a new column comes last, and the sums that an application
    has in its state keep their places.
    """
    places: dict[tuple[str, str], Addition] = {}
    for field, derivation in sorted(derived(fields), key=lambda pair: field_id(pair[0])):
        for addition in _FOLDS[derivation.fold].additions(field.name, derivation):
            places.setdefault((addition.array, addition.value), addition)
    order = [*ARRAYS, BY_NAME]
    return sorted(places.values(), key=lambda addition: order.index(addition.array))


def results(fields: Iterable[Field]) -> Mapping[str, str]:
    """Return SQL for each of these columns, over the totals of all places by name."""
    fields = tuple(fields)
    names = {(addition.array, addition.value): addition.name for addition in additions(fields)}
    return {
        field.name: _FOLDS[derivation.fold].result(
            [
                f"`{names[addition.array, addition.value]}`"
                for addition in _FOLDS[derivation.fold].additions(field.name, derivation)
            ],
            field,
            derivation,
        )
        for field, derivation in derived(fields)
    }


def whole_number_sql(document: str, name: str) -> str:
    """Return the whole number in a field of a JSON text: 3, 3.0 and 3e0 are 3; null where there is none.

    What is no short number is not even tried: written without its exponent, 1e99999999 is a hundred megabytes.
    """
    text = f"JSON_VALUE({document}, '$.{name}')"
    number = f"TRY_CAST({text} AS DECIMAL(38, 9))"
    whole = f"CASE WHEN {number} = FLOOR({number}) THEN TRY_CAST(CAST(FLOOR({number}) AS STRING) AS BIGINT) END"
    return f"CASE WHEN REGEXP({text}, '{SHORT_NUMBER}') THEN {whole} END"


def decimal_sql(document: str, name: str) -> str:
    """Return the number in a field of a JSON text with six digits after the point, null where there is none."""
    text = f"JSON_VALUE({document}, '$.{name}')"
    return f"CASE WHEN REGEXP({text}, '{SHORT_DECIMAL}') THEN TRY_CAST({text} AS DECIMAL(18, 6)) END"


# ---- folds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fold:
    """How one kind of column adds up.

    Attributes:
        additions: what an interaction adds, for a column of this name.
        result: SQL of the column over the totals of these additions, in their order.
    """

    additions: Callable[[str, Derivation], Sequence[Addition]]
    result: Callable[[Sequence[str], Field, Derivation], str]


def _counted(value: str, derivation: Derivation) -> str:
    return value if derivation.when is None else f"CASE WHEN {derivation.when} THEN {value} END"


def _one(array: str) -> Callable[[str, Derivation], Sequence[Addition]]:
    def of(name: str, derivation: Derivation) -> Sequence[Addition]:
        value = "1" if derivation.of is None else f"`{derivation.of}`"
        return [Addition(name=name, array=array, value=_counted(value, derivation))]

    return of


def _total(totals: Sequence[str], _field: Field, _derivation: Derivation) -> str:
    return totals[0]


def _money(name: str, derivation: Derivation) -> Sequence[Addition]:
    currency = Derivation(fold=Fold.SINGLE, of=CURRENCY, when=derivation.when)
    return [*_one("amounts")(name, derivation), *_ends(f"{name}_{CURRENCY}", currency)]


def _sum_in_one_currency(totals: Sequence[str], field: Field, _derivation: Derivation) -> str:
    """A sum over several currencies means nothing: then there is none."""
    amount, lowest, highest = totals
    return f"CASE WHEN {lowest} <> {highest} THEN NULL ELSE CAST({amount} AS {flink_type(field)}) END"


def _ends(name: str, derivation: Derivation) -> Sequence[Addition]:
    value = _counted(f"`{derivation.of}`", derivation)
    return [Addition(name=f"{array}_{name}", array=array, value=value) for array in ("lowest", "highest")]


def _single(totals: Sequence[str], _field: Field, _derivation: Derivation) -> str:
    lowest, highest = totals
    return f"CASE WHEN {lowest} = {highest} THEN {lowest} END"


def _marks(name: str, derivation: Derivation) -> Sequence[Addition]:
    mark = _counted(whole_number_sql("payload", str(derivation.payload_field)), derivation)
    return [
        Addition(name=f"{name}_sum", array="counts", value=mark),
        Addition(name=f"{name}_count", array="counts", value=f"CASE WHEN ({mark}) IS NOT NULL THEN 1 END"),
    ]


def _average(totals: Sequence[str], field: Field, _derivation: Derivation) -> str:
    total, count = totals
    return f"CASE WHEN {count} > 0 THEN CAST(CAST({total} AS DECIMAL(18, 4)) / {count} AS {flink_type(field)}) END"


def _newest_payload(name: str, derivation: Derivation) -> Sequence[Addition]:
    """The text starts with its place in time, so that the highest one is the newest."""
    value = _counted(f"{PLACE_IN_TIME} || payload", derivation)
    return [Addition(name=f"{name}_payload", array="highest", value=value)]


def _payload_field(totals: Sequence[str], field: Field, derivation: Derivation) -> str:
    document, name = f"SUBSTRING({totals[0]} FROM {TEXT_START})", str(derivation.payload_field)
    if field.logical_type == "integer":
        return f"CAST({whole_number_sql(document, name)} AS {flink_type(field)})"
    value = f"JSON_VALUE({document}, '$.{name}')"
    return value if field.logical_type == "string" else f"TRY_CAST({value} AS {flink_type(field)})"


def _named_payload(name: str, derivation: Derivation) -> Sequence[Addition]:
    text = f"{PLACE_IN_TIME} || CAST({decimal_sql('payload', str(derivation.payload_field))} AS STRING)"
    entry = f"MAP[JSON_VALUE(payload, '$.{derivation.payload_name}'), {text}]"
    return [Addition(name=f"{name}_newest", array=BY_NAME, value=_counted(entry, derivation))]


def _values_by_name(totals: Sequence[str], field: Field, _derivation: Derivation) -> str:
    return f"CAST(texts_from({totals[0]}, {TEXT_START}) AS {flink_type(field)})"


_FOLDS: Final[Mapping[Fold, _Fold]] = {
    Fold.COUNT: _Fold(additions=_one("counts"), result=_total),
    Fold.SUM: _Fold(additions=_money, result=_sum_in_one_currency),
    Fold.AVERAGE: _Fold(additions=_marks, result=_average),
    Fold.EARLIEST: _Fold(additions=_one("earliest"), result=_total),
    Fold.LATEST: _Fold(additions=_one("latest"), result=_total),
    Fold.SINGLE: _Fold(additions=_ends, result=_single),
    Fold.NEWEST: _Fold(additions=_newest_payload, result=_payload_field),
    Fold.NEWEST_OF_EACH: _Fold(additions=_named_payload, result=_values_by_name),
}
