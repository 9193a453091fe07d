"""Trains a model on earlier cuts, and lets a later one stop and calibrate it.

python -m c360_ml.train --target churn --train FOLDER --validation FOLDER --model-dir FOLDER
"""

import json
import shutil
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xgboost

from c360_ml import features, rows, script
from c360_ml.calibration import Calibration, calibrate
from c360_ml.errors import InputError
from c360_ml.measures import AMOUNT_MEASURES, CHANCE_MEASURES, Numbers
from c360_ml.model import About, Model
from c360_ml.prepare import SPLIT, TRAIN, VALIDATION
from c360_ml.split import months_after
from c360_ml.targets import CUT, PERSON, TARGETS, Target

REFERENCE: Final = "reference.parquet"
SCORE: Final = "score"
CODE: Final = "code"
_KEPT: Final = 5000  # rows that drift is measured against
_CHANNELS: Final = script.OPT / "input" / "data"
_DEFAULT_DEPTH: Final = 3
_COMPILED: Final = shutil.ignore_patterns("__pycache__")
_SHARE: Final = 0.8  # of the rows and columns that a tree sees


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How trees are grown.

    Attributes:
        rounds: the most trees.
        patience: trees that may help nothing before it stops.
        threads: sums of floats depend on their order, so one thread makes the same model on every machine.
    """

    seed: int
    rounds: int
    patience: int
    depth: int
    learning_rate: float
    least_child_weight: float
    threads: int

    def parameters(self, target: Target) -> dict[str, Any]:
        """Return what XGBoost is told."""
        return {
            "objective": target.objective,
            "eval_metric": target.metric,
            "max_depth": self.depth,
            "eta": self.learning_rate,
            "min_child_weight": self.least_child_weight,
            "subsample": _SHARE,
            "colsample_bytree": _SHARE,
            "tree_method": "hist",
            "seed": self.seed,
            "nthread": self.threads,
            **({"tweedie_variance_power": 1.5} if not target.is_chance else {}),
        }


def train(parts: Mapping[str, pd.DataFrame], described: Mapping[str, Any], target: Target, settings: Settings) -> Model:
    """Grow trees on older cuts until the validation cut gets no better, then as many on all cuts of the training.

    The older cuts are those whose outcome was known at the validation cut: they say how many trees are good, and how
    sure the model may be. Customers change, so that the trees that stay have seen the newer cuts, too.

    Args:
        parts: rows of the training and of the validation cuts.
        described: what the preparation has decided.
        target: what to foretell.
        settings: how.

    Raises:
        InputError: no outcome of the training was known at the validation cut, or the rows lack a column.
    """
    window = int(described["window_months"])
    chosen = (_older(parts, window), parts[TRAIN], parts[VALIDATION])
    columns, by_currency = tuple(described["columns"]), features.scales(parts[TRAIN])
    older, every, validation = (_data(part, target, columns, by_currency, settings.threads) for part in chosen)
    parameters = settings.parameters(target)
    tried = xgboost.train(
        parameters,
        older,
        num_boost_round=settings.rounds,
        evals=[(validation, VALIDATION)],
        early_stopping_rounds=settings.patience,
        verbose_eval=False,
    )
    rounds = int(tried.best_iteration) + 1
    booster = xgboost.train(parameters, every, num_boost_round=rounds, verbose_eval=False)
    about = About(
        target=target.name,
        columns=columns,
        scales=by_currency,
        calibration=_calibration(tried, validation, target),
        rounds=rounds,
        window_months=window,
        cuts=dict(described["cuts"]),
        people={name: len(part) for name, part in parts.items()},
        parameters={**parameters, "rounds": settings.rounds, "patience": settings.patience},
        base=float(parts[TRAIN][target.label].mean()),
    )
    return Model(booster=booster, about=about)


def reference(model: Model, validation: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return features, scores and outcomes of the newest cut that the model has seen, without the people.

    Amounts are in units of what is typical in their currency.
    """
    about = model.about
    told = pd.DataFrame(features.matrix(validation, about.columns, about.scales), columns=list(about.columns))
    told = told.assign(**{SCORE: model.units(validation), model.target.label: model.outcomes(validation)})
    kept = np.random.default_rng(seed).permutation(len(told))[:_KEPT]
    return told.iloc[np.sort(kept)].reset_index(drop=True)


def add_code(folder: Path, *, unpacked: Path = script.OPT / "code") -> None:
    """Put the code that scores beside the model, so that both change together.

    Args:
        folder: where to.
        unpacked: where script mode has unpacked what it has installed; elsewhere this file lies in the source.
    """
    source = unpacked if unpacked.is_dir() else Path(__file__).parent.parent
    shutil.copytree(source / "c360_ml", folder / "c360_ml", dirs_exist_ok=True, ignore=_COMPILED)
    for name in ("inference.py", "train.py", "setup.py"):
        shutil.copyfile(source / name, folder / name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    options = script.parser("train", __doc__)
    script.add_target(options)
    script.add_seed(options)
    for name in (TRAIN, VALIDATION):
        script.add_folder(
            options, name, default=_CHANNELS / name, variable=f"SM_CHANNEL_{name.upper()}", about=f"rows of `{name}`"
        )
    script.add_folder(options, "model-dir", default=script.OPT / "model", variable="SM_MODEL_DIR", about="the result")
    options.add_argument("--rounds", type=int, default=600, help="the most trees")
    options.add_argument("--patience", type=int, default=30, help="trees that may help nothing before it stops")
    options.add_argument("--depth", type=int, default=_DEFAULT_DEPTH, help="questions one after another in a tree")
    options.add_argument("--learning-rate", type=float, default=0.05, help="how much one tree may say")
    options.add_argument("--least-child-weight", type=float, default=20, help="how much a leaf has to hold")
    options.add_argument("--threads", type=int, default=1, help="more are faster, and may make a slightly other model")
    return script.run(_run, options.parse_args(arguments))


def _run(options: Namespace) -> None:
    target = TARGETS[options.target]
    described = _described(options.train / SPLIT, target)
    parts = {TRAIN: rows.read(options.train), VALIDATION: rows.read(options.validation)}
    settings = Settings(
        seed=options.seed,
        rounds=options.rounds,
        patience=options.patience,
        depth=options.depth,
        learning_rate=options.learning_rate,
        least_child_weight=options.least_child_weight,
        threads=options.threads,
    )
    model = train(parts, described, target, settings)
    model.save(options.model_dir)
    rows.write(reference(model, parts[VALIDATION], options.seed), options.model_dir / REFERENCE)
    add_code(options.model_dir / CODE)
    _log(model, parts[VALIDATION])


def _described(path: Path, target: Target) -> dict[str, Any]:
    try:
        described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: it is missing or no JSON; give the folder that `c360_ml.prepare` wrote") from error
    if described.get("target") != target.name:
        raise InputError(f"{path}: it was prepared for `{described.get('target')}`; prepare it for `{target.name}`")
    return described


def _older(parts: Mapping[str, pd.DataFrame], window: int) -> pd.DataFrame:
    """Return the rows whose outcome was known at the validation cut."""
    train, validation = parts[TRAIN], str(parts[VALIDATION][CUT].min())
    older = train[train[CUT] <= months_after(validation, -window)]
    if older.empty:
        raise InputError(
            f"train: no outcome of its cuts, the oldest of which is {train[CUT].min()}, was known at {validation}, the "
            f"cut of the validation; leave {window} months between them"
        )
    if str(train[CUT].max()) > validation:
        raise InputError(
            f"train: the cut {train[CUT].max()} is after that of the validation, {validation}; leave it out"
        )
    return older


def _data(
    part: pd.DataFrame, target: Target, columns: Sequence[str], by_currency: Mapping[str, float], threads: int
) -> xgboost.DMatrix:
    told = features.matrix(part, columns, by_currency)
    label = part[target.label].to_numpy(dtype=float)
    if not target.is_chance:
        # More came back than was bought: that is nothing spent.
        label = np.maximum(label / features.scale_of(part, by_currency), 0.0)
    return xgboost.DMatrix(told, label=label, feature_names=list(columns), nthread=threads)


def _calibration(tried: xgboost.Booster, validation: xgboost.DMatrix, target: Target) -> Calibration | None:
    if not target.is_chance:
        return None
    trees = (0, int(tried.best_iteration) + 1)
    margin: Numbers = np.asarray(tried.predict(validation, iteration_range=trees, output_margin=True), dtype=float)
    return calibrate(margin, np.asarray(validation.get_label(), dtype=float))


def _log(model: Model, validation: pd.DataFrame) -> None:
    """Say how the validation cut fares, in the form in which SageMaker takes metrics from a log."""
    label, score = validation[model.target.label].to_numpy(dtype=float), model.score(validation)
    measured = CHANCE_MEASURES if model.target.is_chance else AMOUNT_MEASURES
    for name, measure in measured.items():
        script.LOG.info("validation:%s=%.6f;", name, measure(label, score))
    script.LOG.info("%d trees, %s people", model.about.rounds, validation[PERSON].nunique())


if __name__ == "__main__":
    sys.exit(main())
