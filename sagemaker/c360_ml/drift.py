"""Says how far customers of now are from those that the model has learned from, and how far its scores have moved.

python -m c360_ml.drift --model FOLDER --current FOLDER --known FOLDER --output FOLDER
"""

import json
import sys
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas.api import types
from scipy.stats import ks_2samp

from c360_ml import drift_page, features, rows, script
from c360_ml.errors import InputError
from c360_ml.measures import Numbers
from c360_ml.model import ARCHIVE, Model, load_for, unpack
from c360_ml.targets import CUT, TARGETS
from c360_ml.train import REFERENCE, SCORE

STEADY, WARNING, ALARM = "steady", "warning", "alarm"
REPORT: Final = "drift.json"
PAGE: Final = "drift.html"
_BINS: Final = 10
_HALF: Final = 0.5  # of a person: an empty bin would make the index infinite
_WORDS: Final = {STEADY: 0, WARNING: 1, ALARM: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From where on a difference is worth a warning, or an alarm.

    Attributes:
        psi_warning: population stability index of a column or of the scores.
        psi_alarm: the same.
        ks_p: how likely chance alone makes such a difference of the distributions; below, it warns,
        ks_least: if the difference is also as large as this.
        label: difference of the rates of those who left, or of the mean spend as a share.
    """

    psi_warning: float
    psi_alarm: float
    ks_p: float
    ks_least: float
    label: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How far one column has moved.

    Attributes:
        psi: sum over bins of the difference of shares, times its logarithm.
        ks: the largest difference of the two distribution functions, None if one has no numbers.
        ks_p: how likely chance alone makes it.
    """

    column: str
    psi: float
    ks: float | None
    ks_p: float | None
    missing_before: float
    missing_now: float
    mean_before: float | None
    mean_now: float | None
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelMoved:
    """How the outcome has moved, and what was foretold of the same people."""

    before: float
    now: float
    foretold: float
    difference: float
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return asdict(self)


def psi(before: Numbers, now: Numbers) -> float:
    """Return the population stability index, over tenths of the earlier rows and a bin for what is missing."""
    known = before[~np.isnan(before)]
    inner = np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1]) if len(known) else np.array([])
    edges = np.unique(inner)
    shares = [_shares(one, edges) for one in (before, now)]
    return float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum())


def moved(column: str, before: Numbers, now: Numbers, limits: Thresholds) -> Moved:
    """Compare the numbers of a column."""
    index = psi(before, now)
    old, new = before[~np.isnan(before)], now[~np.isnan(now)]
    ks = ks_p = None
    if len(old) and len(new):
        tested = ks_2samp(old, new, method="asymp")
        ks, ks_p = float(tested.statistic), float(tested.pvalue)
    differs = ks is not None and ks_p is not None and ks_p < limits.ks_p and ks >= limits.ks_least
    verdict = ALARM if index >= limits.psi_alarm else WARNING if index >= limits.psi_warning or differs else STEADY
    return Moved(
        column=column,
        psi=index,
        ks=ks,
        ks_p=ks_p,
        missing_before=1 - len(old) / len(before),
        missing_now=1 - len(new) / len(now),
        mean_before=float(old.mean()) if len(old) else None,
        mean_now=float(new.mean()) if len(new) else None,
        verdict=verdict,
    )


def label_moved(model: Model, before: pd.DataFrame, known: pd.DataFrame, limits: Thresholds) -> LabelMoved:
    """Compare outcomes: those that the model has seen last, and newer ones.

    Raises:
        InputError: the newer ones are not there.
    """
    label = model.target.label
    if label not in known or known[label].isna().all():
        raise InputError(f"known: column `{label}` is missing or empty; give rows with known outcomes, or none at all")
    some = known[known[label].notna()]
    was, now = float(before[label].mean()), float(model.outcomes(some).mean())
    difference = now - was if model.target.is_chance else (now - was) / abs(was) if was else float(now != 0)
    verdict = ALARM if abs(difference) >= limits.label else STEADY
    foretold = float(model.units(some).mean())
    return LabelMoved(before=was, now=now, foretold=foretold, difference=difference, verdict=verdict)


def drift(
    model: Model, before: pd.DataFrame, now: pd.DataFrame, known: pd.DataFrame | None, limits: Thresholds
) -> dict[str, Any]:
    """Return how far everything has moved, with a verdict: that of what has moved most.

    Args:
        model: the model.
        before: features, scores and outcomes that were kept with the model.
        now: features of the newest cut.
        known: newer rows with outcomes, if there are any.
        limits: from where on it matters.

    Raises:
        InputError: the model needs a column that is missing.
    """
    told = features.matrix(now, model.about.columns, model.about.scales)
    columns = [
        moved(name, before[name].to_numpy(dtype=float), told[:, index], limits)
        for index, name in enumerate(model.about.columns)
    ]
    score = moved(SCORE, before[SCORE].to_numpy(dtype=float), model.units(now), limits)
    label = None if known is None else label_moved(model, before, known, limits)
    return {
        "target": model.target.name,
        "cut": str(now[CUT].max()),
        "before": str(model.about.cuts["validation"]),
        "people": len(now),
        "verdict": _worst([*(one.verdict for one in columns), score.verdict, *([label.verdict] if label else [])]),
        "reasons": _reasons(columns, score, label),
        "thresholds": asdict(limits),
        "features": [one.as_dict() for one in sorted(columns, key=lambda one: (-one.psi, one.column))],
        "score": score.as_dict(),
        "label": None if label is None else label.as_dict(),
        "new": _new(model, now),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    options = script.parser("drift", __doc__)
    script.add_target(options)
    given = script.PROCESSING / "input"
    add = script.add_folder
    add(options, "model", default=given / "model", about="the model in use, packed or not")
    add(options, "current", default=given / "current", about="rows of the newest cut")
    add(
        options, "known", default=given / "known", about="newer rows with outcomes; a folder that is missing means none"
    )
    add(options, "output", default=script.PROCESSING / "output" / "drift", about=f"gets {REPORT} and {PAGE}")
    options.add_argument("--psi-warning", type=float, default=0.1, help="population stability index that warns")
    options.add_argument("--psi-alarm", type=float, default=0.25, help="population stability index that alarms")
    options.add_argument("--ks-p", type=float, default=0.01, help="chance below which a difference warns,")
    options.add_argument("--ks-least", type=float, default=0.1, help="if it is as large as this")
    options.add_argument("--label-alarm", type=float, default=0.1, help="difference of the outcomes that alarms")
    return script.run(_run, options.parse_args(arguments))


def _run(options: Namespace) -> None:
    limits = Thresholds(
        psi_warning=options.psi_warning,
        psi_alarm=options.psi_alarm,
        ks_p=options.ks_p,
        ks_least=options.ks_least,
        label=options.label_alarm,
    )
    known = rows.read(options.known) if options.known.is_dir() and any(options.known.iterdir()) else None
    model = load_for(TARGETS[options.target], options.model)
    found = drift(model, _reference(options.model), rows.read(options.current), known, limits)
    options.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=2, allow_nan=False) + "\n"
    (options.output / REPORT).write_text(text, encoding="utf-8")
    (options.output / PAGE).write_text(drift_page.page(found), encoding="utf-8")
    script.LOG.info("%s", json.dumps({"verdict": found["verdict"], "reasons": found["reasons"]}))


def _reference(folder: Path) -> pd.DataFrame:
    """Return the rows that were kept with the model."""
    if (folder / ARCHIVE).is_file():
        with tempfile.TemporaryDirectory() as place:
            unpack(folder / ARCHIVE, Path(place), (REFERENCE,))
            return pd.read_parquet(Path(place) / REFERENCE)
    if not (folder / REFERENCE).is_file():
        raise InputError(f"{folder}: {REFERENCE} is missing; train the model again")
    return pd.read_parquet(folder / REFERENCE)


def _shares(numbers: Numbers, edges: Numbers) -> Numbers:
    known = numbers[~np.isnan(numbers)]
    # The outer bins are open: what is beyond all that was seen belongs to them.
    counts = np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1).astype(float)
    smoothed = np.append(counts, len(numbers) - len(known)) + _HALF
    shares: Numbers = smoothed / smoothed.sum()
    return shares


def _worst(verdicts: Sequence[str]) -> str:
    return max(verdicts, key=lambda verdict: _WORDS[verdict])


def _reasons(columns: Sequence[Moved], score: Moved, label: LabelMoved | None) -> list[str]:
    told = [_reason(one) for one in (*columns, score) if one.verdict != STEADY]
    if label is not None and label.verdict != STEADY:
        told.append(f"outcomes: {label.before:.4g} before, {label.now:.4g} now, and {label.foretold:.4g} were foretold")
    return told


def _reason(one: Moved) -> str:
    told = f"{one.verdict}: `{one.column}` has a population stability index of {one.psi:.3f}"
    return told if one.ks is None else f"{told} and a distance of {one.ks:.3f}"


def _new(model: Model, now: pd.DataFrame) -> list[str]:
    """Return columns of numbers that the model has never been told."""
    seen = {*model.about.columns, model.target.label}
    return [name for name in now.columns if types.is_numeric_dtype(now[name]) and name not in seen]


if __name__ == "__main__":
    sys.exit(main())
