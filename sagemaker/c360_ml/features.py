"""Which columns a model is told: those of the mart that are numbers, and no leak.

The mart alone says what the features are: a column that it gets is a feature with the next training.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from c360_ml import measures
from c360_ml.errors import InputError
from c360_ml.measures import Numbers
from c360_ml.targets import CURRENCY, CUT, KEYS, LABELS, MONEY, SUMS, TENURE, Target

ANY: Final = "*"
_FEWEST: Final = 20  # people whose median says what an amount in their currency is worth
_BINS: Final = 20
_WINDOW: Final = re.compile(r"_(\d+)_months$")
_DAYS_OF_A_MONTH: Final = 365.25 / 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A column that says what will happen.

    Attributes:
        separation: how well it alone ranks the label: the area under the curve of who leaves, or who spends anything,
            or the rank correlation with what those spend; None for a date.
    """

    column: str
    separation: float | None
    why: str

    def as_dict(self) -> dict[str, object]:
        """Return the leak as JSON has it."""
        return {"column": self.column, "separation": self.separation, "why": self.why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Columns that are features, and why each of the others is none."""

    columns: tuple[str, ...]
    dropped: Mapping[str, str]


def choose(train: pd.DataFrame) -> Chosen:
    """Return the features among the columns of the training cuts.

    Raises:
        InputError: there is none.
    """
    columns: list[str] = []
    dropped: dict[str, str] = {}
    for name in train.columns:
        if name in KEYS or name in LABELS:
            continue
        if not types.is_numeric_dtype(train[name]):
            dropped[name] = "is not a number"
        elif train[name].nunique(dropna=False) == 1:
            dropped[name] = "is the same for everybody"
        else:
            columns.append(name)
    if not columns:
        raise InputError("features: no column differs between people; there is nothing to learn from")
    return Chosen(columns=tuple(columns), dropped=dropped)


def leaks(
    train: pd.DataFrame, newest: pd.DataFrame | None, columns: Sequence[str], target: Target, *, limit: float
) -> list[Leak]:
    """Return the columns that tell the label, or that nobody could know at the cut.

    Args:
        train: rows with labels.
        newest: rows whose outcome nobody can know yet, if they are at hand.
        columns: the features.
        limit: what no honest feature alone reaches.
    """
    label = train[target.label].to_numpy(dtype=float)
    found = []
    for name in columns:
        separation = _separation(train[name].to_numpy(dtype=float), label, target)
        if separation >= limit:
            found.append(Leak(column=name, separation=separation, why=f"alone ranks `{target.label}`"))
        elif newest is not None and newest[name].isna().all() and not train[name].isna().all():
            why = "is empty at the newest cut, so it is known only afterwards"
            found.append(Leak(column=name, separation=separation, why=why))
    return found + _later(train)


def scales(train: pd.DataFrame) -> dict[str, float]:
    """Return what a customer typically spends in each currency, so that a model compares amounts of all of them."""
    money = [name for name in train.columns if name.startswith(MONEY) and name not in LABELS]
    if not money:
        return {ANY: 1.0}
    amounts = train[money].max(axis=1)
    spent = amounts[amounts > 0]
    if spent.empty:
        return {ANY: 1.0}
    by_currency = spent.groupby(train.loc[spent.index, CURRENCY]) if CURRENCY in train else ()
    known = {str(name): float(group.median()) for name, group in by_currency if len(group) >= _FEWEST}
    return {**known, ANY: float(spent.median())}


def scale_of(frame: pd.DataFrame, by_currency: Mapping[str, float]) -> Numbers:
    """Return the scale of each row; that of everybody, where the currency is empty or was not known in training."""
    other = by_currency[ANY]
    if CURRENCY not in frame:
        return np.full(len(frame), other)
    return np.array([by_currency.get(name, other) if isinstance(name, str) else other for name in frame[CURRENCY]])


def matrix(frame: pd.DataFrame, columns: Sequence[str], by_currency: Mapping[str, float]) -> Numbers:
    """Return the features as numbers: amounts in units of what is typical in their currency, and sums by the month.

    Sums grow with the time for which somebody has been known. A model that saw people who were known for shorter than
    those whom it is asked about would take them for better customers than they are.

    Raises:
        InputError: a column is missing or holds something else than numbers.
    """
    missing = [name for name in columns if name not in frame]
    if missing:
        raise InputError(f"rows: column `{missing[0]}` is missing; the model needs {', '.join(columns)}")
    scale = scale_of(frame, by_currency)
    tenure = _numbers(frame[TENURE]) if TENURE in columns else None
    filled = np.empty((len(frame), len(columns)))
    for index, name in enumerate(columns):
        numbers = _numbers(frame[name])
        if name.startswith(MONEY):
            numbers = numbers / scale
        if tenure is not None and name.startswith(SUMS):
            numbers = numbers / _months(name, tenure)
        filled[:, index] = numbers
    return filled


def _months(name: str, tenure: Numbers) -> Numbers:
    """Return of how many months of somebody's time a column is the sum; one at least."""
    window = _WINDOW.search(name)
    longest = float(window[1]) if window else np.inf
    months: Numbers = np.clip(tenure / _DAYS_OF_A_MONTH, 1.0, longest)
    return months


def _numbers(column: pd.Series) -> Numbers:
    try:
        numbers: Numbers = pd.to_numeric(column).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"rows: column `{column.name}` holds something that is no number: {error}") from error
    if np.isinf(numbers).any():
        raise InputError(f"rows: column `{column.name}` is infinite somewhere; leave out what is not known")
    return numbers


def _separation(feature: Numbers, label: Numbers, target: Target) -> float:
    """Rank by the feature, and by the mean label of its bins, so that neither shape nor emptiness hides a leak."""
    lowest = np.nanmin(feature, initial=0.0) - 1
    ranked = np.where(np.isnan(feature), lowest, feature)
    some = label > 0
    separation = max(measures.auc(some.astype(float), one) for one in (ranked, -ranked, _bin_means(feature, some)))
    if target.is_chance or not some.any():
        return separation
    amounts, spent = label[some], (ranked[some], -ranked[some], _bin_means(feature[some], label[some]))
    return max(separation, *(measures.spearman(amounts, one) for one in spent))


def _bin_means(feature: Numbers, label: NDArray[Any]) -> Numbers:
    known = ~np.isnan(feature)
    values = np.unique(feature[known])
    edges = (
        values if len(values) <= _BINS else np.unique(np.quantile(feature[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
    )
    side = np.searchsorted(edges, feature, side="right")
    bins = np.where(known, side, len(edges) + 1)
    sums = np.bincount(bins, weights=label, minlength=len(edges) + 2)
    counts = np.bincount(bins, minlength=len(edges) + 2)
    means: Numbers = (sums / np.maximum(counts, 1))[bins]
    return means


def _later(train: pd.DataFrame) -> list[Leak]:
    """Return columns with a date on or after the cut."""
    cut = pd.to_datetime(train[CUT])
    return [
        Leak(column=name, separation=None, why="holds a date that is not before the cut")
        for name in train.columns
        if types.is_datetime64_any_dtype(train[name]) and bool((train[name] >= cut).any())
    ]
