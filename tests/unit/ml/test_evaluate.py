"""A model is tried on later people, beside its peers and the champion, and is never approved with a leak."""

import json
from dataclasses import replace

import numpy as np
import pytest

from c360_ml import evaluate as script
from c360_ml import prepare
from c360_ml.errors import InputError
from c360_ml.evaluate import Rules, evaluate
from c360_ml.prepare import HOLDOUT, TRAIN, VALIDATION
from tests.unit.ml.conftest import divided, trained, with_parts

RULES = Rules(margin=0.005, least_skill=0.0, cut_off=0.2, times=60, seed=7, leak=0.98)


@pytest.fixture(scope="module")
def evaluation(prepared, model):
    return evaluate(model, prepared.parts, RULES)


def mixed_up(part):
    """The same people with one another's outcomes."""
    labels = part[[name for name in ("churned", "spend_next_3_months") if name in part]]
    return part.assign(**labels.sample(frac=1, random_state=1).reset_index(drop=True))


def loss_of(evaluation):
    return evaluation["loss"]["value"]


def test_a_first_model_that_foretells_something_is_approved(evaluation, prepared):
    assert evaluation["verdict"] == {"approved": True, "reasons": ["there is no champion, and it foretells something"]}
    assert evaluation["held_out"] == "2025-09-01"
    assert evaluation["people"] == len(prepared.parts[HOLDOUT])
    assert evaluation["loss"]["skill"] > 0.05
    name = "binary_classification_metrics" if prepared.target.name == "churn" else "regression_metrics"
    for measure, found in evaluation["metrics"].items():
        assert found["low"] <= found["value"] <= found["high"]
        assert evaluation[name][measure]["value"] == found["value"]
    assert evaluation["metrics"][prepared.target.loss]["value"] == pytest.approx(loss_of(evaluation))


def test_the_peers_are_asked_about_the_same_people(evaluation, prepared):
    expected = {"churn": {"logistic_regression"}, "value": {"bg_nbd_gamma_gamma", "same_as_last_window"}}
    assert evaluation["peers"].keys() == expected[prepared.target.name]
    for measured in evaluation["peers"].values():
        assert measured.keys() == evaluation["metrics"].keys()
        # Some, on some hundred people, may be better; none is as bad as guessing.
        order = measured["auc"] - 0.5 if prepared.target.name == "churn" else measured["spearman"]
        assert order > 0.1


def test_groups_and_deciles_hold_everybody(evaluation, prepared):
    assert {one["group"] for one in evaluation["groups"]["currency"]} == {"EUR", "JPY"}
    for groups in (*evaluation["groups"].values(), evaluation["calibration"]):
        assert sum(one["people"] for one in groups) == len(prepared.parts[HOLDOUT])
    cut_off = evaluation["cut_off"]
    assert cut_off["captured"] == pytest.approx(cut_off["lift"] * 0.2)
    assert cut_off["lift"] > 1
    assert ("captured_value" in cut_off) == (prepared.target.name == "churn")


def test_the_same_evaluation_comes_again(evaluation, prepared, model):
    assert evaluate(model, prepared.parts, RULES) == evaluation


def test_a_model_never_replaces_itself(prepared, model):
    found = evaluate(model, prepared.parts, RULES, champion=model)
    assert found["champion"]["value"] == 0
    assert not found["verdict"]["approved"]
    assert "0.00% below the champion's, and has to be 0.50% below" in found["verdict"]["reasons"][0]


def test_a_better_model_replaces_a_poor_one_and_not_the_other_way_round(prepared, model):
    poor = trained(with_parts(prepared, {name: mixed_up(part) for name, part in prepared.parts.items()}))
    assert evaluate(model, prepared.parts, RULES, champion=poor)["verdict"] == {
        "approved": True,
        "reasons": ["it is better than the champion"],
    }
    worse = evaluate(poor, prepared.parts, RULES, champion=model)
    assert worse["champion"]["value"] < 0
    assert not worse["verdict"]["approved"]


def test_what_may_be_chance_is_no_reason(prepared, model):
    sibling = trained(prepared, seed=99)
    both = [
        evaluate(one, prepared.parts, replace(RULES, margin=-1.0), champion=other)
        for one, other in ((model, sibling), (sibling, model))
    ]
    assert not all(found["verdict"]["approved"] for found in both)
    chance = [found for found in both if found["champion"]["low"] <= 0]
    assert chance
    assert all("which may be chance" in found["verdict"]["reasons"][0] for found in chance)


def test_a_model_that_foretells_nothing_is_refused(prepared, model):
    found = evaluate(model, prepared.parts, replace(RULES, least_skill=0.99))
    assert not found["verdict"]["approved"]
    assert "below that of a constant, and has to be above 99.00%" in found["verdict"]["reasons"][0]


def test_a_leak_is_never_approved_however_good_the_model(rows, prepared, model):
    label = prepared.target.label
    planted = rows.assign(gap=rows[label].fillna(0) + np.arange(len(rows)) % 3 / 100)
    leaky = divided(planted, prepared.target.name, leak=2.0)
    found = evaluate(trained(leaky), leaky.parts, RULES, champion=model)
    assert found["champion"]["value"] > 0.5, "it is far better"
    assert [leak["column"] for leak in found["leaks"]] == ["gap"]
    assert not found["verdict"]["approved"]
    assert "`gap`: alone ranks" in found["verdict"]["reasons"][0]


def test_columns_that_only_together_know_too_much_are_found(rows):
    """Each of the two columns tells one half of the people."""
    gone = rows["churned"].fillna(0)
    first = np.random.default_rng(1).random(len(rows)) < 0.5
    prepared = divided(rows.assign(one=gone.where(first), other=gone.where(~first)))
    found = evaluate(trained(prepared), prepared.parts, RULES)
    assert [leak["column"] for leak in found["leaks"]] == ["all together"]
    assert not found["verdict"]["approved"]


def test_people_of_the_training_are_no_trial(prepared, model):
    for part in (TRAIN, VALIDATION):
        with pytest.raises(InputError, match="which the model has seen, was not known; try the model on a later cut"):
            evaluate(model, {**prepared.parts, HOLDOUT: prepared.parts[part]}, RULES)


def test_a_trial_needs_one_cut_with_outcomes(prepared, model):
    held_out = prepared.parts[HOLDOUT]
    for change, why in (
        (held_out.assign(**{prepared.target.label: None}), "missing or empty somewhere"),
        (held_out.assign(cut_on=np.where(np.arange(len(held_out)) % 2, "2025-09-01", "2025-10-01")), "more than one"),
    ):
        with pytest.raises(InputError, match=why):
            evaluate(model, {**prepared.parts, HOLDOUT: change}, RULES)


def test_the_script_writes_what_the_pipeline_asks_for(prepared, model, evaluation, tmp_path, caplog):
    prepare.write(prepared, tmp_path)
    model.save(tmp_path / "model")
    (tmp_path / "nobody").mkdir()
    arguments = [
        *("--target", prepared.target.name, "--model", str(tmp_path / "model"), "--train", str(tmp_path / TRAIN)),
        *("--holdout", str(tmp_path / HOLDOUT), "--output", str(tmp_path / "out"), "--bootstraps", "60"),
    ]
    assert script.main([*arguments, "--champion", str(tmp_path / "nobody")]) == 0
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == evaluation
    assert script.main([*arguments, "--champion", str(tmp_path / "model")]) == 0
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["verdict"]["approved"] is False

    other = {"churn": "value", "value": "churn"}[prepared.target.name]
    assert script.main([*arguments, "--target", other]) == 1
    assert f"it is a model of `{prepared.target.name}`; give one of `{other}`" in caplog.messages[-1]
