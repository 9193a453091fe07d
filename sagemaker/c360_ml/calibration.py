"""Makes probabilities of margins: by Platt's sigmoid, or by isotonic regression where there are enough rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit

from c360_ml.measures import Numbers

# Isotonic regression follows the sample where the sigmoid keeps its shape: it needs so many rows of the rarer kind.
ENOUGH: Final = 1000
_MOST_STEPS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Margins and the chances that belong to them; `slope` and `offset` for Platt, steps for isotonic regression."""

    method: str
    slope: float = 1.0
    offset: float = 0.0
    margins: tuple[float, ...] = ()
    chances: tuple[float, ...] = ()

    def chance(self, margin: Numbers) -> Numbers:
        """Return the probability of each margin."""
        if self.method == "platt":
            chance: Numbers = expit(self.slope * margin + self.offset)
            return chance
        return np.interp(margin, self.margins, self.chances)

    def as_dict(self) -> dict[str, Any]:
        """Return the calibration as JSON has it."""
        if self.method == "platt":
            return {"method": self.method, "slope": self.slope, "offset": self.offset}
        return {"method": self.method, "margins": list(self.margins), "chances": list(self.chances)}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Calibration":
        """Return a calibration that was stored as JSON."""
        steps: dict[str, Any] = {name: tuple(value) for name, value in stored.items() if isinstance(value, list)}
        return cls(**{**stored, **steps})


def calibrate(margin: Numbers, label: Numbers) -> Calibration:
    """Return what fits the outcome of a later cut best."""
    rarer = min(float(label.sum()), float(len(label) - label.sum()))
    return _isotonic(margin, label) if rarer >= ENOUGH else platt(margin, label)


def platt(margin: Numbers, label: Numbers) -> Calibration:
    """Fit a sigmoid, to targets a little off 0 and 1, as Platt does, so that a clean cut does not make it a step."""
    positive = float(label.sum())
    negative = len(label) - positive
    wanted = np.where(label == 1, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(both: Numbers) -> tuple[float, Numbers]:
        z = both[0] * margin + both[1]
        error = expit(z) - wanted
        value = float((np.logaddexp(0, z) - wanted * z).sum())
        return value, np.array([(error * margin).sum(), error.sum()])

    fit = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.0, None), (None, None)])
    return Calibration(method="platt", slope=float(fit.x[0]), offset=float(fit.x[1]))


def _isotonic(margin: Numbers, label: Numbers) -> Calibration:
    order = np.argsort(margin, kind="stable")
    fit = isotonic_regression(label[order])
    blocks = fit.blocks
    middles = np.add.reduceat(margin[order], blocks[:-1]) / np.diff(blocks)
    most = 1 - 1 / (len(label) + 2)  # nobody is certain
    chances = np.clip(fit.x[blocks[:-1]], 1 - most, most)
    if len(middles) > _MOST_STEPS:
        kept = np.unique(np.linspace(0, len(middles) - 1, _MOST_STEPS).astype(int))
        middles, chances = middles[kept], chances[kept]
    return Calibration(method="isotonic", margins=tuple(map(float, middles)), chances=tuple(map(float, chances)))
