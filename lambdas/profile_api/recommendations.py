"""A customer's recommendations: what a request may ask, and on what the answer may rest."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

from c360_core.consent import Channel, Consent, ConsentStatus, Purpose, consent_status
from c360_core.profile import Profile
from c360_core.recommendation.named_filters import NamedFilter
from c360_core.recommendation.request import (
    DAYS,
    MOST_CATEGORIES,
    MOST_ITEMS,
    NOBODY,
    Basis,
    Context,
    Device,
    Place,
    Recommender,
    RecommenderUnavailableError,
    Request,
)
from lambdas.profile_api.logic import may_be_an_id
from lambdas.profile_api.problems import no_recommendations, no_recommender, unknown_customer, unusable_field
from lambdas.profile_api.query import Parameter

USUAL_NUMBER: Final = 10
_FEW_DIGITS: Final = re.compile(r"[0-9]{1,3}")
_CATEGORY: Final = re.compile(r"[^\",\x00-\x1f]{1,64}")
_LAST_HOUR: Final = 23

E = TypeVar("E", bound=StrEnum)
Document = dict[str, Any]


class People(Protocol):
    """The single view, as far as recommendations read it."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""

    def consents(self, person_id: str) -> Sequence[Consent]:
        """Return all answers of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """Recommendations for customers. Whoever has not agreed to personalisation gets what is popular with everybody."""

    view: People
    recommender: Recommender | None

    def of(self, person_id: str, query: Mapping[str, Parameter]) -> Document:
        """Return the recommendations of a customer.

        Raises:
            ProblemDetails: there is no such customer, the query cannot be used, or nobody recommends.
        """
        if self.recommender is None:
            raise no_recommender()
        asked = read_request(query)
        current = self.view.current_id(person_id) if may_be_an_id(person_id) else None
        profile = None if current is None else self.view.profile(current)
        if current is None or profile is None:
            raise unknown_customer("id")
        basis = basis_of(profile, self.view.consents(current))
        user_id = current if basis is Basis.HISTORY else NOBODY
        try:
            answer = self.recommender.recommend(replace(asked, user_id=user_id))
        except RecommenderUnavailableError as error:
            raise no_recommendations(str(error)) from error
        return {
            "person_id": current,
            "basis": str(basis),
            "recommendation_id": answer.recommendation_id,
            "items": [{"item_id": one.item_id, "score": one.score, "reason": str(one.reason)} for one in answer.items],
        }


def basis_of(profile: Profile, consents: Sequence[Consent]) -> Basis:
    """Return what an answer may rest on: the history only with a consent, which no answer is not."""
    if consent_status(consents, Purpose.PERSONALISATION, Channel.ANY) is not ConsentStatus.GRANTED:
        return Basis.NO_CONSENT
    return Basis.HISTORY if profile.number("orders") else Basis.NO_HISTORY


def read_request(query: Mapping[str, Parameter]) -> Request:
    """Return what a query asks; of whom is not known yet.

    Raises:
        ProblemDetails: 422, a parameter cannot be used.
    """
    texts = {name: parameter.text for name, parameter in query.items()}
    named = _one_of(NamedFilter, "filter", texts.get("filter") or NamedFilter.ALL)
    return Request(
        user_id=NOBODY,
        number=_number(texts.get("number")),
        context=_context(texts.get("context")),
        filter_name=named,
        categories=_categories(named, texts.get("categories")),
    )


def _number(text: str | None) -> int:
    if not text:
        return USUAL_NUMBER
    if not _FEW_DIGITS.fullmatch(text) or not 1 <= int(text) <= MOST_ITEMS:
        raise unusable_field("number", "It is no number of items.", f"Send a whole number from 1 to {MOST_ITEMS}.")
    return int(text)


def _context(text: str | None) -> Context:
    """Read circumstances such as `device:web,hour:18,day:sunday`."""
    told = dict(pair.strip().partition(":")[::2] for pair in (text or "").split(",") if pair.strip())
    if unknown := sorted(set(told) - {"device", "place", "hour", "day"}):
        raise unusable_field(
            "context", f"It names {unknown[0][:32]!r}.", "Send device, place, hour and day, as in device:web,hour:18."
        )
    hour, day = told.get("hour"), told.get("day")
    if hour is not None and not (_FEW_DIGITS.fullmatch(hour) and int(hour) <= _LAST_HOUR):
        raise unusable_field("context", "Its hour is no hour of a day.", f"Send a whole number from 0 to {_LAST_HOUR}.")
    if day is not None and day not in DAYS:
        raise unusable_field("context", "Its day is no weekday.", f"Send one of {', '.join(DAYS)}.")
    return Context(
        device=_one_of(Device, "context", told["device"]) if "device" in told else None,
        place=_one_of(Place, "context", told["place"]) if "place" in told else None,
        hour=None if hour is None else int(hour),
        day=day,
    )


def _categories(named: NamedFilter, text: str | None) -> tuple[str, ...]:
    if not named.takes_categories:
        if text:
            raise unusable_field("categories", f"The filter {named} takes none.", "Leave it out.")
        return ()
    categories = tuple(one.strip() for one in (text or "").split(","))
    if len(categories) > MOST_CATEGORIES or not all(_CATEGORY.fullmatch(one) for one in categories):
        raise unusable_field(
            "categories",
            f"The filter {named} needs categories.",
            f"Send 1 to {MOST_CATEGORIES} of them with commas, without quotes.",
        )
    return categories


def _one_of(kind: type[E], field: str, text: str) -> E:
    try:
        return kind(text)
    except ValueError as error:
        raise unusable_field(field, "It is not known.", f"Send one of {', '.join(kind)}.") from error
