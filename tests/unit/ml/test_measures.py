"""Measures are what their definitions say, computed another way here."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from c360_ml import measures

PAIRS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.05, 0.2, 0.5, 0.7, 0.95])), min_size=2, max_size=40)
AMOUNTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=40)


def arrays(pairs):
    return np.array([float(one) for one, _ in pairs]), np.array([float(other) for _, other in pairs])


@given(PAIRS)
def test_the_area_counts_pairs_that_are_in_order(pairs):
    label, score = arrays(pairs)
    ordered = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high, gone in zip(score, label, strict=True)
        for low, other in zip(score, label, strict=True)
        if gone == 1 and other == 0
    ]
    assert measures.auc(label, score) == pytest.approx(np.mean(ordered) if ordered else 0.5)


@given(PAIRS)
def test_losses_of_probabilities(pairs):
    label, score = arrays(pairs)
    right = np.where(label == 1, score, 1 - score)
    assert measures.log_loss(label, score) == pytest.approx(-np.log(right).mean())
    assert measures.brier(label, score) == pytest.approx(((1 - right) ** 2).mean())


@given(AMOUNTS)
def test_ranks_correlate_as_scipy_says(pairs):
    actual, foretold = arrays(pairs)
    expected = spearmanr(actual, foretold).statistic if np.ptp(actual) and np.ptp(foretold) else 0.0
    assert measures.spearman(actual, foretold) == pytest.approx(expected)


@given(AMOUNTS, st.floats(0.05, 1))
def test_equal_scores_share_what_they_have(pairs, share):
    amount, score = arrays(pairs)
    taken = measures.captured(amount, score, share)
    order = np.random.default_rng(3).permutation(len(amount))
    assert measures.captured(amount[order], score[order], share) == pytest.approx(taken)
    assert measures.captured(amount, score * 0, share) == pytest.approx(share if amount.sum() else 0.0)
    assert measures.captured(amount, amount, share) >= taken - 1e-9, "nothing is better than the truth"


@given(st.floats(0, 1e4), st.floats(0.01, 1e4))
def test_the_deviance_is_least_for_what_happened(actual, foretold):
    [right] = measures.tweedie_deviances(np.array([actual]), np.array([max(actual, 1e-3)]))
    [wrong] = measures.tweedie_deviances(np.array([actual]), np.array([foretold]))
    assert wrong >= right - 1e-6
    assert right == pytest.approx(0, abs=0.2)


def test_the_deviance_is_least_for_the_mean_and_not_for_the_median():
    spent = np.array([0.0, 0.0, 0.0, 12.0])
    losses = {guess: measures.tweedie_deviance(spent, np.full(4, guess)) for guess in (0.5, 2.0, 3.0, 4.0, 6.0)}
    assert min(losses, key=losses.get) == 3.0


def test_totals_and_distances():
    actual, foretold = np.array([0.0, 10.0, 30.0]), np.array([5.0, 10.0, 15.0])
    assert measures.total_error(actual, foretold) == pytest.approx(-0.25)
    assert measures.mean_absolute_error(actual, foretold) == pytest.approx(20 / 3)
    assert measures.top_decile(actual, foretold) == pytest.approx(0.3 * 30 / 40)


def test_limits_hold_the_value_and_come_again():
    chance = np.random.default_rng(1)
    score = chance.random(400)
    label = (chance.random(400) < score).astype(float)
    shown = measures.estimates(measures.CHANCE_MEASURES, label, score, times=100, seed=5)
    assert shown == measures.estimates(measures.CHANCE_MEASURES, label, score, times=100, seed=5)
    assert shown != measures.estimates(measures.CHANCE_MEASURES, label, score, times=100, seed=6)
    assert all(one.low < one.value < one.high for one in shown.values())


def test_a_gain_is_measured_on_the_same_people():
    hard = np.random.default_rng(2).random(500) * 10
    found = measures.gain(hard * 0.95, hard, times=100, seed=1)
    assert (found.value, found.low, found.high) == pytest.approx((0.05, 0.05, 0.05))


def test_deciles_hold_everybody():
    chance = np.random.default_rng(1)
    score = chance.random(1003)
    label = (chance.random(1003) < score).astype(float)
    tenths = measures.by_decile(label, score)
    assert [one["decile"] for one in tenths] == list(range(1, 11))
    assert sum(one["people"] for one in tenths) == 1003
    assert sum(one["people"] * one["observed"] for one in tenths) == pytest.approx(label.sum())
    assert all(abs(one["predicted"] - one["observed"]) < 0.15 for one in tenths)
