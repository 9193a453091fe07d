"""Logistic regression with a ridge penalty, on features made alike: the peer of the model of churn."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from c360_ml.measures import Numbers

_PENALTY: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """Weights of features, and how each feature is made alike: filled, on a scale of logarithms, standardised."""

    filling: Numbers
    mean: Numbers
    deviation: Numbers
    weights: Numbers

    def chance(self, told: Numbers) -> Numbers:
        """Return the probability for each row."""
        alike = (_logarithms(told, self.filling) - self.mean) / self.deviation
        chance: Numbers = expit(alike @ self.weights[1:] + self.weights[0])
        return chance


def fit(told: Numbers, label: Numbers) -> Logistic:
    """Fit weights to rows of features with their outcome."""
    filling = np.array([_median(column) for column in told.T])
    spread = _logarithms(told, filling)
    mean, deviation = spread.mean(axis=0), spread.std(axis=0)
    deviation[deviation == 0] = 1.0
    alike = (spread - mean) / deviation

    def loss(weights: Numbers) -> tuple[float, Numbers]:
        z = alike @ weights[1:] + weights[0]
        error = expit(z) - label
        value = float((np.logaddexp(0, z) - label * z).sum() + _PENALTY / 2 * (weights[1:] ** 2).sum())
        slope = np.concatenate([[error.sum()], alike.T @ error + _PENALTY * weights[1:]])
        return value, slope

    found = minimize(loss, np.zeros(told.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 2000})
    return Logistic(filling=filling, mean=mean, deviation=deviation, weights=found.x)


def _median(column: Numbers) -> float:
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0


def _logarithms(told: Numbers, filling: Numbers) -> Numbers:
    filled = np.where(np.isnan(told), filling, told)
    logarithms: Numbers = np.sign(filled) * np.log1p(np.abs(filled))
    return logarithms
