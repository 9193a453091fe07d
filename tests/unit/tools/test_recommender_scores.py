"""The measure of recommenders: what is split, what is counted, and what the peers learn."""

from datetime import date

import numpy as np
import pytest

from tools.laptop.recommenders import Purchases, als, bpr, ease, judge, next_baskets, ratings, without_known

DAY = 86_400.0
START = (date(2017, 11, 1) - date(1970, 1, 1)).days * DAY


def purchases(rows: list[tuple[int, int, int, float]]) -> Purchases:
    """Return purchases of household, article, basket and days after the split."""
    people, items, baskets, days = (np.array(part) for part in zip(*rows, strict=True))
    return Purchases(
        people=people, items=items, baskets=baskets, at=START + days * DAY, households=int(people.max()) + 1
    )


def test_the_next_basket_is_the_first_from_the_day_on_and_whole() -> None:
    known = purchases([(0, 1, 1, -1), (0, 2, 2, 3), (0, 3, 2, 3), (0, 4, 3, 4), (1, 5, 4, 31)])
    assert next_baskets(known, date(2017, 11, 1)) == {0: {2, 3}}


def test_nothing_is_learned_from_the_day_itself_or_later() -> None:
    known = purchases([(0, 1, 1, -1), (0, 2, 2, 0), (1, 1, 3, -2)])
    rows, kept = ratings(known, date(2017, 11, 1))
    assert {int(kept[column]) for column in np.flatnonzero(rows.sum(axis=0))} == {1}


def test_new_is_what_the_household_never_bought_before_the_day() -> None:
    known = purchases([(0, 1, 1, -1), (0, 1, 2, 3), (0, 2, 2, 3), (1, 2, 3, -1), (1, 2, 4, 1)])
    day = date(2017, 11, 1)
    assert without_known(known, day, next_baskets(known, day)) == {0: {2}}


def test_recall_and_ndcg_are_those_of_the_definition() -> None:
    """Two of three articles are found, on places one and three; the third cannot be ranked."""
    scores = -np.arange(12.0)[None, :]
    recall, gain = judge(scores, np.arange(10, 22), {0: {10, 12, 99}})
    ideal = 1 + 1 / np.log2(3) + 1 / np.log2(4)
    assert recall[0] == pytest.approx(2 / 3)
    assert gain[0] == pytest.approx((1 + 1 / np.log2(4)) / ideal)


@pytest.mark.parametrize(
    "model",
    [
        lambda rows: als(rows, regularisation=0.1, seed=1),
        lambda rows: bpr(rows, rate=0.1, seed=1, rounds=200),
        lambda rows: ease(rows, penalty=1.0),
    ],
)
def test_each_peer_finds_two_groups_of_articles(model) -> None:
    """Whoever lacks one article of the own group is shown it before any of the other group."""
    rows = np.zeros((40, 8))
    rows[:20, :4] = rows[20:, 4:] = 1.0
    rows[0, 3] = rows[39, 4] = 0.0
    scores = model(rows)
    assert scores[0, 3] > scores[0, 4:].max()
    assert scores[39, 4] > scores[39, :4].max()
