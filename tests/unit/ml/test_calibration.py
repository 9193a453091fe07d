"""Probabilities mean what they say."""

import json

import numpy as np
import pytest
from scipy.special import expit

from c360_ml import measures
from c360_ml.calibration import ENOUGH, Calibration, calibrate, platt


def sample(size, seed, slope=0.5, offset=-1.0):
    """Margins that are twice as sure as they may be, and moved."""
    chance = np.random.default_rng(seed)
    margin = chance.normal(0, 2, size)
    return margin, (chance.random(size) < expit(slope * margin + offset)).astype(float)


def test_a_sigmoid_is_found_again():
    fit = platt(*sample(20_000, 1))
    assert (fit.slope, fit.offset) == pytest.approx((0.5, -1.0), abs=0.05)


@pytest.mark.parametrize(("size", "method"), [(400, "platt"), (ENOUGH * 8, "isotonic")])
def test_later_people_leave_as_often_as_it_says(size, method):
    fit = calibrate(*sample(size, 1))
    assert fit.method == method
    margin, label = sample(20_000, 2)
    chance = fit.chance(margin)
    assert chance.mean() == pytest.approx(label.mean(), abs=0.05)
    assert measures.log_loss(label, chance) < measures.log_loss(label, expit(margin))
    assert ((chance > 0) & (chance < 1)).all(), "nobody is certain"
    assert (np.diff(fit.chance(np.linspace(-20, 20, 500))) >= 0).all(), "a higher margin is no lower chance"


@pytest.mark.parametrize("size", [400, ENOUGH * 8])
def test_it_is_the_same_after_it_was_stored(size):
    fit = calibrate(*sample(size, 1))
    assert Calibration.of(json.loads(json.dumps(fit.as_dict()))) == fit


def test_a_clean_cut_makes_no_step():
    margin = np.linspace(-1, 1, 40)
    chance = platt(margin, (margin > 0).astype(float)).chance(margin)
    assert 0 < chance.min() < 0.05
    assert 0.95 < chance.max() < 1


def test_margins_that_are_the_wrong_way_round_say_nothing():
    margin, label = sample(2_000, 1)
    assert platt(-margin, label).slope == 0
