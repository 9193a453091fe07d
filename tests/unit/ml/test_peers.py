"""The peers find the parameters that made the data, and foretell what then happens."""

import numpy as np
import pytest
import statsmodels.api as statsmodels
from scipy.special import expit

from c360_ml.errors import InputError
from c360_ml.peers import logistic, of_value
from c360_ml.peers.lifetime import BgNbd, Buying, GammaGamma, fit_amounts, fit_orders

TRUE = BgNbd(r=0.8, alpha=25.0, a=0.9, b=3.0)
WORTH = GammaGamma(p=6.0, q=4.0, v=15.0)
SIZE = 6_000
DAYS = 90.0


def life(rng, rate, leaving, until):
    """The times of somebody's orders after the first."""
    at, times = 0.0, []
    while True:
        at += rng.exponential(1 / rate)
        if at > until:
            return times
        times.append(at)
        if rng.random() < leaving:
            return times


@pytest.fixture(scope="module")
def simulated():
    rng = np.random.default_rng(11)
    age = rng.uniform(100, 300, SIZE)
    lives = [life(rng, rng.gamma(TRUE.r, 1 / TRUE.alpha), rng.beta(TRUE.a, TRUE.b), one + DAYS) for one in age]
    before = [[at for at in times if at <= one] for times, one in zip(lives, age, strict=True)]
    later = np.array([len(times) - len(some) for times, some in zip(lives, before, strict=True)], dtype=float)
    repeats = np.array([len(some) for some in before], dtype=float)
    last = np.array([some[-1] if some else 0.0 for some in before])
    scale = rng.gamma(WORTH.q, 1 / WORTH.v, SIZE)
    amount = np.array(
        [rng.gamma(WORTH.p * max(x, 1), 1 / one) / max(x, 1) for x, one in zip(repeats, scale, strict=True)]
    )
    return Buying(repeats=repeats, last=last, age=age, amount=amount), later


def test_bg_nbd_is_found_again(simulated):
    fit = fit_orders(simulated[0])
    assert fit.r == pytest.approx(TRUE.r, rel=0.15)
    assert fit.alpha == pytest.approx(TRUE.alpha, rel=0.2)
    assert fit.a / (fit.a + fit.b) == pytest.approx(TRUE.a / (TRUE.a + TRUE.b), rel=0.15)


def test_it_foretells_the_orders_that_come(simulated):
    known, later = simulated
    expected = fit_orders(known).orders(known, DAYS)
    assert expected.sum() == pytest.approx(later.sum(), rel=0.08)
    for some in (known.repeats == 0, known.repeats == 1, known.repeats > 3):
        assert expected[some].mean() == pytest.approx(later[some].mean(), rel=0.2)


def test_somebody_who_has_bought_often_and_long_ago_is_gone():
    often = Buying(
        repeats=np.array([0.0, 900.0, 900.0]),
        last=np.array([0.0, 364.9, 30.0]),
        age=np.array([365.0] * 3),
        amount=np.ones(3),
    )
    never, still, gone = TRUE.orders(often, DAYS)
    assert 0 < never < 1
    assert still == pytest.approx(900 / 390 * 90, rel=0.2)
    assert gone == pytest.approx(0, abs=1e-6)


def test_gamma_gamma_is_found_again(simulated):
    fit = fit_amounts(simulated[0])
    mean, true = fit.p * fit.v / (fit.q - 1), WORTH.p * WORTH.v / (WORTH.q - 1)
    assert mean == pytest.approx(true, rel=0.05)
    assert (fit.p, fit.q) == pytest.approx((WORTH.p, WORTH.q), rel=0.2)


def test_what_an_order_is_worth_goes_from_everybody_to_oneself():
    known = Buying(
        repeats=np.array([0.0, 5.0, 5_000.0]), last=np.zeros(3), age=np.ones(3), amount=np.array([90.0, 90.0, 90.0])
    )
    nobody, some, sure = WORTH.amount(known)
    assert nobody == pytest.approx(30.0)
    assert nobody < some < sure == pytest.approx(90.0, rel=0.01)


def test_nobody_to_fit_is_said():
    once = Buying(repeats=np.zeros(3), last=np.zeros(3), age=np.ones(3), amount=np.ones(3))
    with pytest.raises(InputError, match="nobody has ordered twice"):
        fit_orders(once)
    with pytest.raises(InputError, match="nobody has ordered twice for an amount"):
        fit_amounts(once)


def test_the_peers_of_value_read_the_mart(rows):
    held_out = rows[rows["cut_on"] == "2025-09-01"]
    expected = of_value.bg_nbd_gamma_gamma(held_out, window=3, seed=1)
    assert expected.sum() > 0
    yen = (held_out["currency"] == "JPY").to_numpy()
    actual = held_out["spend_next_3_months"].to_numpy()
    for some in (yen, ~yen):
        assert expected[some].sum() == pytest.approx(actual[some].sum(), rel=0.6)
    assert of_value.same_as_last_window(held_out, window=3) == pytest.approx(held_out["spend_3_months"].to_numpy())
    assert of_value.same_as_last_window(held_out, window=1).sum() * 3 == pytest.approx(held_out["spend_3_months"].sum())
    with pytest.raises(InputError, match="column `orders` is missing; the peers"):
        of_value.bg_nbd_gamma_gamma(held_out.drop(columns="orders"), window=3, seed=1)


def test_logistic_regression_is_that_of_statsmodels():
    rng = np.random.default_rng(4)
    told = rng.gamma(2.0, 3.0, (4_000, 3))
    alike = np.log1p(told)
    label = (rng.random(4_000) < expit(alike @ np.array([1.0, -0.5, 0.0]) - 1)).astype(float)
    ours = logistic.fit(told, label).chance(told)
    fitted = statsmodels.Logit(label, statsmodels.add_constant(alike)).fit(disp=0)
    assert ours == pytest.approx(fitted.predict(), abs=0.005)


def test_logistic_regression_fills_what_is_missing():
    rng = np.random.default_rng(4)
    told = rng.gamma(2.0, 3.0, (500, 2))
    label = (rng.random(500) < 0.5).astype(float)
    fitted = logistic.fit(np.column_stack([told, np.full(500, np.nan)]), label)
    median = np.array([[np.median(told[:, 0]), 1.0, 0.0]])
    assert fitted.chance(np.array([[np.nan, 1.0, np.nan]])) == pytest.approx(fitted.chance(median))
