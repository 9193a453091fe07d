"""EASE against its definition, and what is learned from interactions."""

import random

import numpy as np
import pytest

from c360_core.recommendation.named_filters import ORDERED, ORDERED_EARLIER, VIEWED
from c360_core.recommendation.ranking import rank
from glue_jobs.recommend.ease import Matrix, Ratings, train
from glue_jobs.recommend.model import CANDIDATES, Interaction, Tuning, learn

DAY = 86_400
BAKING, GRILLING = ("flour", "yeast"), ("sausage", "coal")


def _ratings(rows: Matrix) -> Ratings:
    people, items = np.nonzero(rows)
    return Ratings(people=people, items=items, weights=rows[people, items], shape=rows.shape)


def test_the_closed_form_is_the_best_under_its_constraint() -> None:
    """Each column solves ridge regression on the other columns: no column may explain itself."""
    rows = np.random.default_rng(7).poisson(0.4, (60, 8)).astype(float)
    found = train(_ratings(rows), penalty=3.0).weights
    assert np.all(np.diag(found) == 0)
    for column in range(8):
        others = [other for other in range(8) if other != column]
        part = rows[:, others]
        expected = np.linalg.solve(part.T @ part + 3.0 * np.eye(7), part.T @ rows[:, column])
        np.testing.assert_allclose(found[others, column], expected, atol=1e-9)


def test_a_penalty_of_zero_is_refused() -> None:
    """There may be no inverse."""
    with pytest.raises(ValueError, match="above zero"):
        train(_ratings(np.eye(2)), penalty=0)


def _history() -> list[Interaction]:
    """Bakers buy flour and yeast, grillers sausage and coal; one baker has no yeast yet."""
    bought = [(person, item) for person in range(20) for item in (BAKING if person % 2 else GRILLING)]
    return [
        Interaction(user_id=f"p{person}", item_id=item, event_type=ORDERED_EARLIER, at=DAY * person)
        for person, item in bought
        if (person, item) != (1, "yeast")
    ]


def test_it_finds_what_goes_with_what_somebody_buys() -> None:
    """The baker without yeast gets it first of what he has not bought, and behind what he buys where that counts."""
    learned = {repeats: learn(_history(), {}, Tuning(penalty=1.0, repeats=repeats)) for repeats in (0.0, 1.0)}
    found = [rank(one.catalogue, one.tastes["p1"], number=4, context={}) for one in learned.values()]
    assert [[item.item_id for item in answer[:2]] for answer in found] == [["yeast", "flour"], ["flour", "yeast"]]


def test_the_order_of_interactions_does_not_matter() -> None:
    """Rows of a query come in any order."""
    mixed = _history()
    random.Random(3).shuffle(mixed)
    assert learn(mixed, {}) == learn(_history(), {})


def test_an_order_weighs_more_than_a_view_and_fades() -> None:
    """With each half-life half of its weight is lost."""
    at = 100 * DAY
    rows = [
        Interaction(user_id="a", item_id="seen", event_type=VIEWED, at=at),
        Interaction(user_id="a", item_id="bought", event_type=ORDERED, at=at),
        Interaction(user_id="a", item_id="old", event_type=ORDERED_EARLIER, at=at - 10 * DAY),
    ]
    catalogue = learn(rows, {}, Tuning(half_life_days=10)).catalogue
    shares = {name: item.popularity for name, item in catalogue.items()}
    assert shares["bought"] == pytest.approx(1 / 1.7)
    assert shares["seen"] == pytest.approx(0.2 / 1.7)
    assert shares["old"] == pytest.approx(0.5 / 1.7)


def test_a_circumstance_lifts_what_is_wanted_in_it() -> None:
    """Against the share of all interactions in it; an article with few is lifted less."""
    rows = [
        Interaction(
            user_id=f"p{number}",
            item_id="cake" if number % 2 else "bread",
            event_type=ORDERED,
            at=DAY,
            context={"WEEKDAY": "sunday" if number % 2 else "monday"},
        )
        for number in range(200)
    ]
    catalogue = learn(rows, {}).catalogue
    assert catalogue["cake"].lifts["WEEKDAY=sunday"] == pytest.approx((100 + 20 * 0.5) / 120 / 0.5, abs=1e-4)
    assert "WEEKDAY=monday" not in catalogue["cake"].lifts


def test_only_so_many_articles_and_candidates_are_kept() -> None:
    """An article outside of the model is still one of the catalogue."""
    rows = [
        Interaction(user_id=f"p{person}", item_id=f"i{item:03}", event_type=ORDERED, at=DAY)
        for person in range(3)
        for item in range(150 - 10 * person)
    ]
    learned = learn(rows, {"new": {"CATEGORY": "A"}}, Tuning(most_items=140, penalty=0.5))
    assert learned.catalogue["new"].popularity == 0
    assert len(learned.catalogue) == 151
    assert all(len(taste.scores) <= CANDIDATES for taste in learned.tastes.values())
    assert all(name < "i140" for taste in learned.tastes.values() for name in taste.scores)


def test_nothing_is_learned_from_nothing() -> None:
    """Before the first order there are articles at most."""
    learned = learn([], {"new": {}})
    assert (list(learned.catalogue), learned.tastes) == (["new"], {})
