"""What is foretold, and the columns of the marts that are no features."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PERSON: Final = "person_id"
CUT: Final = "cut_on"
CURRENCY: Final = "currency"
KEYS: Final = (PERSON, CUT, CURRENCY)
MONEY: Final = "spend"  # how the names of amounts in the customer's currency begin
TENURE: Final = "tenure_days"
# How the names of sums begin, over the months that the name ends with, or over all the time since the first order.
SUMS: Final = (MONEY, "orders", "returns", "visits", "product_views", "baskets", "messages_read", "cases")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One of the models.

    Attributes:
        name: how options and files call it.
        label: the column that is foretold.
        objective: what XGBoost minimises.
        metric: how XGBoost measures that on the validation cut; lower is better.
        loss: the proper score that decides between two models.
        is_chance: whether it is a probability, and no amount.
    """

    name: str
    label: str
    objective: str
    metric: str
    loss: str
    is_chance: bool


CHURN: Final = Target(
    name="churn", label="churned", objective="binary:logistic", metric="logloss", loss="log_loss", is_chance=True
)
# Whether a customer buys something of one department in the next month: there is a model for each offer.
OFFER: Final = Target(
    name="offer",
    label="bought_next_month",
    objective="binary:logistic",
    metric="logloss",
    loss="log_loss",
    is_chance=True,
)
# Most customers spend nothing in a window, a few a lot. The deviance of Tweedie's distribution, unlike the absolute
# error, is least for the mean, so that what is foretold of many customers adds up.
VALUE: Final = Target(
    name="value",
    label="spend_next_3_months",
    objective="reg:tweedie",
    metric="tweedie-nloglik@1.5",
    loss="tweedie_deviance",
    is_chance=False,
)
TARGETS: Final[Mapping[str, Target]] = {target.name: target for target in (CHURN, VALUE, OFFER)}
LABELS: Final = frozenset(target.label for target in TARGETS.values())
# Those of the mart `churn_features`.
LABELS_OF_CHURN: Final = frozenset({CHURN.label, VALUE.label})
