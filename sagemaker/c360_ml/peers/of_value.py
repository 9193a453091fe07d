"""What the older methods expect customers to spend, from the columns of `churn_features`."""

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from c360_ml import features
from c360_ml.errors import InputError
from c360_ml.measures import Numbers
from c360_ml.peers.lifetime import Buying, fit_amounts, fit_orders
from c360_ml.split import months_after

NEEDED: Final = ("orders", "tenure_days", "recency_days", "spend", "spend_3_months")
_QUARTER: Final = 3  # months that the mart sums up
_MOST: Final = 20_000  # people that the parameters are fitted to; more change them little


def bg_nbd_gamma_gamma(frame: pd.DataFrame, *, window: int, seed: int) -> Numbers:
    """Return what BG/NBD and gamma-gamma expect, fitted to the same customers, whose outcome they need not know.

    Raises:
        InputError: a column is missing, or nobody has ordered twice.
    """
    scale = features.scale_of(frame, features.scales(frame))
    known = _buying(frame, scale)
    chosen = np.random.default_rng(seed).permutation(len(frame))[:_MOST]
    some = Buying(
        repeats=known.repeats[chosen], last=known.last[chosen], age=known.age[chosen], amount=known.amount[chosen]
    )
    orders = fit_orders(some).orders(known, _days(frame, window))
    amount = fit_amounts(some).amount(known)
    expected: Numbers = orders * amount * scale
    return expected


def same_as_last_window(frame: pd.DataFrame, *, window: int) -> Numbers:
    """Return what each customer spent in the three months before, by the length of the window."""
    spent: Numbers = _column(frame, "spend_3_months") * window / _QUARTER
    return spent


def _days(frame: pd.DataFrame, window: int) -> float:
    cut = str(frame["cut_on"].iloc[0])
    return float((date.fromisoformat(months_after(cut, window)) - date.fromisoformat(cut)).days)


def _buying(frame: pd.DataFrame, scale: Numbers) -> Buying:
    orders, age = _column(frame, "orders"), _column(frame, "tenure_days")
    last = age - _column(frame, "recency_days")
    amount = np.maximum(_column(frame, "spend") / scale, 0.0) / np.maximum(orders, 1.0)
    return Buying(repeats=np.maximum(orders - 1, 0.0), last=np.clip(last, 0.0, age), age=age, amount=amount)


def _column(frame: pd.DataFrame, name: str) -> Numbers:
    if name not in frame:
        raise InputError(f"rows: column `{name}` is missing; the peers of the model of value need {', '.join(NEEDED)}")
    numbers: Numbers = frame[name].fillna(0.0).to_numpy(dtype=float)
    return numbers
