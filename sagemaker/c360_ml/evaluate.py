"""Tries a model on a cut that is later than all it has seen, beside simpler methods and beside the champion.

python -m c360_ml.evaluate --target churn --model FOLDER --train FOLDER --holdout FOLDER --output FOLDER
"""

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from c360_ml import features, measures, rows, script
from c360_ml.errors import InputError
from c360_ml.features import Leak
from c360_ml.measures import AMOUNT_MEASURES, CHANCE_MEASURES, Estimate, Measure, Numbers
from c360_ml.model import Model, is_model, load_for
from c360_ml.peers import logistic, of_offer, of_value
from c360_ml.prepare import HOLDOUT, LEAK, TRAIN
from c360_ml.split import months_after
from c360_ml.targets import CHURN, CURRENCY, CUT, OFFER, TARGETS, TENURE, Target

EVALUATION: Final = "evaluation.json"
CHAMPION: Final = "champion"
_YEAR: Final = "spend_12_months"
_AGES: Final = (("up to 90 days", 90), ("91 to 365 days", 365), ("more than 365 days", None))
_NONE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a model has to be to replace the champion, and how it is measured.

    Attributes:
        margin: by which share its loss has to be below the champion's.
        least_skill: by which share its loss has to be below that of a constant.
        cut_off: the share of the customers that one acts on.
        times: samples for the limits of each measure.
        leak: what no honest model reaches.
    """

    margin: float
    least_skill: float
    cut_off: float
    times: int
    seed: int
    leak: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """The held-out people: what was said of them, and what happened; amounts in units of what is typical there."""

    label: Numbers
    score: Numbers


def evaluate(
    model: Model, parts: Mapping[str, pd.DataFrame], rules: Rules, champion: Model | None = None
) -> dict[str, Any]:
    """Return everything that is known about how good a model is, with the verdict.

    Args:
        model: the model.
        parts: rows of the training cuts and of the held-out cut.
        rules: how it is judged.
        champion: the model in use, which is asked about the same people.

    Raises:
        InputError: the model has seen what it is tried on, or the rows lack something.
    """
    target, holdout = model.target, parts[HOLDOUT]
    _check_times(model, holdout)
    _check_outcome(target, holdout)
    tried = _try(model, holdout, model.about.scales)
    measured = CHANCE_MEASURES if target.is_chance else AMOUNT_MEASURES
    shown = measures.estimates(measured, tried.label, tried.score, times=rules.times, seed=rules.seed)
    found = _leaks(model, parts[TRAIN], shown, rules)
    loss = _loss(model, parts[TRAIN], tried)
    against = None if champion is None else _against(model, champion, holdout, rules)
    return {
        "target": target.name,
        "held_out": str(holdout[CUT].iloc[0]),
        "people": len(holdout),
        "cuts": dict(model.about.cuts),
        "columns": list(model.about.columns),
        "metrics": {name: one.as_dict() for name, one in shown.items()},
        _registry_name(target): _for_registry(shown),
        "loss": loss,
        "peers": _peers(model, parts, measured),
        "calibration": measures.by_decile(tried.label, tried.score),
        "cut_off": _cut_off(target, holdout, tried, rules.cut_off),
        "units": dict(model.about.scales) if not target.is_chance else {},
        "groups": _groups(holdout, tried, measured),
        "leaks": [leak.as_dict() for leak in found],
        "champion": None if against is None else against.as_dict(),
        "verdict": _verdict(found, loss, against, rules),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    options = script.parser("evaluate", __doc__)
    script.add_target(options)
    script.add_seed(options)
    given = script.PROCESSING / "input"
    add = script.add_folder
    add(options, "model", default=given / "model", about="the model, packed or not")
    add(options, TRAIN, default=given / TRAIN, about="rows that it was trained on")
    add(options, HOLDOUT, default=given / HOLDOUT, about="rows that it is tried on")
    add(
        options,
        CHAMPION,
        default=given / CHAMPION,
        about="the model in use; a folder without one means that there is none",
    )
    add(options, "output", default=script.PROCESSING / "output" / "evaluation", about=f"gets {EVALUATION}")
    options.add_argument("--margin", type=float, default=0.005, help="share by which the champion's loss has to fall")
    options.add_argument("--least-skill", type=float, default=0.0, help="share below the loss of a constant")
    options.add_argument("--cut-off", type=float, default=0.2, help="share of the customers that one acts on")
    options.add_argument("--bootstraps", type=int, default=200, help="samples for the limits of each measure")
    options.add_argument("--leak", type=float, default=LEAK, help="how well a feature alone may tell the label")
    return script.run(_run, options.parse_args(arguments))


def _run(options: Namespace) -> None:
    rules = Rules(
        margin=options.margin,
        least_skill=options.least_skill,
        cut_off=options.cut_off,
        times=options.bootstraps,
        seed=options.seed,
        leak=options.leak,
    )
    model = load_for(TARGETS[options.target], options.model)
    champion = None
    if is_model(options.champion):
        champion = load_for(TARGETS[options.target], options.champion)
    parts = {TRAIN: rows.read(options.train), HOLDOUT: rows.read(options.holdout)}
    evaluation = evaluate(model, parts, rules, champion)
    options.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation, indent=2, allow_nan=False) + "\n"
    (options.output / EVALUATION).write_text(text, encoding="utf-8")
    script.LOG.info("%s", json.dumps({"loss": evaluation["loss"], "verdict": evaluation["verdict"]}))


def _check_times(model: Model, holdout: pd.DataFrame) -> None:
    cut, validation = str(holdout[CUT].min()), str(model.about.cuts["validation"])
    if months_after(validation, model.about.window_months) > cut:
        raise InputError(
            f"holdout: at its cut {cut} the outcome of {validation}, which the model has seen, was not known; "
            "try the model on a later cut"
        )


def _check_outcome(target: Target, holdout: pd.DataFrame) -> None:
    if target.label not in holdout or holdout[target.label].isna().any():
        raise InputError(
            f"holdout: column `{target.label}` is missing or empty somewhere; give rows with known outcomes"
        )
    if holdout[CUT].nunique() != 1:
        raise InputError("holdout: there is more than one cut; give the newest with known outcomes")


def _try(model: Model, frame: pd.DataFrame, by_currency: Mapping[str, float]) -> Tried:
    label, score = frame[model.target.label].to_numpy(dtype=float), model.score(frame)
    if model.target.is_chance:
        return Tried(label=label, score=score)
    scale = features.scale_of(frame, by_currency)
    return Tried(label=label / scale, score=score / scale)


def _losses(target: Target, tried: Tried) -> Numbers:
    if target.is_chance:
        return measures.log_losses(tried.label, tried.score)
    return measures.tweedie_deviances(tried.label, tried.score)


def _loss(model: Model, train: pd.DataFrame, tried: Tried) -> dict[str, Any]:
    """Compare the loss with that of one answer for everybody: what was usual on the training cuts."""
    usual = np.maximum(model.outcomes(train), 0.0)
    alike = Tried(label=tried.label, score=np.full(len(tried.label), float(usual.mean())))
    ours = float(_losses(model.target, tried).mean())
    constant = float(_losses(model.target, alike).mean())
    skill = 1 - ours / constant if constant else 0.0
    return {"name": model.target.loss, "value": ours, "constant": constant, "skill": skill}


def _against(model: Model, champion: Model, holdout: pd.DataFrame, rules: Rules) -> Estimate:
    """Compare both on the same people, in the units of the one, so that a loss of an amount means the same."""
    _check_times(champion, holdout)
    ours = _losses(model.target, _try(model, holdout, model.about.scales))
    theirs = _losses(model.target, _try(champion, holdout, model.about.scales))
    return measures.gain(ours, theirs, times=rules.times, seed=rules.seed)


def _leaks(model: Model, train: pd.DataFrame, shown: Mapping[str, Estimate], rules: Rules) -> list[Leak]:
    found = features.leaks(train, None, model.about.columns, model.target, limit=rules.leak)
    name = "auc" if model.target.is_chance else "spearman"
    if not found and shown[name].value >= rules.leak:
        found = [Leak(column="all together", separation=shown[name].value, why="foretell the held-out cut too well")]
    return found


def _peers(
    model: Model, parts: Mapping[str, pd.DataFrame], measured: Mapping[str, Measure]
) -> dict[str, dict[str, float]]:
    """Return the same measures of simpler methods that see what the model sees, about the same people."""
    holdout, about = parts[HOLDOUT], model.about
    if model.target.is_chance:
        told = features.matrix(parts[TRAIN], about.columns, about.scales)
        fitted = logistic.fit(told, parts[TRAIN][model.target.label].to_numpy(dtype=float))
        label = holdout[model.target.label].to_numpy(dtype=float)
        chance = fitted.chance(features.matrix(holdout, about.columns, about.scales))
        chances = {"logistic_regression": chance, **_peers_of_offer(model, parts)}
        return {
            peer: {name: measure(label, said) for name, measure in measured.items()} for peer, said in chances.items()
        }
    scale = features.scale_of(holdout, about.scales)
    label = holdout[model.target.label].to_numpy(dtype=float) / scale
    expected = {
        "bg_nbd_gamma_gamma": of_value.bg_nbd_gamma_gamma(
            holdout, window=about.window_months, seed=int(about.parameters["seed"])
        ),
        "same_as_last_window": of_value.same_as_last_window(holdout, window=about.window_months),
    }
    return {
        peer: {name: measure(label, amount / scale) for name, measure in measured.items()}
        for peer, amount in expected.items()
    }


def _peers_of_offer(model: Model, parts: Mapping[str, pd.DataFrame]) -> dict[str, Numbers]:
    if model.target is not OFFER:
        return {}
    ways = {"popularity": of_offer.popularity, "bought_before": of_offer.bought_before}
    return {name: way(parts[TRAIN], parts[HOLDOUT]) for name, way in ways.items()}


def _cut_off(target: Target, holdout: pd.DataFrame, tried: Tried, share: float) -> dict[str, float]:
    """Say what those hold together whom one would act on."""
    hit = tried.label if target.is_chance else np.maximum(tried.label, 0.0)
    found = {"share": share, "captured": measures.captured(hit, tried.score, share)}
    found["lift"] = found["captured"] / share
    if target is CHURN and _YEAR in holdout:
        spent = np.maximum(holdout[_YEAR].to_numpy(dtype=float), 0.0)
        found["captured_value"] = measures.captured(spent * hit, tried.score, share)
    return found


def _groups(holdout: pd.DataFrame, tried: Tried, measured: Mapping[str, Measure]) -> dict[str, list[dict[str, Any]]]:
    """Return the measures by group, so that a group of which the model knows little is seen."""
    by: dict[str, Sequence[str]] = {}
    if CURRENCY in holdout:
        by[CURRENCY] = [name if isinstance(name, str) else _NONE for name in holdout[CURRENCY]]
    if TENURE in holdout:
        by[TENURE] = [_age(days) for days in holdout[TENURE]]
    return {name: _by_group(labels, tried, measured) for name, labels in by.items()}


def _by_group(labels: Sequence[str], tried: Tried, measured: Mapping[str, Measure]) -> list[dict[str, Any]]:
    names = np.array(labels)
    found = []
    for name in sorted(set(labels)):
        rows_of = names == name
        label, score = tried.label[rows_of], tried.score[rows_of]
        shown = {measure: function(label, score) for measure, function in measured.items()}
        summary = {"people": int(rows_of.sum()), "predicted": float(score.mean()), "observed": float(label.mean())}
        found.append({"group": name, **summary, **shown})
    return found


def _age(days: float) -> str:
    if np.isnan(days):
        return _NONE
    return next(name for name, until in _AGES if until is None or days <= until)


def _verdict(found: Sequence[Leak], loss: Mapping[str, Any], against: Estimate | None, rules: Rules) -> dict[str, Any]:
    reasons = [f"`{leak.column}`: {leak.why}; take it out of `churn_features`" for leak in found]
    if loss["skill"] <= rules.least_skill:
        reasons.append(
            f"its loss is {loss['skill']:.2%} below that of a constant, and has to be above {rules.least_skill:.2%}"
        )
    if against is not None and against.value < rules.margin:
        reasons.append(f"its loss is {against.value:.2%} below the champion's, and has to be {rules.margin:.2%} below")
    elif against is not None and against.low <= 0:
        reasons.append(
            f"its loss is {against.value:.2%} below the champion's, which may be chance (from {against.low:.2%})"
        )
    approved = not reasons
    if approved:
        reasons = [
            "it is better than the champion"
            if against is not None
            else "there is no champion, and it foretells something"
        ]
    return {"approved": approved, "reasons": reasons}


def _registry_name(target: Target) -> str:
    return "binary_classification_metrics" if target.is_chance else "regression_metrics"


def _for_registry(shown: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    """Return the measures in the form that SageMaker's registry of models shows."""
    return {name: {"value": one.value, "standard_deviation": one.standard_deviation} for name, one in shown.items()}


if __name__ == "__main__":
    sys.exit(main())
