"""From scores to an answer: circumstances, filter, promotion and places.

A model gives each article that fits a person a score; this module does the rest, for the lake's recommender and for the
laptop's stand-in of Personalize alike. It is deterministic: of equal scores the smaller id comes first.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from c360_core.recommendation.filters import Filter, Values
from c360_core.recommendation.request import Reason, Recommendation, promoted_places

_LEAST_LIFT: Final = 0.5
_MOST_LIFT: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An article.

    Attributes:
        attributes: by the names of their columns, such as CATEGORY.
        popularity: its share of all interactions, of which newer ones weigh more.
        lifts: by a circumstance such as `WEEKDAY=sunday`: how much more often than usual it is wanted then.
    """

    item_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    popularity: float = 0.0
    lifts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """What is known of a person.

    Attributes:
        scores: of the articles that fit best, above zero.
        events: the articles of the latest interactions by event type.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    events: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """A promotion, as a request has it: its filter, the filter's values, its share of the places."""

    rule: Filter
    values: Values
    percent: int


def rank(  # each thing that changes an answer has a name
    catalogue: Mapping[str, Item],
    taste: Taste,
    *,
    number: int,
    context: Mapping[str, str],
    rule: Filter | None = None,
    values: Values | None = None,
    promoted: Promoted | None = None,
) -> list[Recommendation]:
    """Return the best articles that pass, best first; popular ones fill the places that the person's own leave.

    Raises:
        FilterError: a parameter of a filter has no value.
    """

    def passes(one: Filter | None, given: Values) -> Callable[[str], bool]:
        def allowed(item_id: str) -> bool:
            return one is None or one.passes(item_id, catalogue[item_id].attributes, taste.events, given)

        return allowed

    own = _ordered(catalogue, {name: score for name, score in taste.scores.items() if score > 0}, context)
    popular = _ordered(catalogue, {item.item_id: item.popularity for item in catalogue.values()}, context)
    allowed = passes(rule, values or {})
    chosen: list[Recommendation] = []
    if promoted is not None:
        wanted = passes(promoted.rule, promoted.values)
        places = promoted_places(number, promoted.percent)
        chosen = _fill([], own, popular, wanted, places, reason=Reason.PROMOTED)
    return sorted(_fill(chosen, own, popular, allowed, number), key=_best_first)


def _ordered(
    catalogue: Mapping[str, Item], scores: Mapping[str, float], context: Mapping[str, str]
) -> list[tuple[str, float]]:
    """Return articles with their scores in the circumstances, best first; the scores add up to one."""
    known = {name: score * _lift(catalogue[name], context) for name, score in scores.items() if name in catalogue}
    total = sum(known[name] for name in sorted(known)) or 1.0
    return sorted(((name, score / total) for name, score in known.items()), key=lambda one: (-one[1], one[0]))


def _lift(item: Item, context: Mapping[str, str]) -> float:
    lift = 1.0
    for name in sorted(context):
        lift *= item.lifts.get(f"{name}={context[name]}", 1.0)
    return min(max(lift, _LEAST_LIFT), _MOST_LIFT)


def _fill(  # the two sources, and how they are used
    chosen: Sequence[Recommendation],
    own: Iterable[tuple[str, float]],
    popular: Iterable[tuple[str, float]],
    allowed: Callable[[str], bool],
    number: int,
    *,
    reason: Reason | None = None,
) -> list[Recommendation]:
    filled, taken = list(chosen), {one.item_id for one in chosen}
    own = list(own)
    worst = own[-1][1] if own else 1.0
    for source, why, scale in ((own, Reason.PERSONAL, 1.0), (popular, Reason.POPULAR, worst)):
        for item_id, score in source:
            if len(filled) >= number:
                return filled
            if item_id not in taken and allowed(item_id):
                # What is popular stands behind what fits the person.
                filled.append(Recommendation(item_id=item_id, score=score * scale, reason=reason or why))
                taken.add(item_id)
    return filled


def _best_first(one: Recommendation) -> tuple[float, str]:
    return -one.score, one.item_id
