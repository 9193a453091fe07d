"""Simpler ways to say who buys of a department: how popular it is, and who bought of it before."""

from typing import Final

import numpy as np
import pandas as pd

from c360_ml.errors import InputError
from c360_ml.measures import Numbers
from c360_ml.targets import OFFER

BEFORE: Final = "orders_of_department_3_months"


def popularity(train: pd.DataFrame, holdout: pd.DataFrame) -> Numbers:
    """Return for everybody the share of those who bought."""
    return np.full(len(holdout), float(train[OFFER.label].mean()))


def bought_before(train: pd.DataFrame, holdout: pd.DataFrame) -> Numbers:
    """Return for who bought in the months before, and for who did not, the share of those like them who bought again.

    Raises:
        InputError: the rows do not say who bought before.
    """
    if BEFORE not in train or BEFORE not in holdout:
        raise InputError(f"features: column `{BEFORE}` is missing; unload all columns of `offer_features`")
    label, before = train[OFFER.label].to_numpy(dtype=float), (train[BEFORE] > 0).to_numpy()
    overall = float(label.mean())
    share = {kind: float(label[before == kind].mean()) if (before == kind).any() else overall for kind in (True, False)}
    return np.where((holdout[BEFORE] > 0).to_numpy(), share[True], share[False])
