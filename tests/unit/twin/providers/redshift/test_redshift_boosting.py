"""Gradient boosted trees: known answers by hand, and a comparison with logistic regression on rows held out."""

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.discrete.discrete_model import Logit

from twin.providers.redshift.boosting import settings_of, train


def test_one_tree_is_the_one_that_arithmetic_gives() -> None:
    """All scores are 0.5 at first: the derivatives are 0.5 below and -0.5 above, the second ones 0.25."""
    features = np.array([[1.0], [2.0], [3.0], [4.0]])
    labels = np.array([0.0, 0.0, 1.0, 1.0])
    model = train(features, labels, {"num_round": 1, "max_depth": 1, "eta": 0.3, "min_child_weight": 0})

    [tree] = model.trees
    assert (tree["split"], tree["split_condition"]) == ("f0", 2.5)
    # -eta * G / (H + lambda) = -0.3 * 1 / (0.5 + 1)
    assert [child["leaf"] for child in tree["children"]] == pytest.approx([-0.2, 0.2])
    assert model.score(features) == pytest.approx([1 / (1 + np.exp(0.2))] * 2 + [1 / (1 + np.exp(-0.2))] * 2)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        # Who has no value is alike to those below, or to those above.
        ([1.0, 0.0, 1.0, 1.0], "CASE WHEN CAST(a AS real) >= CAST(1.5 AS real) THEN (-0."),
        ([0.0, 1.0, 1.0, 1.0], "CASE WHEN CAST(a AS real) < CAST(1.5 AS real) THEN (-0."),
    ],
)
def test_sql_says_what_the_trees_say_of_an_empty_value(labels: list[float], said: str) -> None:
    features = np.array([[1.0], [2.0], [np.nan], [np.nan]])
    model = train(features, np.array(labels), {"num_round": 1, "max_depth": 1, "min_child_weight": 0})
    assert said in model.as_sql(["a"])


def test_without_a_difference_there_is_no_split() -> None:
    model = train(np.array([[1.0], [1.0], [np.nan]]), np.array([0.0, 1.0, 1.0]), {"num_round": 1})
    assert "CASE" not in model.as_sql(["a"])


def test_hyperparameters_are_known_by_their_names() -> None:
    assert settings_of({"NUM_ROUND": "10", "eta": "0.1", "LAMBDA": "2"}) == {"num_round": 10, "eta": 0.1, "lambda": 2}
    with pytest.raises(ValueError, match="the hyperparameter NUM_CLASS; known are num_round"):
        settings_of({"NUM_CLASS": "3"})


def shoppers(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """People who leave when they were away long or complained often, but not in a band of spend: no line is that."""
    drawn = np.random.default_rng(seed)
    away, spend, cases = drawn.integers(0, 180, count), drawn.gamma(2, 50, count), drawn.poisson(0.4, count)
    odds = np.where(away > 90, 2.0, -1.5) + np.where((spend > 60) & (spend < 120), -2.0, 0.5) + 1.2 * cases
    labels = (drawn.random(count) < 1 / (1 + np.exp(-odds))).astype(float)
    return np.column_stack([away, spend, cases]).astype(float), labels


def accuracy(scores: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    return float(((scores >= 0.5) == (labels == 1)).mean())


def test_held_out_rows_are_told_better_than_by_logistic_regression(capsys: pytest.CaptureFixture[str]) -> None:
    known, labels = shoppers(3000, 1)
    later, truth = shoppers(1500, 2)

    trees = accuracy(train(known, labels, {"num_round": 50, "max_depth": 3, "eta": 0.1}).score(later), truth)
    line = Logit(labels, np.column_stack([np.ones(len(known)), known])).fit(disp=0)
    logistic = accuracy(line.predict(np.column_stack([np.ones(len(later)), later])), truth)
    always = max(truth.mean(), 1 - truth.mean())

    with capsys.disabled():
        sys.stdout.write(f"\nheld out: trees {trees:.3f}, logistic regression {logistic:.3f}, constant {always:.3f}\n")
    assert trees > logistic > always
