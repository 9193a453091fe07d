"""A model is made again from the same rows and seed, brings its code, and is not told what was not known."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from c360_ml import model as stored
from c360_ml import prepare, score, train
from c360_ml import rows as files
from c360_ml.errors import InputError
from c360_ml.prepare import HOLDOUT, NEWEST, TRAIN, VALIDATION
from c360_ml.train import REFERENCE, add_code, reference
from tests.unit.ml.conftest import trained, with_parts

ROOT = Path(__file__).parents[3]


def test_the_same_rows_and_seed_make_the_same_model(prepared, model):
    again = trained(prepared)
    assert again.booster.save_raw("json") == model.booster.save_raw("json")
    assert again.about == model.about
    assert trained(prepared, seed=8).booster.save_raw("json") != model.booster.save_raw("json")


def test_rows_in_another_order_make_the_same_scores_after_they_were_stored(prepared, model, tmp_path):
    model.save(tmp_path)
    held_out = prepared.parts[HOLDOUT]
    order = np.random.default_rng(1).permutation(len(held_out))
    again = stored.load(tmp_path)
    assert again.about == model.about
    assert (again.score(held_out.iloc[order]) == model.score(held_out)[order]).all()


def test_a_row_alone_scores_as_it_does_among_all(prepared, model):
    newest = prepared.parts[NEWEST]
    everybody = model.score(newest)
    alone = [model.score(newest.iloc[[index]])[0] for index in range(0, len(newest), 7)]
    assert (everybody[::7] == alone).all()


def test_scores_are_probabilities_or_amounts_in_the_currency(prepared, model):
    newest = prepared.parts[NEWEST]
    scores = model.score(newest)
    if prepared.target.name == "churn":
        assert ((scores > 0) & (scores < 1)).all()
        return
    yen = (newest["currency"] == "JPY").to_numpy()
    assert (scores >= 0).all()
    assert scores[yen].mean() / scores[~yen].mean() == pytest.approx(150, rel=0.7)


def test_an_amount_in_another_unit_is_the_same_customer(prepared, model):
    """A currency of which everything is a hundred times as much changes no probability, and amounts accordingly."""
    held_out = prepared.parts[HOLDOUT]
    money = [name for name in held_out if name.startswith("spend")]
    parts = {
        name: part.assign(**{column: part[column] * 128 for column in money if column in part})
        for name, part in prepared.parts.items()
    }
    other = trained(with_parts(prepared, parts))
    expected = model.score(held_out) * (1 if prepared.target.name == "churn" else 128)
    assert other.score(parts[HOLDOUT]) == pytest.approx(expected, rel=1e-4)


def test_an_outcome_that_was_not_known_yet_is_refused(prepared):
    early = {**prepared.parts, VALIDATION: prepared.parts[TRAIN]}
    with pytest.raises(
        InputError, match="no outcome of its cuts, the oldest of which is 2025-01-01, was known at 2025-01"
    ):
        trained(with_parts(prepared, early))


def test_a_cut_after_the_validation_is_no_training(prepared):
    late = {**prepared.parts, TRAIN: pd.concat([prepared.parts[TRAIN], prepared.parts[HOLDOUT]], ignore_index=True)}
    with pytest.raises(
        InputError, match="the cut 2025-09-01 is after that of the validation, 2025-06-01; leave it out"
    ):
        trained(with_parts(prepared, late))


def test_the_newer_cuts_say_nothing_about_when_to_stop(prepared, model):
    """Their outcome was not known at the validation cut; the trees that stay have seen them."""
    recent = prepared.parts[TRAIN]["cut_on"].isin(prepared.split.recent)
    label = prepared.target.label
    turned = prepared.parts[TRAIN].assign(
        **{label: prepared.parts[TRAIN][label].where(~recent, 1 - prepared.parts[TRAIN][label].clip(0, 1))}
    )
    other = trained(with_parts(prepared, {**prepared.parts, TRAIN: turned}))
    assert (other.about.rounds, other.about.calibration) == (model.about.rounds, model.about.calibration)
    assert (other.score(prepared.parts[HOLDOUT]) != model.score(prepared.parts[HOLDOUT])).any()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda frame: frame.drop(columns="orders"), "column `orders` is missing; the model needs tenure_days, "),
        (lambda frame: frame.assign(orders="many"), "column `orders` holds something that is no number"),
        (lambda frame: frame.assign(orders=np.inf), "column `orders` is infinite"),
    ],
)
def test_rows_without_the_features_are_refused(prepared, model, change, why):
    with pytest.raises(InputError, match=why):
        model.score(change(prepared.parts[NEWEST]))


def test_what_drift_is_measured_against_names_nobody(prepared, model):
    kept = reference(model, prepared.parts[VALIDATION], seed=1)
    assert len(kept) == len(prepared.parts[VALIDATION])
    assert set(kept.columns) == {*model.about.columns, "score", prepared.target.label}


# ---- the scripts, as the containers run them


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    """A folder with what each script wrote, and a training job's archive."""
    folder = tmp_path_factory.mktemp("run")
    prepare.write(prepared, folder)
    target = prepared.target.name
    arguments = [
        *("--target", target, "--train", str(folder / TRAIN), "--validation", str(folder / VALIDATION)),
        *("--model-dir", str(folder / "model"), "--rounds", "40"),
    ]
    assert train.main(arguments) == 0
    (folder / "packed").mkdir()
    subprocess.run(
        ["tar", "-czf", str(folder / "packed" / "model.tar.gz"), "-C", str(folder / "model"), "."], check=True
    )
    return folder


def test_sagemaker_finds_the_metrics_in_the_log(run, prepared, caplog):
    arguments = ["--target", prepared.target.name, "--train", str(run / TRAIN), "--rounds", "5"]
    caplog.set_level("INFO", logger="c360_ml")
    assert train.main([*arguments, "--validation", str(run / VALIDATION), "--model-dir", str(run / "other")]) == 0
    wanted = "log_loss" if prepared.target.name == "churn" else "mae"
    assert [line for line in caplog.messages if line.startswith(f"validation:{wanted}=") and line.endswith(";")]


def test_a_folder_of_another_model_is_refused(run, prepared, caplog):
    other = {"churn": "value", "value": "churn"}[prepared.target.name]
    arguments = ["--train", str(run / TRAIN), "--validation", str(run / VALIDATION), "--model-dir", str(run / "no")]
    assert train.main(["--target", other, *arguments]) == 1
    assert f"it was prepared for `{prepared.target.name}`; prepare it for `{other}`" in caplog.messages[-1]
    assert train.main(["--target", other, *arguments, "--train", str(run)]) == 1
    assert "give the folder that `c360_ml.prepare` wrote" in caplog.messages[-1]


def test_the_archive_and_its_folder_are_the_same_model(run, prepared):
    newest = prepared.parts[NEWEST]
    scores = [stored.load(run / name).score(newest) for name in ("model", "packed")]
    assert (scores[0] == scores[1]).all()
    assert stored.is_model(run / "model")
    assert stored.is_model(run / "packed")
    assert not stored.is_model(run / TRAIN)
    assert (run / "model" / REFERENCE).is_file()


def test_broken_archives_say_what_is_wrong(run, tmp_path):
    with pytest.raises(InputError, match=r"about\.json is missing; name the folder of a model"):
        stored.load(tmp_path)
    (tmp_path / "model.tar.gz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="cannot be read"):
        stored.load(tmp_path)
    subprocess.run(["tar", "-czf", str(tmp_path / "model.tar.gz"), "-C", str(run / TRAIN), "."], check=True)
    with pytest.raises(InputError, match=r"model\.json is missing; name the archive"):
        stored.load(tmp_path)


def test_the_model_brings_the_code_that_scores(run, prepared):
    """The server imports from the model's own folder, and answers what the script writes."""
    assert (
        score.main(["--model", str(run / "packed"), "--input", str(run / NEWEST), "--output", str(run / "scores")]) == 0
    )
    written = (run / "scores" / "scores.jsonl").read_text()
    asked = (run / NEWEST / "rows.jsonl").read_text()
    program = (
        "import sys, inference\n"
        "model = inference.model_fn(sys.argv[1])\n"
        "frame = inference.input_fn(sys.stdin.read(), 'application/jsonlines')\n"
        "sys.stdout.write(inference.output_fn(inference.predict_fn(frame, model), 'application/jsonlines'))\n"
    )
    code = run / "model" / "code"
    done = subprocess.run(
        [sys.executable, "-c", program, str(run / "model")],
        input=asked, capture_output=True, text=True, check=True, cwd=code, env={"PYTHONPATH": str(code)},
    )  # fmt: skip
    assert done.stdout == written
    assert len(written.splitlines()) == len(prepared.parts[NEWEST])
    assert files.read(run / "scores")["score"].tolist() == [json.loads(line)["score"] for line in written.splitlines()]


def test_in_a_container_the_code_is_where_script_mode_has_unpacked_it(tmp_path):
    unpacked = tmp_path / "unpacked"
    (unpacked / "c360_ml" / "__pycache__").mkdir(parents=True)
    (unpacked / "c360_ml" / "serving.py").write_text("# of the job\n")
    for name in ("inference.py", "train.py", "setup.py"):
        (unpacked / name).write_text("# of the job\n")
    add_code(tmp_path / "code", unpacked=unpacked)
    found = {str(path.relative_to(tmp_path / "code")): path.read_text() for path in (tmp_path / "code").rglob("*.py")}
    assert found == dict.fromkeys(("c360_ml/serving.py", "inference.py", "train.py", "setup.py"), "# of the job\n")
    assert not (tmp_path / "code" / "c360_ml" / "__pycache__").exists()


def test_every_package_is_installed():
    folders = {
        str(path.parent.relative_to(ROOT / "sagemaker")).replace("/", ".")
        for path in (ROOT / "sagemaker").rglob("__init__.py")
    }
    setup = (ROOT / "sagemaker" / "setup.py").read_text()
    assert f"packages={sorted(folders)}".replace("'", '"') in setup
