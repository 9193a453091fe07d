"""The two things that are foretold, and the columns of `churn_features` that are no features."""

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
    """

    name: str
    label: str
    objective: str
    metric: str
    loss: str


CHURN: Final = Target(name="churn", label="churned", objective="binary:logistic", metric="logloss", loss="log_loss")
# Most customers spend nothing in a window, a few a lot. The deviance of Tweedie's distribution, unlike the absolute
# error, is least for the mean, so that what is foretold of many customers adds up.
VALUE: Final = Target(
    name="value",
    label="spend_next_3_months",
    objective="reg:tweedie",
    metric="tweedie-nloglik@1.5",
    loss="tweedie_deviance",
)
TARGETS: Final[Mapping[str, Target]] = {target.name: target for target in (CHURN, VALUE)}
LABELS: Final = frozenset(target.label for target in TARGETS.values())
