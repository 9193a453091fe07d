"""Divides the rows of a mart by time, and refuses what nothing can be learned from.

python -m c360_ml.prepare --target churn --features FOLDER --output FOLDER
"""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from c360_ml import features, rows, script
from c360_ml.errors import InputError
from c360_ml.features import Chosen
from c360_ml.split import Split, split
from c360_ml.targets import CURRENCY, CUT, LABELS, TARGETS, Target

TRAIN, VALIDATION, HOLDOUT, NEWEST = "train", "validation", "holdout", "newest"
SPLIT: Final = "split.json"
LEAK: Final = 0.98  # no honest feature alone tells a label so well
_KNOWN: Final = (TRAIN, VALIDATION, HOLDOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a model needs.

    Attributes:
        people: rows of each part whose outcome is known.
        of_a_class: people of each part to whom it happened, and to whom it did not.
        leak: how well a feature alone may tell the label.
    """

    people: int
    of_a_class: int
    leak: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The rows of each part, and what was decided about them."""

    target: Target
    window: int
    parts: dict[str, pd.DataFrame]
    split: Split
    chosen: Chosen

    def as_dict(self) -> dict[str, Any]:
        """Return what was decided, without the rows."""
        return {
            "target": self.target.name,
            "window_months": self.window,
            "cuts": self.split.as_dict(),
            "people": {name: len(part) for name, part in self.parts.items()},
            "columns": list(self.chosen.columns),
            "dropped": dict(self.chosen.dropped),
        }


def prepare(frame: pd.DataFrame, target: Target, *, window: int, limits: Limits) -> Prepared:
    """Divide rows by their cuts.

    Raises:
        InputError: cuts, people or outcomes are too few, or a feature tells the label.
    """
    if target.label not in frame:
        raise InputError(
            f"features: column `{target.label}` is missing; build `churn_features` anew and unload all columns"
        )
    known = frame[frame[target.label].notna()]
    divided = split(known[CUT].unique(), frame[CUT].unique(), window=window)
    newest = frame[frame[CUT] == divided.newest]
    parts = {
        TRAIN: known[known[CUT].isin([*divided.train, *divided.recent])],
        VALIDATION: known[known[CUT] == divided.validation],
        HOLDOUT: known[known[CUT] == divided.holdout],
    }
    older = {TRAIN: parts[TRAIN][parts[TRAIN][CUT].isin(divided.train)]}
    for name, part in {**parts, **older}.items():
        _check(name, part, target, limits)
    chosen = features.choose(parts[TRAIN])
    _refuse_leaks(features.leaks(parts[TRAIN], newest, chosen.columns, target, limit=limits.leak))
    parts[NEWEST] = newest.drop(columns=[name for name in LABELS if name in newest])
    whole = {name: part.reset_index(drop=True) for name, part in parts.items()}
    return Prepared(target=target, window=window, parts=whole, split=divided, chosen=chosen)


def write(prepared: Prepared, output: Path) -> None:
    """Write a folder for each part."""
    for name, part in prepared.parts.items():
        rows.write(part, output / name / rows.PARQUET)
    asked = prepared.parts[NEWEST][_asked(prepared)]
    rows.write_lines(asked, output / NEWEST / rows.LINES)
    text = json.dumps(prepared.as_dict(), indent=2) + "\n"
    (output / TRAIN / SPLIT).write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    options = script.parser("prepare", __doc__)
    script.add_target(options)
    add = script.add_folder
    add(options, "features", default=script.PROCESSING / "input" / "features", about="Parquet files of the mart")
    add(options, "output", default=script.PROCESSING / "output", about="gets a folder for each part")
    options.add_argument("--window-months", type=int, default=3, help="the months after a cut: `churn_months` of dbt")
    options.add_argument("--least-people", type=int, default=100, help="of each part with a known outcome")
    options.add_argument(
        "--least-class", type=int, default=10, help="people of each part to whom it happened, and to whom not"
    )
    options.add_argument("--leak", type=float, default=LEAK, help="how well a feature alone may tell the label")
    return script.run(_run, options.parse_args(arguments))


def _run(options: Namespace) -> None:
    limits = Limits(people=options.least_people, of_a_class=options.least_class, leak=options.leak)
    frame = rows.read(options.features)
    prepared = prepare(frame, TARGETS[options.target], window=options.window_months, limits=limits)
    write(prepared, options.output)
    script.LOG.info("%s", json.dumps(prepared.as_dict()))


def _check(name: str, part: pd.DataFrame, target: Target, limits: Limits) -> None:
    if len(part) < limits.people:
        raise InputError(
            f"features: the part `{name}` has {len(part)} people, and a model needs {limits.people}; wait for more "
            "customers, or lower --least-people"
        )
    if not target.is_chance:
        if not (part[target.label] > 0).any():
            raise InputError(f"features: nobody of the part `{name}` spent anything; there is nothing to foretell")
        return
    hit = int(part[target.label].sum())
    if min(hit, len(part) - hit) < max(limits.of_a_class, 1):
        raise InputError(
            f"features: of the {len(part)} people of the part `{name}`, {hit} are `{target.label}` and "
            f"{len(part) - hit} are not, and a model needs {max(limits.of_a_class, 1)} of each; wait for more, or "
            "lower --least-class"
        )


def _refuse_leaks(found: Sequence[features.Leak]) -> None:
    if found:
        told = "; ".join(f"`{leak.column}` {leak.why}" for leak in found)
        raise InputError(f"features: a column knows what comes after the cut: {told}. Take it out of `churn_features`")


def _asked(prepared: Prepared) -> list[str]:
    keys = [name for name in ("person_id", CUT, CURRENCY) if name in prepared.parts[NEWEST]]
    return [*keys, *prepared.chosen.columns]


if __name__ == "__main__":
    sys.exit(main())
