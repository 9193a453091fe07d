"""Differential privacy and the budgets of a membership, as far as the laptop can say.

AWS publishes what its mechanism promises, not how it works. Chosen here: Laplace noise, whose scale is the number of
people of the budget template (`UsersNoisePerQuery`) times the most that one person adds to the answer; each aggregate
uses up the inverse of that number of people, so that a budget of epsilon allows epsilon times that number of
aggregates, and an average, which is a sum and a number, takes two. Groups of fewer people than that number, with or
without noise, are left out. The most that one person adds is read from the data, which a proof of privacy would not
allow: what the twin shows is that a budget ends and that a single person drowns, no more.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, Final

from twin.providers.clean_rooms.sql import Measure, Plan, Row

_CENTS: Final = Decimal("0.01")
_COSTS: Final = {"AVG": 2}
MOST_EPSILON: Final = 20
LEAST_NOISE: Final = 10
MOST_NOISE: Final = 100


class BudgetUsedUpError(ValueError):
    """A query that would use more than what is left of a budget."""


@dataclass(slots=True, kw_only=True)
class PrivacyBudget:
    """What is left of the epsilon that a member allows, this month or for good.

    Attributes:
        epsilon: of the whole budget, 1 to 20.
        people: whom the noise of one aggregate hides, 10 to 100.
        monthly: it begins anew with each calendar month.
    """

    epsilon: int
    people: int
    monthly: bool
    month: str = ""
    used: int = 0

    @property
    def allowed(self) -> int:
        """Aggregates that the whole budget allows."""
        return self.epsilon * self.people

    def left(self, month: str) -> int:
        """Return the aggregates that are left in a month, such as `2026-03`."""
        if self.monthly and month != self.month:
            self.month, self.used = month, 0
        return self.allowed - self.used

    def take(self, measures: Sequence[Measure | None], month: str) -> None:
        """Use the budget up for the aggregates of a query.

        Raises:
            BudgetUsedUpError: there is not enough left; nothing is used.
        """
        wanted = sum(_COSTS.get(one.function, 1) for one in measures if one is not None)
        left = self.left(month)
        if wanted > left:
            raise BudgetUsedUpError(
                f"the privacy budget is used up: the query has {wanted} aggregates, and {left} of {self.allowed} are "
                f"left{' until the month ends' if self.monthly else ''}"
            )
        self.used += wanted


@dataclass(slots=True, kw_only=True)
class AccessBudget:
    """How often a table may be read, this month or for good."""

    limit: int
    monthly: bool
    month: str = ""
    used: int = 0

    def left(self, month: str) -> int:
        """Return how often the table may still be read in a month."""
        if self.monthly and month != self.month:
            self.month, self.used = month, 0
        return self.limit - self.used

    def take(self, table: str, month: str) -> None:
        """Count one query of the table.

        Raises:
            BudgetUsedUpError: it was read as often as allowed.
        """
        if self.left(month) < 1:
            raise BudgetUsedUpError(
                f"table {table}: its access budget of {self.limit} queries is used up"
                f"{' until the month ends' if self.monthly else ''}"
            )
        self.used += 1


def laplace(chance: Random) -> Callable[[float], float]:
    """Return what draws noise of a scale."""

    def draw(scale: float) -> float:
        return scale * (chance.expovariate(1.0) - chance.expovariate(1.0)) if scale else 0.0

    return draw


def with_noise(plan: Plan, rows: Sequence[Row], people: int, draw: Callable[[float], float]) -> list[list[Any]]:
    """Return the answer of a plan that differential privacy protects, with noise, without its small groups.

    Args:
        plan: with measures; its rows have the parts that `queries` names.
        rows: of the engine.
        people: whom the noise of one aggregate hides.
        draw: gives noise of a scale.
    """
    measures = plan.measures or ()
    parts = sum(_COSTS.get(one.function, 1) for one in measures if one is not None)
    groups = len(measures) - sum(one is not None for one in measures)
    answer: list[list[Any]] = []
    for row in rows:
        size, bounds, spread = row[groups + parts], row[groups + parts + 1 : -1], float(row[-1] or 1)
        if min(0.0, draw(people * spread)) + float(size or 0) < people:
            continue
        answer.append(_noised(measures, row, bounds, people * spread, draw))
    return answer


def _noised(
    measures: Sequence[Measure | None],
    row: Row,
    bounds: Row,
    scale: float,
    draw: Callable[[float], float],
) -> list[Any]:
    """Return a row of the answer; its values and the bounds are in the order of the measures."""
    values, most = iter(row), iter(bounds)

    def noisy() -> float:
        return float(next(values) or 0) + draw(scale * float(next(most) or 0))

    answer: list[Any] = []
    for measure in measures:
        match measure:
            case None:
                answer.append(next(values))
            case Measure(function="COUNT" | "COUNT_DISTINCT"):
                answer.append(max(0, round(noisy())))
            case Measure(function="AVG"):
                total, number = noisy(), noisy()
                answer.append(_cents(total / number) if number >= 1 else None)
            case _:
                answer.append(_cents(noisy()))
    return answer


def _cents(value: float) -> Decimal | None:
    return Decimal(repr(value)).quantize(_CENTS) if math.isfinite(value) else None
