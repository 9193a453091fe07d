"""Gradient boosted trees with a logistic objective: what `CREATE MODEL ... MODEL_TYPE XGBOOST` trains, in NumPy.

The method is XGBoost's: each round adds a tree that is fitted to the first and second derivatives of the loss; a split
is the one with the largest gain among all values of all features; rows without a value go where the gain is larger.
SageMaker's build looks for splits among sketches of the values and in another order of sums, so that its trees are
other ones; what they say of the same rows is nearly the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Rows = NDArray[np.intp]

_LEAST_GAIN: Final = 1e-6
# A sum of more than that is a probability of 0 or 1 in any case, and its exponential would not fit.
_MOST: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Hyperparameters by XGBoost's names, with its defaults.

    Attributes:
        num_round: how many trees.
        max_depth: of a tree.
        eta: by how much each tree counts.
        reg_lambda: what large weights of leaves cost.
        min_child_weight: of second derivatives that each side of a split has at least.
    """

    num_round: int = 100
    max_depth: int = 6
    eta: float = 0.3
    reg_lambda: float = 1.0
    min_child_weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """What a tree adds for the rows that come here."""

    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows whose feature is less than a value go to the left; those without one go where `empty_left` says."""

    feature: int
    below: float
    empty_left: bool
    left: "Split | Leaf"
    right: "Split | Leaf"


Tree = Split | Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model: the sum of its trees is the logarithm of the odds."""

    trees: Sequence[Tree]

    def score(self, features: Numbers) -> Numbers:
        """Return the probability for each row."""
        total = np.zeros(len(features))
        for tree in self.trees:
            _add(total, tree, features, np.arange(len(features)))
        scores: Numbers = 1 / (1 + np.exp(-np.clip(total, -_MOST, _MOST)))
        return scores

    def as_sql(self, names: Sequence[str]) -> str:
        """Return the score as an expression of PostgreSQL over columns with these names."""
        total = " + ".join(_as_sql(tree, names) for tree in self.trees) or "0"
        return f"1 / (1 + exp(-least({_MOST}, greatest(-{_MOST}, {total}))))"


def train(features: Numbers, labels: Numbers, settings: Settings) -> Model:
    """Train a model of labels between 0 and 1.

    Args:
        features: a row for each label; what is missing is NaN.
    """
    total = np.zeros(len(labels))
    everything = np.arange(len(labels))
    trees: list[Tree] = []
    for _ in range(settings.num_round):
        scores = 1 / (1 + np.exp(-np.clip(total, -_MOST, _MOST)))
        grower = _Grower(features=features, first=scores - labels, second=scores * (1 - scores), settings=settings)
        tree = grower.grow(everything, settings.max_depth)
        trees.append(tree)
        _add(total, tree, features, everything)
    return Model(trees=trees)


def settings_of(parameters: Mapping[str, str]) -> Settings:
    """Return hyperparameters from their texts.

    Raises:
        ValueError: one is unknown, or has no number; the message names it.
    """
    known = {name: type(getattr(Settings(), name)) for name in Settings.__slots__}
    for name in parameters:
        if name.lower() not in known:
            raise ValueError(f"the hyperparameter {name}; known are {', '.join(known)}")
    values = {name.lower(): known[name.lower()](text) for name, text in parameters.items()}
    return Settings(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    gain: float
    feature: int
    below: float
    empty_left: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grower:
    features: Numbers
    first: Numbers
    second: Numbers
    settings: Settings

    def grow(self, rows: Rows, depth: int) -> Tree:
        best = self._best(rows) if depth else None
        if best is None:
            first, second = float(self.first[rows].sum()), float(self.second[rows].sum())
            return Leaf(weight=-self.settings.eta * first / (second + self.settings.reg_lambda))
        left = _goes_left(self.features[rows, best.feature], best.below, empty_left=best.empty_left)
        return Split(
            feature=best.feature,
            below=best.below,
            empty_left=best.empty_left,
            left=self.grow(rows[left], depth - 1),
            right=self.grow(rows[~left], depth - 1),
        )

    def _best(self, rows: Rows) -> _Candidate | None:
        found = [one for feature in range(self.features.shape[1]) if (one := self._best_of(feature, rows)) is not None]
        return max(found, key=lambda one: one.gain, default=None)

    def _best_of(self, feature: int, rows: Rows) -> _Candidate | None:
        """Return the best split of rows by one feature; None if no split is worth it."""
        values = self.features[rows, feature]
        present = rows[~np.isnan(values)]
        ordered = present[np.argsort(self.features[present, feature], kind="stable")]
        values = self.features[ordered, feature]
        edges = np.flatnonzero(values[1:] > values[:-1])  # a split is between two values
        if not len(edges):
            return None
        first, second = float(self.first[rows].sum()), float(self.second[rows].sum())
        below_first, below_second = self.first[ordered].cumsum()[edges], self.second[ordered].cumsum()[edges]
        empty_first = first - float(self.first[ordered].sum())
        empty_second = second - float(self.second[ordered].sum())
        best = None
        for empty_left in (False, True):
            gain = self._gain(
                below_first + empty_first * empty_left, below_second + empty_second * empty_left, first, second
            )
            place = int(gain.argmax())
            if gain[place] > max(_LEAST_GAIN, best.gain if best else 0):
                below = float(values[edges[place]] + values[edges[place] + 1]) / 2
                best = _Candidate(gain=float(gain[place]), feature=feature, below=below, empty_left=empty_left)
        return best

    def _gain(self, left_first: Numbers, left_second: Numbers, first: float, second: float) -> Numbers:
        cost, least = self.settings.reg_lambda, self.settings.min_child_weight
        right_first, right_second = first - left_first, second - left_second
        gain: Numbers = (
            left_first**2 / (left_second + cost) + right_first**2 / (right_second + cost) - first**2 / (second + cost)
        ) / 2
        gain[(left_second < least) | (right_second < least)] = 0
        return gain


def _goes_left(values: Numbers, below: float, *, empty_left: bool) -> NDArray[np.bool_]:
    return np.where(np.isnan(values), empty_left, values < below)


def _add(total: Numbers, tree: Tree, features: Numbers, rows: Rows) -> None:
    """Add to each row what a tree says of it."""
    if isinstance(tree, Leaf):
        total[rows] += tree.weight
        return
    left = _goes_left(features[rows, tree.feature], tree.below, empty_left=tree.empty_left)
    _add(total, tree.left, features, rows[left])
    _add(total, tree.right, features, rows[~left])


def _as_sql(tree: Tree, names: Sequence[str]) -> str:
    """Return what a tree adds; a comparison with NULL is not true."""
    if isinstance(tree, Leaf):
        return f"({tree.weight!r})"
    name, left, right = names[tree.feature], _as_sql(tree.left, names), _as_sql(tree.right, names)
    if tree.empty_left:
        return f"CASE WHEN {name} >= {tree.below!r} THEN {right} ELSE {left} END"
    return f"CASE WHEN {name} < {tree.below!r} THEN {left} ELSE {right} END"
