"""How a series goes on, by exponential smoothing, and which of its values nobody would have expected.

The model is that of Hyndman and others (2002) with additive errors and a damped trend, from statsmodels. How well it
does is measured on periods that it has not seen: the newest ones, as many as it is asked for.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

LEAST_PERIODS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """One period ahead, with the interval that its value lies in."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is said of a series.

    Attributes:
        ahead: the periods after the last one.
        unexpected: places in the series of values outside of the interval that its past gave them.
        error: absolute errors on the periods held out, as a share of what these were: 0.1 is a tenth.
        naive_error: the same for the guess that each period is like the last one known.
        held_out: how many they were.
    """

    ahead: tuple[Ahead, ...]
    unexpected: tuple[int, ...]
    error: float
    naive_error: float
    held_out: int


def outlook(values: Sequence[float], *, ahead: int, interval: int) -> Outlook | None:
    """Return what comes after a series, or nothing where it is too short to say, or does not change.

    Args:
        values: one for each period, none missing.
        ahead: how many periods.
        interval: in percent, such as 90.
    """
    if len(values) < LEAST_PERIODS + ahead or len(set(values)) == 1:
        return None
    series = pd.Series(values, dtype=float)
    alpha = 1 - interval / 100
    seen, unseen = series.iloc[:-ahead], series.iloc[-ahead:].to_numpy()
    guessed = _smoothed(seen).forecast(ahead).to_numpy()
    whole = _smoothed(series)
    frame = whole.get_prediction(start=len(series), end=len(series) + ahead - 1).summary_frame(alpha=alpha)
    within = whole.get_prediction(start=0, end=len(series) - 1).summary_frame(alpha=0.01)
    low, high = within["pi_lower"].to_numpy(), within["pi_upper"].to_numpy()
    size = float(np.abs(unseen).sum()) or 1.0
    return Outlook(
        ahead=tuple(
            Ahead(value=float(row["mean"]), low=float(row["pi_lower"]), high=float(row["pi_upper"]))
            for _, row in frame.iterrows()
        ),
        unexpected=tuple(
            int(place) for place in np.flatnonzero((series.to_numpy() < low) | (series.to_numpy() > high))
        ),
        error=float(np.abs(unseen - guessed).sum()) / size,
        naive_error=float(np.abs(unseen - seen.iloc[-1]).sum()) / size,
        held_out=ahead,
    )


def _smoothed(series: "pd.Series[float]") -> Any:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    with warnings.catch_warnings():
        # The optimizer says when it stopped early; the error on unseen periods says what that did.
        warnings.simplefilter("ignore")
        return ETSModel(series, error="add", trend="add", damped_trend=True).fit(disp=False)
