"""Gradient boosted trees: known answers by hand, and a comparison with logistic regression on rows held out."""

import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.discrete.discrete_model import Logit

from twin.providers.redshift.boosting import Leaf, Model, Settings, Split, settings_of, train


def test_one_tree_is_the_one_that_arithmetic_gives() -> None:
    """All scores are 0.5 at first: the derivatives are 0.5 below and -0.5 above, the second ones 0.25."""
    features = np.array([[1.0], [2.0], [3.0], [4.0]])
    model = train(
        features, np.array([0.0, 0.0, 1.0, 1.0]), Settings(num_round=1, max_depth=1, eta=0.3, min_child_weight=0)
    )

    [tree] = model.trees
    assert isinstance(tree, Split)
    assert (tree.feature, tree.below) == (0, 2.5)
    assert isinstance(tree.left, Leaf)
    assert isinstance(tree.right, Leaf)
    # -eta * G / (H + lambda) = -0.3 * 1 / (0.5 + 1)
    assert (tree.left.weight, tree.right.weight) == pytest.approx((-0.2, 0.2))
    assert model.score(features) == pytest.approx([1 / (1 + np.exp(0.2))] * 2 + [1 / (1 + np.exp(-0.2))] * 2)


def test_rows_without_a_value_go_where_their_like_are() -> None:
    features = np.array([[1.0], [2.0], [np.nan], [np.nan]])
    for labels, left in (([1.0, 0.0, 1.0, 1.0], True), ([0.0, 1.0, 1.0, 1.0], False)):
        [tree] = train(features, np.array(labels), Settings(num_round=1, max_depth=1, min_child_weight=0)).trees
        assert isinstance(tree, Split)
        assert tree.empty_left is left


def test_without_a_difference_there_is_no_split() -> None:
    features = np.array([[1.0], [1.0], [np.nan]])
    [tree] = train(features, np.array([0.0, 1.0, 1.0]), Settings(num_round=1)).trees
    assert isinstance(tree, Leaf)
    [tree] = train(
        np.array([[1.0], [2.0]]), np.array([0.0, 1.0]), Settings(num_round=1)
    ).trees  # each side is too light
    assert isinstance(tree, Leaf)


def test_sql_says_what_the_trees_say_of_an_empty_value() -> None:
    left = Split(feature=0, below=1.5, empty_left=True, left=Leaf(weight=1.0), right=Leaf(weight=-1.0))
    right = Split(feature=1, below=2.0, empty_left=False, left=Leaf(weight=0.5), right=Leaf(weight=0.25))
    sql = Model(trees=[left, right]).as_sql(["a", "b"])
    assert "CASE WHEN a >= 1.5 THEN (-1.0) ELSE (1.0) END + CASE WHEN b < 2.0 THEN (0.5) ELSE (0.25) END" in sql


def test_hyperparameters_are_known_by_their_names() -> None:
    assert settings_of({"NUM_ROUND": "10", "eta": "0.1"}) == Settings(num_round=10, eta=0.1)
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

    trees = accuracy(train(known, labels, Settings(num_round=50, max_depth=3, eta=0.1)).score(later), truth)
    line = Logit(labels, np.column_stack([np.ones(len(known)), known])).fit(disp=0)
    logistic = accuracy(line.predict(np.column_stack([np.ones(len(later)), later])), truth)
    always = max(truth.mean(), 1 - truth.mean())

    with capsys.disabled():
        sys.stdout.write(f"\nheld out: trees {trees:.3f}, logistic regression {logistic:.3f}, constant {always:.3f}\n")
    assert trees > logistic > always
