"""The lake's recommender: what is known of articles and people, learned from interactions.

Orders and views count as implicit feedback. An interaction loses half of its weight with each half-life, an order
weighs more than a view, and repeated ones add up slowly: the weight of a person and an article is the logarithm of one
plus their sum. The model needs numpy and nothing else.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from c360_core.recommendation.filters import INTERACTIONS_CONSIDERED
from c360_core.recommendation.named_filters import ORDERED, ORDERED_EARLIER, VIEWED
from c360_core.recommendation.ranking import Item, Taste
from glue_jobs.recommend.ease import PENALTY, Matrix, Ratings, train

CANDIDATES: Final = 100  # kept of a person's scores

_WEIGHTS: Final = {ORDERED: 1.0, ORDERED_EARLIER: 1.0, VIEWED: 0.2}
_DAY: Final = 86_400
_SMOOTHING: Final = 20.0  # interactions that an article is given as if they were spread as usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One order line or view.

    Attributes:
        user_id: the person.
        item_id: the article.
        event_type: one of `named_filters`: ordered, ordered earlier, viewed.
        at: seconds since the epoch.
        context: the circumstances, by the names of their columns.
    """

    user_id: str
    item_id: str
    event_type: str
    at: int
    context: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How the model learns.

    Attributes:
        half_life_days: after so long an interaction counts half.
        penalty: of EASE.
        repeats: how much of what somebody buys is recommended again; a filter leaves it out where that is not wanted.
        most_items: the articles with the most interactions are part of the model; 3,000 take some seconds.
    """

    half_life_days: float = 60.0
    penalty: float = PENALTY
    repeats: float = 3.0
    most_items: int = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """What was learned: of each article, and of each person with a history."""

    catalogue: Mapping[str, Item]
    tastes: Mapping[str, Taste]


def learn(
    interactions: Sequence[Interaction], attributes: Mapping[str, Mapping[str, str]], tuning: Tuning | None = None
) -> Learned:
    """Learn from interactions; the newest of them is now. The same interactions in any order give the same.

    Args:
        interactions: of all people who agreed.
        attributes: of the articles by id; an article without interactions is part of the catalogue, too.
        tuning: how to learn.
    """
    known = tuning or Tuning()
    ordered = sorted(interactions, key=lambda one: (one.at, one.user_id, one.item_id, one.event_type))
    weights = _weights(ordered, known.half_life_days)
    catalogue = _catalogue(ordered, weights, attributes)
    liked = sorted(
        (item for item in catalogue.values() if item.popularity > 0), key=lambda one: (-one.popularity, one.item_id)
    )
    columns = {item.item_id: place for place, item in enumerate(liked[: known.most_items])}
    people = {user: place for place, user in enumerate(sorted({one.user_id for one in ordered}))}
    tastes: dict[str, Taste] = {}
    events = _events(ordered)
    if columns:
        ratings = _ratings(ordered, weights, people, columns)
        model = train(ratings, penalty=known.penalty, repeats=known.repeats)
        names, users = list(columns), list(people)
        for first, last in ratings.blocks():
            scores = model.scores(ratings.rows(first, last))
            for user, row in zip(users[first:last], scores, strict=True):
                tastes[user] = Taste(scores=_best(row, names), events=events[user])
    return Learned(catalogue=catalogue, tastes=tastes)


def _weights(interactions: Sequence[Interaction], half_life_days: float) -> Matrix:
    """Return the weight of each interaction: of its kind, halved with each half-life."""
    if not interactions:
        return np.zeros(0)
    at = np.array([one.at for one in interactions], dtype=np.float64)
    kind = np.array([_WEIGHTS.get(one.event_type, 0.0) for one in interactions])
    return kind * faded(at, now=float(at.max()), half_life_days=half_life_days)


def faded(at: Matrix, *, now: float, half_life_days: float) -> Matrix:
    """Return what is left of the weight of interactions at these seconds: half of it after each half-life."""
    left: Matrix = np.exp2((at - now) / (half_life_days * _DAY))
    return left


def _ratings(
    interactions: Sequence[Interaction], weights: Matrix, people: Mapping[str, int], columns: Mapping[str, int]
) -> Ratings:
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for one, weight in zip(interactions, weights, strict=True):
        if one.item_id in columns:
            sums[people[one.user_id], columns[one.item_id]] += float(weight)
    pairs = sorted(pair for pair, total in sums.items() if total > 0)
    return Ratings(
        people=np.array([person for person, _ in pairs], dtype=np.int64),
        items=np.array([item for _, item in pairs], dtype=np.int64),
        weights=np.array([math.log1p(sums[pair]) for pair in pairs]),
        shape=(len(people), len(columns)),
    )


def _best(row: Matrix, names: Sequence[str]) -> dict[str, float]:
    """Return a person's best scores above zero; of equal scores the smaller ids."""
    above = [(float(row[place]), names[int(place)]) for place in np.flatnonzero(row > 0)]
    return {name: score for score, name in sorted(above, key=lambda one: (-one[0], one[1]))[:CANDIDATES]}


def _events(interactions: Iterable[Interaction]) -> dict[str, dict[str, frozenset[str]]]:
    """Return the articles of each person's latest interactions by type: as many as a filter looks at."""
    latest: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in interactions:
        latest[one.user_id][one.event_type.lower()].append(one.item_id)
    return {
        user: {kind: frozenset(items[-INTERACTIONS_CONSIDERED:]) for kind, items in kinds.items()}
        for user, kinds in latest.items()
    }


def _catalogue(
    interactions: Sequence[Interaction], weights: Matrix, attributes: Mapping[str, Mapping[str, str]]
) -> dict[str, Item]:
    """Return each article with its popularity, and with how much more it is wanted in a circumstance than others."""
    wanted: dict[str, float] = defaultdict(float)
    within: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    usual: dict[str, float] = defaultdict(float)
    for one, weight in zip(interactions, weights, strict=True):
        wanted[one.item_id] += float(weight)
        for name, value in one.context.items():
            within[one.item_id][f"{name}={value}"] += float(weight)
            usual[f"{name}={value}"] += float(weight)
    total = sum(wanted.values())
    names = sorted({*wanted, *attributes})
    return {
        name: Item(
            item_id=name,
            attributes=attributes.get(name, {}),
            popularity=wanted.get(name, 0.0) / total if total else 0.0,
            lifts=_lifts(within.get(name, {}), wanted.get(name, 0.0), usual, total),
        )
        for name in names
    }


def _lifts(within: Mapping[str, float], wanted: float, usual: Mapping[str, float], total: float) -> dict[str, float]:
    """Return the share of an article's interactions in each circumstance, against the share of all; few say little."""
    lifts = {}
    for circumstance in within:
        share = usual[circumstance] / total
        found = (within[circumstance] + _SMOOTHING * share) / (wanted + _SMOOTHING)
        lifts[circumstance] = round(found / share, 4) if share else 1.0
    return lifts
