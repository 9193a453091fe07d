"""The features of the benchmark know no basket on or after the cut, and its labels none before it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import hours, models
from tests.factories import churn_rows

DAYS = pd.date_range("2017-01-05", models.AS_OF)
LABELS = ["churned", "spend_next_3_months"]
CUT = "2017-07-01"


def baskets(size=600, seed=1):
    chance = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "household_id": chance.integers(0, 60, size),
            "on": chance.choice(DAYS, size),
            "amount": chance.gamma(2.0, 10.0, size).round(2),
        }
    )


KNOWN = baskets()
BEFORE = models.features(KNOWN, 3)


def at_cut(rows):
    return rows[rows["cut_on"] == CUT].set_index("person_id").drop(columns="cut_on")


@settings(max_examples=20, deadline=None)
@given(added=st.lists(st.tuples(st.integers(0, 70), st.integers(0, 180)), min_size=1, max_size=20))
def test_what_comes_after_a_cut_changes_its_labels_alone(added):
    people, days = zip(*added, strict=True)
    later = pd.DataFrame(
        {"household_id": people, "on": pd.Timestamp(CUT) + pd.to_timedelta(days, unit="D"), "amount": 5.0}
    )
    after = at_cut(models.features(pd.concat([KNOWN, later]), 3))
    pd.testing.assert_frame_equal(after.drop(columns=LABELS), at_cut(BEFORE).drop(columns=LABELS))
    within = later[later["on"] < pd.Timestamp("2017-10-01")].groupby("household_id")["amount"].sum()
    more = after["spend_next_3_months"] - at_cut(BEFORE)["spend_next_3_months"]
    expected = within.reindex(after.index.astype(int), fill_value=0.0)
    assert more.to_numpy() == pytest.approx(expected.to_numpy())


def test_the_rows_are_those_that_are_computed_one_by_one():
    orders = [
        churn_rows.Order(person=str(who), on=on.date(), amount=amount, currency="USD")
        for who, on, amount in KNOWN.itertuples(index=False)
    ]
    cuts = [cut.date() for cut in pd.date_range(models.FIRST_CUT, models.AS_OF, freq="MS")]
    expected = churn_rows.rows(orders, cuts, models.AS_OF.date())
    columns = [name for name in BEFORE.columns if name in expected]
    assert {*columns} == {*BEFORE.columns}
    keys = ["cut_on", "person_id"]
    ours, theirs = (frame[columns].sort_values(keys, ignore_index=True) for frame in (BEFORE, expected))
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)


def test_of_hours_each_of_every_day_counts_once_and_what_comes_later_is_not_learned_from():
    at = pd.to_datetime(["2017-10-02 09:10", "2017-10-02 09:50", "2017-10-03 09:30", "2017-11-02 09:05"])
    begun = pd.DataFrame({"person_id": "1", "sent_at": at, "hour": at.hour.astype("int64"), "answered": True})
    early = begun[begun["sent_at"] < hours.LATER[0]]
    found = hours.counts(early, pd.Timestamp("2017-10-01"), hours.LATER[0])
    assert found.answered[0, 9] == 2
    assert found.answered.sum() == 2
    assert set(found.sent.ravel()) == {31.0}
    assert hours.run(begun, 1).baskets == 1
