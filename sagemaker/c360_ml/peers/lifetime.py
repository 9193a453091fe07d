"""BG/NBD with gamma-gamma: the peer of the model of value, from how often, how lately and for how much one has ordered.

BG/NBD (Fader, Hardie and Lee, 2005) says how many orders come: each customer orders at a rate that is gamma-distributed
(`r`, `alpha`), and may leave after any order with a chance that is beta-distributed (`a`, `b`). Gamma-gamma (Fader and
Hardie, 2013) says how large an order is (`p`, `q`, `v`). Both are fitted by maximum likelihood.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

from c360_ml.errors import InputError
from c360_ml.measures import Numbers

_STARTS: Final = (-1.0, 0.0)
_BOUND: Final = 15.0  # of the logarithm of a parameter: beyond, the likelihood is flat and numbers end
_PENALTY: Final = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Buying:
    """What is known of customers at a cut.

    Attributes:
        repeats: orders after the first.
        last: days from the first order to the last.
        age: days from the first order to the cut.
        amount: the mean of an order.
    """

    repeats: Numbers
    last: Numbers
    age: Numbers
    amount: Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class BgNbd:
    """The parameters of BG/NBD."""

    r: float
    alpha: float
    a: float
    b: float

    def orders(self, known: Buying, days: float) -> Numbers:
        """Return how many orders each customer is expected to place in so many days after the cut."""
        x, a, b, r = known.repeats, self.a, self.b, self.r
        z = days / (self.alpha + known.age + days)
        # By Euler's transformation: as it is mostly written, both factors of a frequent buyer are out of range.
        rest = (1 - z) ** (a - 1) * hyp2f1(a + b - 1 - r, a - 1, a + b + x - 1, z)
        expected = (a + b + x - 1) / (a - 1) * (1 - rest)
        gone = (r + x) * (np.log(self.alpha + known.age) - np.log(self.alpha + known.last))
        odds = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * np.exp(np.minimum(gone, _LARGEST)), 0.0)
        orders: Numbers = expected / (1 + odds)
        return orders


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaGamma:
    """The parameters of gamma-gamma."""

    p: float
    q: float
    v: float

    def amount(self, known: Buying) -> Numbers:
        """Return what an order of each customer is expected to amount to."""
        x = known.repeats
        amount: Numbers = self.p * (self.v + x * known.amount) / (self.p * x + self.q - 1)
        return amount


_LARGEST: Final = 700.0  # the exponential of more is no float


def fit_orders(known: Buying) -> BgNbd:
    """Fit BG/NBD.

    Raises:
        InputError: nobody has ordered again.
    """
    if not (known.repeats > 0).any():
        raise InputError("bg_nbd: nobody has ordered twice; there is nothing to fit")
    x, last = known.repeats, known.last
    # Days are many for an optimiser that starts at 1: the longest age becomes ten.
    unit = 10.0 / max(float(known.age.max()), 1.0)
    last, age = last * unit, known.age * unit

    def likelihood(parameters: Numbers) -> float:
        r, alpha, a, b = np.exp(parameters)
        start = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        left = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + last)
        return float((start + np.logaddexp(alive, np.where(x > 0, left, -np.inf))).mean())

    r, alpha, a, b = np.exp(_highest(likelihood, 4))
    return BgNbd(r=float(r), alpha=float(alpha / unit), a=float(a), b=float(b))


def fit_amounts(known: Buying) -> GammaGamma:
    """Fit gamma-gamma to those who have ordered again, for something.

    Raises:
        InputError: nobody has.
    """
    some = (known.repeats > 0) & (known.amount > 0)
    if not some.any():
        raise InputError("gamma_gamma: nobody has ordered twice for an amount; there is nothing to fit")
    x, mean = known.repeats[some], known.amount[some]
    unit = 1.0 / float(mean.mean())
    scaled = mean * unit

    def likelihood(parameters: Numbers) -> float:
        p, q, v = np.exp(parameters)
        parts = (
            gammaln(p * x + q)
            - gammaln(p * x)
            - gammaln(q)
            + q * np.log(v)
            + (p * x - 1) * np.log(scaled)
            + p * x * np.log(x)
            - (p * x + q) * np.log(v + x * scaled)
        )
        return float(parts.mean())

    p, q, v = np.exp(_highest(likelihood, 3))
    return GammaGamma(p=float(p), q=float(q), v=float(v / unit))


def _highest(likelihood: Callable[[Numbers], float], size: int) -> Numbers:
    """Return the logarithms of the parameters that make the likelihood highest, from several starts."""

    def loss(parameters: Numbers) -> float:
        value = -likelihood(parameters) + _PENALTY * float((parameters**2).sum())
        return value if np.isfinite(value) else 1e10

    bounds = [(-_BOUND, _BOUND)] * size
    found = [minimize(loss, np.full(size, start), method="L-BFGS-B", bounds=bounds) for start in _STARTS]
    best = min(found, key=lambda one: float(one.fun))
    polished = minimize(loss, best.x, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-11})
    parameters: Numbers = polished.x if polished.fun < best.fun else best.x
    return parameters
