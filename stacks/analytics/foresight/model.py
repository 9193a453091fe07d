"""The models that there are: what each foretells, and under which name its scores are in the profile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from c360_core.features import MODEL_OF

MART: Final = "churn_features"
_SCORE_OF: Final = {model: score for score, model in MODEL_OF.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """What a model foretells.

    Attributes:
        name: of the model.
        score: the name of the score in the profile.
        text: what the score says, in words.
        loss: what is measured while it is trained.
        mart: what it learns from.
        target: what the scripts call what it foretells; the name, unless it says otherwise.
        department: of whose rows alone it learns; None: of all rows.
        window_months: after a cut; None: as many as the scripts take by themselves.
    """

    name: str
    score: str
    text: str
    loss: str
    mart: str = MART
    target: str = ""
    department: str | None = None
    window_months: int | None = None

    @property
    def told(self) -> Mapping[str, str]:
        """What the scripts are told of it in every job."""
        return {"target": self.target or self.name}


MODELS: Final = (
    Foretold(
        name="churn",
        score=_SCORE_OF["churn"],
        text="the probability that a customer orders nothing in the next three months",
        loss="log_loss",
    ),
    Foretold(
        name="value",
        score=_SCORE_OF["value"],
        text="what a customer will spend in the next three months, in the currency of most orders",
        loss="mae",
    ),
)
# It has no versions: it is learned anew each month, and its trial says at once whether it is used.
SEND_HOURS: Final = Foretold(
    name="hours",
    score="best_hour",
    text="the hour of the day, where the customer lives, in which they answer messages most",
    loss="log_loss",
    mart="message_answers",
)


def offers(departments: Mapping[str, str]) -> Sequence[Foretold]:
    """Return a model for each offer: the chance that a customer buys of its department.

    Args:
        departments: by the name of the offer.
    """
    return [
        Foretold(
            name=f"offer-{name}",
            score=f"offer_{name}",
            text=f"the probability that a customer buys of the department {department} in the next month",
            loss="log_loss",
            mart="offer_features",
            target="offer",
            department=department,
            window_months=1,
        )
        for name, department in departments.items()
    ]
