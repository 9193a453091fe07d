"""What the model in service says of a customer now, and what it was told: for whoever asks about one customer."""

from dataclasses import dataclass
from typing import Any, Protocol

from c360_aws.feature_scorer import Scored, ScorerUnavailableError
from c360_core.features import CUT, MODEL_OF, PERSON
from c360_core.profile import Profile
from lambdas.profile_api.logic import may_be_an_id
from lambdas.profile_api.problems import no_features, no_score_now, no_scorer, unknown_customer, unknown_score

Document = dict[str, Any]


class People(Protocol):
    """The single view, as far as scores read it."""

    def current_id(self, person_id: str) -> str | None:
        """Return the present id of a person, or None."""

    def profile(self, person_id: str) -> Profile | None:
        """Return the profile, or None."""


class Scorer(Protocol):
    """What asks a model."""

    def score(self, person_id: str, score: str) -> Scored | None:
        """Return the score of a name; None where no features of the person are kept.

        Raises:
            ScorerUnavailableError: there is no answer now.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Scores of customers, with the features that they rest on."""

    view: People
    scorer: Scorer | None

    def of(self, person_id: str, score: str) -> Document:
        """Return a score of a customer.

        Raises:
            ProblemDetails: there is no such customer or score, nothing is known of the customer, or nobody answers.
        """
        if self.scorer is None:
            raise no_scorer()
        if score not in MODEL_OF:
            raise unknown_score(MODEL_OF)
        current = self.view.current_id(person_id) if may_be_an_id(person_id) else None
        if current is None or self.view.profile(current) is None:
            raise unknown_customer("id")
        try:
            scored = self.scorer.score(current, score)
        except ScorerUnavailableError as error:
            raise no_score_now(str(error)) from error
        if scored is None:
            raise no_features()
        told = {name: value for name, value in scored.features.items() if name not in {PERSON, CUT}}
        return {
            "person_id": current,
            "score": score,
            "value": scored.value,
            "as_of": scored.features.get(CUT),
            "recorded_at": scored.recorded_at,
            "features": told,
        }
