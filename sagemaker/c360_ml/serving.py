"""What the model server calls: one row or many, as JSON lines, JSON or CSV."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from c360_ml import rows
from c360_ml.errors import InputError
from c360_ml.model import Model, load
from c360_ml.targets import CURRENCY, CUT, PERSON

JSON_LINES: Final = "application/jsonlines"
JSON: Final = "application/json"
CSV: Final = "text/csv"
SCORE: Final = "score"
_KNOWN: Final = (JSON_LINES, JSON, CSV)
_ANY: Final = "*/*"


def model_fn(model_dir: str) -> Model:
    """Load the model."""
    return load(Path(model_dir))


def input_fn(body: str | bytes, content_type: str) -> pd.DataFrame:
    """Read rows.

    Raises:
        InputError: they cannot be read.
    """
    text = body if isinstance(body, str) else bytes(body).decode("utf-8")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == CSV:
        return _of_csv(text)
    try:
        if kind == JSON_LINES:
            return rows.of_objects([json.loads(line) for line in text.splitlines() if line.strip()], "body")
        if kind == JSON:
            found = json.loads(text)
            return rows.of_objects(found if isinstance(found, list) else [found], "body")
    except json.JSONDecodeError as error:
        raise InputError(f"body: it is no JSON ({error})") from error
    raise InputError(f"Content-Type: {content_type!r} is not known; send {', '.join(_KNOWN)}")


def predict_fn(frame: pd.DataFrame, model: Model) -> pd.DataFrame:
    """Return the keys that a row has, and its score."""
    if all(isinstance(name, int) for name in frame.columns):
        frame = _named(frame, model)
    return scores(model, frame)


def output_fn(scored: pd.DataFrame, accept: str) -> str:
    """Write scores.

    Raises:
        InputError: the caller accepts nothing that is known here.
    """
    kind = accept.partition(";")[0].strip().lower()
    if kind in {JSON_LINES, _ANY, ""}:
        return "".join(f"{line}\n" for line in rows.lines(scored))
    if kind == JSON:
        return json.dumps(rows.objects(scored))
    if kind == CSV:
        columns = [name for name in (PERSON, SCORE) if name in scored]
        text: str = scored[columns].to_csv(index=False, header=False, lineterminator="\n")
        return text
    raise InputError(f"Accept: {accept!r} is not known; take {', '.join(_KNOWN)}")


def scores(model: Model, frame: pd.DataFrame) -> pd.DataFrame:
    """Return for each row whose it is and its score: the one way from rows to scores, for one customer and for all."""
    kept = [name for name in (PERSON, CUT) if name in frame]
    if not model.target.is_chance and CURRENCY in frame:
        kept.append(CURRENCY)
    return frame[kept].assign(**{SCORE: model.score(frame)})


def _of_csv(text: str) -> pd.DataFrame:
    """Read CSV, of which a first line that has a name in it is the header."""
    found = [line for line in csv.reader(io.StringIO(text)) if line]
    if not found:
        raise InputError("body: there are no rows")
    first, others = found[0], found[1:]
    header: Sequence[Any] = first if not any(_is_value(cell) for cell in first) else range(len(first))
    lines = others if header is first else found
    for number, line in enumerate(lines, start=1):
        if len(line) != len(header):
            raise InputError(f"body: row {number} has {len(line)} values instead of {len(header)}")
    if not lines:
        raise InputError("body: there is a header and no rows")
    return pd.DataFrame([[cell if cell else None for cell in line] for line in lines], columns=list(header))


def _named(frame: pd.DataFrame, model: Model) -> pd.DataFrame:
    columns = model.about.columns
    if len(frame.columns) != len(columns):
        raise InputError(f"body: a row has {len(frame.columns)} values; the model needs {', '.join(columns)}")
    return frame.set_axis(list(columns), axis=1)


def _is_value(cell: str) -> bool:
    if not cell:
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True
