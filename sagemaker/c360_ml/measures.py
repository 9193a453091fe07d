"""How good a forecast is. Every number is computed here from its definition, on numpy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Numbers: TypeAlias = NDArray[np.float64]
Measure: TypeAlias = Callable[[Numbers, Numbers], float]

_SMALLEST: Final = 1e-7  # no forecast is quite certain: a single surprise would make the loss infinite
_POWER: Final = 1.5
_LOW, _HIGH = 2.5, 97.5
_TENTH: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measure, with the limits that hold in 95 of 100 samples like this one."""

    value: float
    low: float
    high: float
    standard_deviation: float

    def as_dict(self) -> dict[str, float]:
        """Return the estimate as JSON has it."""
        return asdict(self)


def auc(label: Numbers, score: Numbers) -> float:
    """Return the chance that one who left ranks above one who stayed; one half if there is only one kind."""
    positive = float(label.sum())
    negative = len(label) - positive
    if positive == 0 or negative == 0:
        return 0.5
    ranks = rankdata(score)
    return float((ranks[label == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def log_losses(label: Numbers, chance: Numbers) -> Numbers:
    """Return the loss of each row."""
    clipped = np.clip(chance, _SMALLEST, 1 - _SMALLEST)
    losses: Numbers = -(label * np.log(clipped) + (1 - label) * np.log1p(-clipped))
    return losses


def log_loss(label: Numbers, chance: Numbers) -> float:
    """Return the mean loss of probabilities."""
    return float(log_losses(label, chance).mean())


def brier(label: Numbers, chance: Numbers) -> float:
    """Return the mean squared error of probabilities."""
    return float(((chance - label) ** 2).mean())


def tweedie_deviances(actual: Numbers, foretold: Numbers) -> Numbers:
    """Return the deviance of each row, for a power of 1.5; what is below zero counts as zero."""
    spent = np.maximum(actual, 0.0)
    mean = np.maximum(foretold, _SMALLEST)
    first = 2 * spent ** (2 - _POWER) / ((1 - _POWER) * (2 - _POWER))
    second = 2 * spent * mean ** (1 - _POWER) / (1 - _POWER)
    third = 2 * mean ** (2 - _POWER) / (2 - _POWER)
    deviances: Numbers = first - second + third
    return deviances


def tweedie_deviance(actual: Numbers, foretold: Numbers) -> float:
    """Return the mean deviance."""
    return float(tweedie_deviances(actual, foretold).mean())


def mean_absolute_error(actual: Numbers, foretold: Numbers) -> float:
    """Return the mean of how far off each row is."""
    return float(np.abs(actual - foretold).mean())


def total_error(actual: Numbers, foretold: Numbers) -> float:
    """Return by which share the sum of all rows is off."""
    total = float(actual.sum())
    return float(foretold.sum()) / total - 1 if total else 0.0


def spearman(actual: Numbers, foretold: Numbers) -> float:
    """Return the correlation of ranks; nothing if all are alike."""
    if np.ptp(actual) == 0 or np.ptp(foretold) == 0:
        return 0.0
    return float(np.corrcoef(rankdata(actual), rankdata(foretold))[0, 1])


def captured(amount: Numbers, score: Numbers, share: float) -> float:
    """Return the share of an amount that the customers with the highest scores have. Equal scores share a place."""
    total = float(amount.sum())
    if total <= 0:
        return 0.0
    taken = share * len(amount)
    order = np.argsort(-score, kind="stable")
    _, first, counts = np.unique(-score[order], return_index=True, return_counts=True)
    sums = np.add.reduceat(amount[order], first)
    inside = np.clip((taken - first) / counts, 0.0, 1.0)
    return float((sums * inside).sum() / total)


def top_decile(actual: Numbers, foretold: Numbers) -> float:
    """Return the share of all spend by the tenth of the customers of whom most is expected."""
    return captured(np.maximum(actual, 0.0), foretold, _TENTH)


CHANCE_MEASURES: Final[Mapping[str, Measure]] = {"auc": auc, "log_loss": log_loss, "brier": brier}
AMOUNT_MEASURES: Final[Mapping[str, Measure]] = {
    "mae": mean_absolute_error,
    "total_error": total_error,
    "spearman": spearman,
    "top_decile": top_decile,
    "tweedie_deviance": tweedie_deviance,
}


def estimates(
    measured: Mapping[str, Measure], label: Numbers, score: Numbers, *, times: int, seed: int
) -> dict[str, Estimate]:
    """Return each measure with limits from samples of the people with replacement."""
    samples = _samples(len(label), times, seed)
    found = {}
    for name, measure in measured.items():
        drawn = np.array([measure(label[rows], score[rows]) for rows in samples])
        low, high = np.percentile(drawn, (_LOW, _HIGH))
        value = measure(label, score)
        found[name] = Estimate(value=value, low=float(low), high=float(high), standard_deviation=float(drawn.std()))
    return found


def gain(ours: Numbers, theirs: Numbers, *, times: int, seed: int) -> Estimate:
    """Return by which share our mean loss is below theirs on the same people."""

    def share(rows: NDArray[np.int64] | slice) -> float:
        other = float(theirs[rows].mean())
        return 1 - float(ours[rows].mean()) / other if other else 0.0

    drawn = np.array([share(rows) for rows in _samples(len(ours), times, seed)])
    low, high = np.percentile(drawn, (_LOW, _HIGH))
    value = share(slice(None))
    return Estimate(value=value, low=float(low), high=float(high), standard_deviation=float(drawn.std()))


def by_decile(label: Numbers, score: Numbers) -> list[dict[str, Any]]:
    """Return what was expected and what happened in each tenth of the people, from the lowest score to the highest."""
    parts: Sequence[NDArray[np.int64]] = np.array_split(np.argsort(score, kind="stable"), 10)
    return [
        {
            "decile": number,
            "people": len(rows),
            "predicted": float(score[rows].mean()),
            "observed": float(label[rows].mean()),
        }
        for number, rows in enumerate(parts, start=1)
        if len(rows)
    ]


def _samples(size: int, times: int, seed: int) -> list[NDArray[np.int64]]:
    chance = np.random.default_rng(seed)
    return [chance.integers(0, size, size) for _ in range(times)]
