"""Gradient boosted trees: what `CREATE MODEL ... MODEL_TYPE XGBOOST` trains, by XGBoost itself, and said in SQL.

SageMaker's image has another version of XGBoost, which looks for splits among sketches of the values; what its trees
say of the same rows is nearly the same.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import xgboost
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Document = Mapping[str, Any]

OBJECTIVE: Final = "reg:logistic"
# A sum of more than that is a probability of 0 or 1 in any case, and its exponential would not fit.
_MOST: Final = 30
# By SageMaker's names.
_KNOWN: Final[Mapping[str, type[int] | type[float]]] = {
    "num_round": int,
    "max_depth": int,
    "eta": float,
    "lambda": float,
    "alpha": float,
    "gamma": float,
    "min_child_weight": float,
}
_ROUNDS: Final = 100
# One thread, and the exact splits, so that a training gives the same trees again; the first score is even odds.
_ALWAYS: Final = {"objective": OBJECTIVE, "base_score": 0.5, "tree_method": "exact", "nthread": 1, "verbosity": 0}


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained model: the sum of its trees is the logarithm of the odds."""

    booster: xgboost.Booster

    def score(self, features: Numbers) -> Numbers:
        """Return the probability for each row."""
        return np.asarray(self.booster.predict(xgboost.DMatrix(features)), dtype=np.float64)

    @cached_property
    def trees(self) -> Sequence[Document]:
        """The trees, as XGBoost writes them."""
        return [json.loads(text) for text in self.booster.get_dump(dump_format="json")]

    def as_sql(self, names: Sequence[str]) -> str:
        """Return the score as an expression of PostgreSQL over columns with these names."""
        total = " + ".join(_as_sql(tree, names) for tree in self.trees) or "0"
        return f"1 / (1 + exp(-least({_MOST}, greatest(-{_MOST}, {total}))))"


def train(features: Numbers, labels: Numbers, parameters: Mapping[str, float]) -> Model:
    """Train a model of labels between 0 and 1.

    Args:
        features: a row for each label; what is missing is NaN.
        parameters: as `settings_of` returns them.
    """
    others = {name: value for name, value in parameters.items() if name != "num_round"}
    rounds = int(parameters.get("num_round", _ROUNDS))
    data = xgboost.DMatrix(features, label=labels)
    return Model(booster=xgboost.train({**_ALWAYS, **others}, data, num_boost_round=rounds))


def settings_of(parameters: Mapping[str, str]) -> dict[str, float]:
    """Return hyperparameters from their texts.

    Raises:
        ValueError: one is unknown, or has no number; the message names it.
    """
    for name in parameters:
        if name.lower() not in _KNOWN:
            raise ValueError(f"the hyperparameter {name}; known are {', '.join(_KNOWN)}")
    return {name.lower(): _KNOWN[name.lower()](text) for name, text in parameters.items()}


def _as_sql(tree: Document, names: Sequence[str]) -> str:
    """Return what a tree adds. XGBoost compares in single precision; a comparison with NULL is not true."""
    if "leaf" in tree:
        return f"({tree['leaf']!r})"
    name, below = names[int(tree["split"].removeprefix("f"))], tree["split_condition"]
    children = {child["nodeid"]: _as_sql(child, names) for child in tree["children"]}
    yes, no = children[tree["yes"]], children[tree["no"]]
    if tree["missing"] == tree["yes"]:
        return f"CASE WHEN CAST({name} AS real) >= CAST({below!r} AS real) THEN {no} ELSE {yes} END"
    return f"CASE WHEN CAST({name} AS real) < CAST({below!r} AS real) THEN {yes} ELSE {no} END"
