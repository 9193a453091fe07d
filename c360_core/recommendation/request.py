"""What is asked of a recommender, and what it answers: the port of both providers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

MOST_ITEMS: Final = 100  # of one answer; Personalize gives at most 500
MOST_CATEGORIES: Final = 10
# Nobody's id: whoever has no history gets what is popular, and this one never has a history.
NOBODY: Final = "nobody"

# The parts of a day begin at these hours.
_PARTS_OF_DAY: Final = ((0, "night"), (6, "morning"), (12, "afternoon"), (18, "evening"))
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Device(StrEnum):
    """By what a customer shops."""

    WEB = "web"
    TILL = "till"
    OTHER = "other"


class Place(StrEnum):
    """Where a customer shops."""

    STORE = "store"
    ONLINE = "online"


class Reason(StrEnum):
    """Why an article is in an answer."""

    PERSONAL = "personal"
    POPULAR = "popular"
    PROMOTED = "promoted"


class Basis(StrEnum):
    """What an answer rests on: the person's own history, or what is popular and why only that."""

    HISTORY = "history"
    NO_HISTORY = "no_history"
    NO_CONSENT = "no_consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances of a request; what is None is unknown and changes nothing.

    Attributes:
        hour: local, 0 to 23; scores know the part of the day.
        day: an English weekday in lower case.
    """

    device: Device | None = None
    place: Place | None = None
    hour: int | None = None
    day: str | None = None

    def fields(self) -> dict[str, str]:
        """Return the circumstances as the interactions have them, by the names of their columns."""
        told = {
            "DEVICE": self.device,
            "PLACE": self.place,
            "PART_OF_DAY": None if self.hour is None else part_of_day(self.hour),
            "WEEKDAY": self.day,
        }
        return {name: str(value) for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question for recommendations.

    Attributes:
        user_id: a person's pseudonymous id, or `NOBODY` for what is popular.
        filter_name: one of `named_filters.NamedFilter`.
        categories: that the filter names.
    """

    user_id: str
    number: int
    context: Context = Context()
    filter_name: str = "all"
    categories: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One recommended article. Scores compare articles of one answer, and nothing else."""

    item_id: str
    score: float
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The recommended articles, best first, and what they rest on.

    Attributes:
        recommendation_id: names the answer in events, where the provider counts what came of it.
    """

    items: Sequence[Recommendation] = ()
    recommendation_id: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Articles of some categories get a share of the places.

    Attributes:
        percent: of the places, 1 to 100.
    """

    categories: Sequence[str]
    percent: int


class RecommenderUnavailableError(RuntimeError):
    """The recommender has no answer now: nothing was trained yet, or it is overloaded. The message says which."""


class Recommender(Protocol):
    """Recommends articles."""

    def recommend(self, request: Request) -> Answer:
        """Answer a question.

        Raises:
            RecommenderUnavailableError: there is no answer now.
        """


def part_of_day(hour: int) -> str:
    """Return night, morning, afternoon or evening, by the hour from 0 to 23."""
    return next(name for begins, name in reversed(_PARTS_OF_DAY) if hour >= begins)


def promoted_places(number: int, percent: int) -> int:
    """Return how many of so many places are for promoted articles: the share, rounded down, but at least one."""
    return max(1, number * percent // 100)


def quoted(values: Sequence[str]) -> str:
    """Return the values of a filter's parameter, as Personalize takes them: quoted, with commas."""
    return ",".join(f'"{value}"' for value in values)


def unquoted(text: str) -> list[str]:
    """Return the values of a filter's parameter."""
    return [value.strip().removeprefix('"').removesuffix('"') for value in text.split(",")] if text else []
