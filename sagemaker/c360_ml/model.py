"""A trained model: its files, and the one function that scores, for one customer and for all of them alike."""

import json
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xgboost

from c360_ml import features
from c360_ml.calibration import Calibration
from c360_ml.errors import InputError
from c360_ml.measures import Numbers
from c360_ml.targets import TARGETS, Target

BOOSTER: Final = "model.json"
ABOUT: Final = "about.json"
ARCHIVE: Final = "model.tar.gz"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What belongs to the trees.

    Attributes:
        columns: the features, in the order of the trees.
        scales: what is typical in each currency.
        calibration: makes probabilities; an amount needs none.
        rounds: how many trees there are.
        cuts: which cuts it was made from.
        parameters: how it was trained.
        base: the mean label of the training cuts.
    """

    target: str
    columns: tuple[str, ...]
    scales: Mapping[str, float]
    calibration: Calibration | None
    rounds: int
    window_months: int
    cuts: Mapping[str, Any]
    people: Mapping[str, int]
    parameters: Mapping[str, Any]
    base: float

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "target": self.target,
            "columns": list(self.columns),
            "scales": dict(self.scales),
            "calibration": self.calibration.as_dict() if self.calibration else None,
            "rounds": self.rounds,
            "window_months": self.window_months,
            "cuts": dict(self.cuts),
            "people": dict(self.people),
            "parameters": dict(self.parameters),
            "base": self.base,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "About":
        """Return what was stored as JSON."""
        calibration = stored["calibration"]
        rest = {name: value for name, value in stored.items() if name not in {"columns", "calibration"}}
        return cls(
            columns=tuple(stored["columns"]), calibration=Calibration.of(calibration) if calibration else None, **rest
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Trees, and what makes scores of what they say."""

    booster: xgboost.Booster
    about: About

    @property
    def target(self) -> Target:
        """What is foretold."""
        return TARGETS[self.about.target]

    def score(self, frame: pd.DataFrame) -> Numbers:
        """Return for each row the probability that it happens, or what the customer will spend in their currency.

        Raises:
            InputError: a feature is missing or is no number.
        """
        told = features.matrix(frame, self.about.columns, self.about.scales)
        data = xgboost.DMatrix(told, feature_names=list(self.about.columns), nthread=1)
        if self.about.calibration is not None:
            margin = self.booster.predict(data, output_margin=True)
            return self.about.calibration.chance(np.asarray(margin, dtype=float))
        spend: Numbers = np.asarray(self.booster.predict(data), dtype=float)
        return spend * features.scale_of(frame, self.about.scales)

    def units(self, frame: pd.DataFrame) -> Numbers:
        """Return the scores so that those of all currencies compare: amounts in units of what is typical there."""
        if self.target.is_chance:
            return self.score(frame)
        return self.score(frame) / features.scale_of(frame, self.about.scales)

    def outcomes(self, frame: pd.DataFrame) -> Numbers:
        """Return what happened, in the same units."""
        label: Numbers = frame[self.target.label].to_numpy(dtype=float)
        return label if self.target.is_chance else label / features.scale_of(frame, self.about.scales)

    def save(self, folder: Path) -> None:
        """Write the files of the model."""
        folder.mkdir(parents=True, exist_ok=True)
        self.booster.save_model(folder / BOOSTER)
        text = json.dumps(self.about.as_dict(), indent=2) + "\n"
        (folder / ABOUT).write_text(text, encoding="utf-8")


def is_model(folder: Path) -> bool:
    """Say whether a folder has a model, packed or not."""
    return (folder / ARCHIVE).is_file() or (folder / ABOUT).is_file()


def load_for(target: Target, folder: Path) -> Model:
    """Return the model of a folder, which must be of a target.

    Raises:
        InputError: it is of another one, or a file is missing or cannot be read.
    """
    model = load(folder)
    if model.target is not target:
        raise InputError(f"{folder}: it is a model of `{model.about.target}`; give one of `{target.name}`")
    return model


def load(folder: Path) -> Model:
    """Return the model of a folder that holds its files, or the archive that a training job made of them.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    if (folder / ARCHIVE).is_file():
        with tempfile.TemporaryDirectory() as place:
            unpack(folder / ARCHIVE, Path(place), (BOOSTER, ABOUT))
            return load(Path(place))
    try:
        about = About.of(json.loads((folder / ABOUT).read_text(encoding="utf-8")))
        booster = xgboost.Booster()
        booster.load_model(folder / BOOSTER)
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}: {Path(str(error.filename)).name} is missing; name the folder of a model"
        ) from error
    except (KeyError, TypeError, ValueError, xgboost.core.XGBoostError) as error:
        raise InputError(
            f"{folder}: the model cannot be read ({str(error).splitlines()[0]}); train it again"
        ) from error
    return Model(booster=booster, about=about)


def unpack(archive: Path, place: Path, names: Sequence[str]) -> None:
    """Write the named files of an archive into a folder; nothing else of it.

    Raises:
        InputError: it is no archive, or a file is not in it.
    """
    try:
        with tarfile.open(archive) as packed:
            held = {member.name.removeprefix("./"): member for member in packed.getmembers() if member.isfile()}
            for name in names:
                packed.extract(held[name], place, filter="data")
    except KeyError as error:
        raise InputError(f"{archive}: {error.args[0]} is missing; name the archive of a training job") from error
    except tarfile.TarError as error:
        raise InputError(f"{archive}: it cannot be read ({error}); name the archive of a training job") from error
