"""Invented customers as `churn_features` has them: they order at a rate of their own, and leave after some order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

FIRST: Final = date(2024, 1, 1)
CUTS: Final = tuple(date(2025, month, 1) for month in range(1, 13))
AS_OF: Final = date(2025, 12, 20)
WINDOW: Final = 3
# What a basket costs there, so that amounts of different currencies must not be compared as they are.
CURRENCIES: Final[Mapping[str, float]] = {"EUR": 40.0, "JPY": 6000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order of somebody."""

    person: str
    on: date
    amount: float
    currency: str
    in_department: bool = False


def orders(people: int = 500, seed: int = 1) -> list[Order]:
    """Return orders of invented customers, up to the last day that anybody knows."""
    chance = np.random.default_rng(seed)
    found = []
    for number in range(people):
        gap, leaving = 10 + 25 * chance.gamma(2.0), chance.beta(1.0, 7.0)
        currency = str(chance.choice(list(CURRENCIES), p=[0.8, 0.2]))
        worth = CURRENCIES[currency] * chance.gamma(4.0, 0.25)
        on = FIRST + timedelta(days=int(chance.integers(0, 400)))
        while on <= AS_OF:
            amount = round(worth * chance.gamma(5.0, 0.2), 2)
            # Each has a taste of their own for the department, from never to nearly always.
            likes = (31 * len(found) + number) % 100 < (number * 7) % 100
            found.append(Order(person=f"p{number:04}", on=on, amount=amount, currency=currency, in_department=likes))
            if chance.random() < leaving:
                break
            on += timedelta(days=1 + int(chance.exponential(gap)))
    return found


def rows(known: Sequence[Order], cuts: Sequence[date] = CUTS, as_of: date = AS_OF) -> pd.DataFrame:
    """Return the rows of every cut, as the mart computes them."""
    of: dict[str, list[Order]] = {}
    for order in known:
        of.setdefault(order.person, []).append(order)
    made = [row for cut in cuts for person in sorted(of) if (row := _row(of[person], cut, as_of))]
    return pd.DataFrame(made)


def offer_rows(known: Sequence[Order], cuts: Sequence[date] = CUTS, as_of: date = AS_OF) -> pd.DataFrame:
    """Return the rows of every cut as `offer_features` has them of one department."""
    of: dict[str, list[Order]] = {}
    for order in known:
        of.setdefault(order.person, []).append(order)
    found = rows(known, cuts, as_of).drop(columns=["churned", "spend_next_3_months"])
    told = [
        _of_department(of[person], date.fromisoformat(cut), as_of)
        for person, cut in zip(found["person_id"], found["cut_on"], strict=True)
    ]
    return found.assign(department="BAKERY", **pd.DataFrame(told).to_dict("list"))


def month(cut: date, months: int) -> date:
    """Return the first day so many months later."""
    number = cut.year * 12 + cut.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def _row(orders_of: Sequence[Order], cut: date, as_of: date) -> dict[str, object] | None:
    before = [order for order in orders_of if order.on < cut]
    year = [order for order in before if order.on >= month(cut, -12)]
    if not year:
        return None
    window = [order for order in before if order.on >= month(cut, -WINDOW)]
    until = month(cut, WINDOW)
    after = [order for order in orders_of if cut <= order.on < until]
    known = until <= as_of + timedelta(days=1)
    first, last = min(order.on for order in before), max(order.on for order in before)
    return {
        "person_id": orders_of[0].person,
        "cut_on": cut.isoformat(),
        "currency": orders_of[0].currency,
        "tenure_days": float((cut - first).days),
        "recency_days": float((cut - last).days),
        "orders": float(len(before)),
        "orders_3_months": float(len(window)),
        "orders_12_months": float(len(year)),
        "returns": 0.0,
        "spend": sum(order.amount for order in before),
        "spend_3_months": sum(order.amount for order in window),
        "spend_12_months": sum(order.amount for order in year),
        # Somebody who gave no grade has none.
        "csat_12_months": float(len(before) % 5 + 1) if len(before) % 3 else None,
        "churned": float(not after) if known else None,
        "spend_next_3_months": sum(order.amount for order in after) if known else None,
    }


def _of_department(orders_of: Sequence[Order], cut: date, as_of: date) -> dict[str, object]:
    own = [order for order in orders_of if order.in_department]
    before = [order.on for order in own if order.on < cut]
    until = month(cut, 1)
    return {
        "department_recency_days": float((cut - max(before)).days) if before else None,
        **{
            f"orders_of_department_{months}_months": float(sum(on >= month(cut, -months) for on in before))
            for months in (3, 12)
        },
        "bought_next_month": float(any(cut <= order.on < until for order in own))
        if until <= as_of + timedelta(days=1)
        else None,
    }
