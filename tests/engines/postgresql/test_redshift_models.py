"""The churn model on a real database: trained on the rows of its query, asked in SQL, rebuilt without failing."""

import sys
from datetime import date
from typing import Any

import numpy as np
import pytest
from statsmodels.api import add_constant
from statsmodels.discrete.discrete_model import Logit

from stacks.analytics.warehouse.churn_features import FEATURES
from stacks.analytics.warehouse.statements import read_batches
from tests.engines.postgresql.conftest import Warehouse
from tests.engines.postgresql.test_warehouse_loads import CURATED, FOLDER, PRODUCTS, TYPES, load, person
from twin.emulator.wire import ServiceError
from twin.providers.redshift.boosting import train

NAMES = [name.removeprefix("COALESCE(").partition(",")[0] for name in FEATURES]
MONEY = {"spend", "spend_3_months", "spend_12_months"}
KINDS = {
    "person_id": "varchar",
    "cut_on": "date",
    **{name: "decimal(38,2)" if name in MONEY else "bigint" for name in NAMES},
    "csat_12_months": "decimal(6,4)",
    "churned": "boolean",
}
CUTS = [date(2026, month, 1) for month in (1, 2, 3, 6)]  # the last one is not known yet
VALUES = {
    "features": ", ".join(FEATURES),
    "role": "arn:aws:iam::123456789012:role/Churn",
    "bucket": "training",
    "key": "arn:aws:kms:us-east-1:123456789012:key/k",
    "max_cells": "1000000",
    "max_seconds": "1800",
}
BATCHES = {one.name: one for one in read_batches(FOLDER / "churn", VALUES)}


def rows(people: int, cuts: list[date], seed: int = 7) -> list[dict[str, Any]]:
    """People who leave when they were away long, above all who gave no grade and those with cases."""
    drawn = np.random.default_rng(seed)
    made = []
    for cut in cuts:
        for number in range(people):
            away, cases = int(drawn.integers(0, 180)), int(drawn.poisson(0.4))
            grade = None if drawn.random() < 0.5 else f"{drawn.integers(1, 6)}.0000"
            odds = (2.0 if away > 90 else -2.0) + 1.5 * cases + (0.7 if grade is None else 0.0)
            left = bool(drawn.random() < 1 / (1 + np.exp(-odds)))
            values: dict[str, Any] = {name: int(drawn.integers(0, 20)) for name in NAMES}
            values |= {"recency_days": away, "cases_12_months": cases}
            values |= {name: f"{drawn.gamma(2, 50):.2f}" for name in MONEY}
            made.append(
                {
                    **values,
                    "person_id": f"p{number}",
                    "cut_on": cut,
                    "csat_12_months": grade,
                    "churned": None if cut == CUTS[-1] else left,
                }
            )
    return made


@pytest.fixture
def prepared(warehouse: Warehouse) -> Warehouse:
    lake = warehouse.lake
    lake.types.update({**TYPES, (PRODUCTS, "churn_features"): KINDS})
    lake.rows.update({key: [] for key in TYPES})
    lake.rows[PRODUCTS, "churn_features"] = rows(400, CUTS)
    lake.rows[PRODUCTS, "customer_360"] = [person(f"p{number}") for number in range(400)]
    lake.rows[CURATED, "identifier_map"] = []
    load(warehouse)
    warehouse.run(*BATCHES["prepare"].statements)
    return warehouse


def trained(warehouse: Warehouse) -> None:
    """Do what the state machine does."""
    for name in ("forget", "train", "score"):
        warehouse.run(*BATCHES[name].statements)


def known(warehouse: Warehouse, *cuts: date) -> tuple[Any, Any]:
    chosen = [row for row in warehouse.lake.rows[PRODUCTS, "churn_features"] if row["cut_on"] in cuts]
    return (
        np.array([[float(row[name] or 0) for name in NAMES] for row in chosen]),
        np.array([float(bool(row["churned"])) for row in chosen]),
    )


def test_the_function_says_what_a_model_of_exactly_these_rows_says(prepared: Warehouse) -> None:
    trained(prepared)
    features, labels = known(prepared, *CUTS[:2])  # the newest known cut is held out
    model = train(features, labels, {"num_round": 50, "max_depth": 3, "eta": 0.1})
    newest, _ = known(prepared, CUTS[-1])
    expected = {f"p{number}": score for number, score in enumerate(model.score(newest))}

    scored = prepared.rows("SELECT person_id, cut_on, score FROM warehouse.churn_score")
    assert {name: score for name, _, score in scored} == pytest.approx(
        expected, abs=1e-6
    )  # XGBoost adds in single precision
    assert {cut for _, cut, _ in scored} == {CUTS[-1]}


def test_what_is_held_out_says_how_good_it_is(prepared: Warehouse, capsys: pytest.CaptureFixture[str]) -> None:
    """Counted by the shipped statement, and told beside what logistic regression makes of the same rows."""
    trained(prepared)
    features, labels = known(prepared, *CUTS[:2])
    later, truth = known(prepared, CUTS[2])
    told = train(features, labels, {"num_round": 50, "max_depth": 3, "eta": 0.1}).score(later) >= 0.5
    line = Logit(labels, add_constant(features)).fit(disp=0)
    logistic = float(((line.predict(add_constant(later)) >= 0.5) == (truth == 1)).mean())

    [(cut, people, churned, foretold, rightly, right)] = prepared.rows("SELECT * FROM warehouse.churn_quality")
    assert (cut, people, churned) == (CUTS[2], 400, truth.sum())
    assert (foretold, rightly) == (told.sum(), (told & (truth == 1)).sum())
    assert right == (told == (truth == 1)).sum() > 0.75 * people
    with capsys.disabled():
        sys.stdout.write(f"\nheld-out month: model {right / people:.3f}, logistic regression {logistic:.3f}\n")
    assert right / people > logistic - 0.02


def test_it_is_rebuilt_though_it_is_there_and_a_rebuilt_warehouse_starts_without(prepared: Warehouse) -> None:
    trained(prepared)
    before = prepared.rows("SELECT COUNT(*), SUM(score) FROM warehouse.churn_score")
    with pytest.raises(ServiceError, match='model "churn" already exists'):
        prepared.run(*BATCHES["train"].statements)
    trained(prepared)
    assert prepared.rows("SELECT COUNT(*), SUM(score) FROM warehouse.churn_score") == before
    assert prepared.rows(BATCHES["state"].statements[0]) == [("Model is Ready",)]
    prepared.run("DROP SCHEMA warehouse CASCADE")
    assert prepared.rows(BATCHES["state"].statements[0]) == []
    load(prepared)
    prepared.run(*BATCHES["prepare"].statements)
    trained(prepared)
    assert prepared.rows("SELECT COUNT(*) FROM warehouse.churn_score") == [(400,)]


def test_who_is_gone_has_no_score_after_the_next_load(prepared: Warehouse) -> None:
    trained(prepared)
    prepared.lake.rows[PRODUCTS, "customer_360"] = [person(f"p{number}") for number in range(399)]
    load(prepared)
    prepared.run(*BATCHES["prepare"].statements)
    assert prepared.rows("SELECT COUNT(*) FROM warehouse.churn_score WHERE person_id = 'p399'") == [(0,)]
    assert prepared.rows("SELECT COUNT(*) FROM warehouse.churn_score") == [(399,)]


@pytest.mark.parametrize(
    ("people", "churned", "counted"),
    [(0, None, (0, 0)), (200, None, (400, 0)), (200, False, (400, 0)), (200, True, (400, 400))],
)
def test_rows_and_answers_are_counted_before_anything_is_trained(
    prepared: Warehouse, people: int, churned: bool | None, counted: tuple[int, int]
) -> None:
    made = rows(people, CUTS)
    for row in made:
        if row["churned"] is not None and churned is not None:
            row["churned"] = churned
    prepared.lake.rows[PRODUCTS, "churn_features"] = made
    [(found, left)] = prepared.rows(BATCHES["count"].statements[0])
    assert found == counted[0]
    assert churned is None or left == counted[1]


def test_redshift_trains_on_no_fewer_rows_than_500(prepared: Warehouse) -> None:
    prepared.lake.rows[PRODUCTS, "churn_features"] = rows(200, CUTS)
    with pytest.raises(ServiceError, match="400 rows; at least 500 are needed"):
        prepared.run(*BATCHES["train"].statements)


def test_what_it_cannot_train_is_refused(prepared: Warehouse) -> None:
    [statement] = BATCHES["train"].statements
    for change, said in {
        ("'reg:logistic'", "'multi:softmax'"): "does not support",
        ("MAX_DEPTH '3'", "SUBSAMPLE '0.5'"): "hyperparameter SUBSAMPLE",
        ("TARGET churned", "TARGET nothing"): 'column "nothing" of TARGET',
        ("cut_on < (", "cut_on < (SELECT MAX(cut_on) FROM lake_products.nowhere) AND cut_on < ("): "nowhere",
        ("    tenure_days", "    person_id, tenure_days"): 'column "person_id" is varchar',
    }.items():
        assert change[0] in statement
        with pytest.raises((ServiceError, KeyError), match=said):
            prepared.run(statement.replace(*change))


def test_only_the_administrator_trains_and_asks(prepared: Warehouse) -> None:
    trained(prepared)
    with pytest.raises(ServiceError, match="permission denied"):
        prepared.run("DROP MODEL IF EXISTS warehouse.churn", user="IAMR:Somebody")
