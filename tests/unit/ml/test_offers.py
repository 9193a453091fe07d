"""Who buys of a department next month: taste shows, later months stay unseen, and simpler ways stand beside it."""

import numpy as np
import pandas as pd
import pytest
import yaml

from c360_ml.errors import InputError
from c360_ml.evaluate import Rules, evaluate
from c360_ml.peers import of_offer
from c360_ml.prepare import HOLDOUT, LEAK, NEWEST, TRAIN, VALIDATION, prepare
from c360_ml.serving import scores
from c360_ml.targets import KEYS, OFFER, SUMS
from c360_ml.train import train
from tests.factories import churn_rows
from tests.unit.ml.conftest import LIMITS, SETTINGS
from twin.settings import ROOT

RULES = Rules(margin=0.0, least_skill=0.0, cut_off=0.2, times=50, seed=7, leak=LEAK)


@pytest.fixture(scope="module")
def offered(known):
    return churn_rows.offer_rows(known)


@pytest.fixture(scope="module")
def divided(offered):
    return prepare(offered, OFFER, window=1, limits=LIMITS)


@pytest.fixture(scope="module")
def model(divided):
    seen = {name: divided.parts[name] for name in (TRAIN, VALIDATION)}
    return train(seen, divided.as_dict(), OFFER, SETTINGS)


@pytest.fixture(scope="module")
def evaluation(model, divided):
    return evaluate(model, divided.parts, RULES)


def test_a_month_is_the_window_and_the_department_is_no_feature(divided):
    assert (divided.split.validation, divided.split.holdout) == ("2025-10-01", "2025-11-01")
    assert "department" not in divided.chosen.columns
    assert {"orders_of_department_3_months", "department_recency_days"} <= set(divided.chosen.columns)
    assert OFFER.label not in divided.parts[NEWEST]


def test_the_model_beats_popularity_on_a_later_month_and_shows_its_peers(evaluation):
    assert evaluation["verdict"]["approved"] is True
    assert set(evaluation["peers"]) == {"logistic_regression", "popularity", "bought_before"}
    ours = evaluation["metrics"]["log_loss"]["value"]
    assert ours < evaluation["peers"]["popularity"]["log_loss"]
    assert evaluation["metrics"]["auc"]["value"] > 0.7
    assert evaluation["peers"]["popularity"]["auc"] == 0.5
    assert "captured_value" not in evaluation["cut_off"], "what is at stake with who leaves"


def test_everybody_has_a_chance(model, divided):
    found = scores(model, divided.parts[NEWEST])
    assert len(found) == len(divided.parts[NEWEST])
    assert found["score"].between(0, 1).all()
    assert "currency" not in found


def test_popularity_and_purchases_before_are_shares_of_the_past():
    train_rows = pd.DataFrame({of_offer.BEFORE: [0, 0, 2, 1], OFFER.label: [0.0, 1.0, 1.0, 1.0]})
    later = pd.DataFrame({of_offer.BEFORE: [3, 0]})
    assert of_offer.popularity(train_rows, later).tolist() == [0.75, 0.75]
    assert of_offer.bought_before(train_rows, later).tolist() == [1.0, 0.5]
    nobody = train_rows.assign(**{of_offer.BEFORE: 0})
    assert of_offer.bought_before(nobody, later).tolist() == [0.75, 0.75]
    with pytest.raises(InputError, match="unload all columns of `offer_features`"):
        of_offer.bought_before(train_rows.drop(columns=of_offer.BEFORE), later)


def test_a_department_of_which_nobody_buys_is_refused(offered):
    with pytest.raises(InputError, match=r"0 are `bought_next_month` and .* are not"):
        prepare(offered.assign(bought_next_month=offered["bought_next_month"] * 0), OFFER, window=1, limits=LIMITS)


def test_what_happens_from_the_held_out_month_on_is_not_learned(offered, model, divided):
    changed = offered.copy()
    later = changed["cut_on"] >= divided.split.holdout
    changed.loc[later, OFFER.label] = 1 - changed.loc[later, OFFER.label]
    again = prepare(changed, OFFER, window=1, limits=LIMITS)
    seen = {name: again.parts[name] for name in (TRAIN, VALIDATION)}
    other = train(seen, again.as_dict(), OFFER, SETTINGS)
    rows = divided.parts[HOLDOUT]
    assert np.array_equal(model.score(rows), other.score(rows))


def test_every_sum_of_the_mart_is_known_as_one():
    mart = yaml.safe_load((ROOT / "sql" / "models" / "marts" / "numbers.yml").read_text(encoding="utf-8"))
    [described] = [one for one in mart["models"] if one["name"] == "offer_features"]
    names = [column["name"] for column in described["columns"]]
    told = [name for name in names if name not in {*KEYS, OFFER.label, "department"}]
    assert [name for name in told if not name.startswith(SUMS)] == [
        "tenure_days",
        "recency_days",
        "department_recency_days",
    ]
    assert of_offer.BEFORE in names
