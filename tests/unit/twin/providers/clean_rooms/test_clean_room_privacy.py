"""Budgets that end, and noise in which a person drowns."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from statistics import mean
from typing import Any

import pytest

from twin.providers.clean_rooms.privacy import AccessBudget, BudgetUsedUpError, PrivacyBudget, laplace, with_noise
from twin.providers.clean_rooms.sql import Measure, Plan

PEOPLE = Measure(function="COUNT_DISTINCT", expression="email")
SPEND = Measure(function="SUM", expression="amount")
BASKET = Measure(function="AVG", expression="amount")


def of(*measures: Measure | None) -> Plan:
    return Plan(sql="", columns=tuple("abcd"[: len(measures)]), tables=(), measures=measures)


def answer(plan: Plan, rows: Sequence[Sequence[Any]], people: int = 10, seed: int = 1) -> list[list[Any]]:
    return with_noise(plan, rows, people, laplace(Random(seed)))


def test_a_budget_ends_and_a_query_that_would_overdraw_it_uses_nothing() -> None:
    budget = PrivacyBudget(epsilon=1, people=10, monthly=True)
    for _ in range(9):
        budget.take([None, PEOPLE], "2026-03")
    with pytest.raises(BudgetUsedUpError, match="the query has 2 aggregates, and 1 of 10 are left until the month"):
        budget.take([BASKET], "2026-03")
    assert budget.left("2026-03") == 1
    budget.take([SPEND], "2026-03")
    with pytest.raises(BudgetUsedUpError, match="0 of 10"):
        budget.take([SPEND], "2026-03")
    assert budget.left("2026-04") == 10
    for_good = PrivacyBudget(epsilon=1, people=10, monthly=False, used=10)
    with pytest.raises(BudgetUsedUpError, match=r"0 of 10 are left$"):
        for_good.take([SPEND], "2027-01")


def test_a_table_is_read_as_often_as_its_access_budget_says() -> None:
    budget = AccessBudget(limit=2, monthly=True)
    budget.take("customers", "2026-03")
    budget.take("customers", "2026-03")
    with pytest.raises(BudgetUsedUpError, match="table customers: its access budget of 2 queries is used up until"):
        budget.take("customers", "2026-03")
    budget.take("customers", "2026-04")
    assert budget.left("2026-04") == 1


def test_without_noise_the_answer_is_the_engine_s() -> None:
    rows = [["ad", 120, "999.50", 80, 200, 1, "40", 3, 1]]
    found = with_noise(of(None, PEOPLE, BASKET), rows, 10, lambda _: 0.0)
    assert found == [["ad", 120, Decimal("12.49")]]


def test_a_person_drowns_in_the_noise() -> None:
    """Differencing: the same count with and without one person, asked as often as a large budget allows."""
    plan = of(PEOPLE)
    with_her = [answer(plan, [[201, 201, 1, 1]], seed=seed)[0][0] for seed in range(200)]
    without = [answer(plan, [[200, 200, 1, 1]], seed=1000 + seed)[0][0] for seed in range(200)]
    apart = [left - right for left, right in zip(with_her, without, strict=True)]
    assert sum(difference == 1 for difference in apart) < 20
    assert min(apart) < -10 < 10 < max(apart)
    assert mean(with_her) == pytest.approx(201, abs=5)


def test_somebody_who_adds_more_gets_more_noise() -> None:
    def spread(most: str) -> float:
        found = [float(answer(of(SPEND), [["0", 500, most, 1]], seed=seed)[0][0]) for seed in range(300)]
        return mean(abs(one) for one in found)

    assert spread("100") == pytest.approx(10 * 100, rel=0.2)
    assert spread("1000") == pytest.approx(10 * 1000, rel=0.2)


def test_somebody_in_several_groups_gets_more_noise() -> None:
    def spread(groups: int) -> float:
        rows = [["a", 500, 500, 1, groups]]
        return float(mean(abs(answer(of(None, PEOPLE), rows, seed=seed)[0][1] - 500) for seed in range(300)))

    assert spread(4) == pytest.approx(4 * spread(1), rel=0.3)


def test_tiny_groups_are_left_out() -> None:
    """The name of a group says something, too: noise hides that a large one is there, and never shows a tiny one."""
    rows = [["known", 1, 1, 1, 1], ["few", 9, 9, 1, 1], ["some", 15, 15, 1, 1], ["crowd", 400, 400, 1, 1]]
    shown = [[row[0] for row in answer(of(None, PEOPLE), rows, seed=seed)] for seed in range(200)]
    assert all("crowd" in one for one in shown)
    assert 20 < sum("some" in one for one in shown) < 180
    assert not any({"known", "few"} & set(one) for one in shown)


def test_nobody_at_all_is_no_group() -> None:
    assert answer(of(PEOPLE), [[None, 0, None, None]], seed=3) == []
