"""What `c360 truth` says of the models: how well they foretell a year of baskets, beside simpler methods."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tools.console import Steps
from twin.processes.process import ProcessFailedError, spawn, wait_until
from twin.settings import BUILD, ROOT, python_of

MODULE: Final = "benchmarks.models"
OFFERS: Final = "benchmarks.offers"
LOGS: Final = BUILD / "bench" / "logs"
LIMIT_SECONDS: Final = 1800.0
_MEASURES: Final[Mapping[str, Mapping[str, str]]] = {
    "churn": {"auc": "AUC", "log_loss": "log loss", "brier": "Brier"},
    "offer": {"auc": "AUC", "log_loss": "log loss", "brier": "Brier"},
    "value": {"mae": "MAE", "total_error": "total", "spearman": "Spearman", "top_decile": "top tenth"},
}
_SMALL: Final = 2
_NAMES: Final = {
    "logistic_regression": "logistic regression",
    "bg_nbd_gamma_gamma": "BG/NBD, gamma-gamma",
    "same_as_last_window": "as in the three months before",
    "popularity": "the same for everybody",
    "bought_before": "who bought in the three months before",
}


def run(steps: Steps) -> Sequence[Mapping[str, Any]]:
    """Train every model, try it on the newest cut of the data, and print and return how each does beside its peers.

    Raises:
        ProcessFailedError: a model could not be trained; the message has the end of the log.
    """
    with steps.step("Models of churn and value"):
        outcomes = measured(MODULE, "models")
    return _shown(steps, outcomes)


def run_offers(steps: Steps) -> Sequence[Mapping[str, Any]]:
    """Train the models of offers likewise, each on its department.

    Raises:
        ProcessFailedError: a model could not be trained; the message has the end of the log.
    """
    with steps.step("Models of offers"):
        outcomes = measured(OFFERS, "offers")
    return _shown(steps, [{**one, "target": "offer", "window_months": 1, "unit": 1.0} for one in outcomes])


def _shown(steps: Steps, outcomes: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    if not steps.machine:
        for table in tables(outcomes):
            Console(highlight=False).print(table, "")
    return outcomes


def read(said: str, name: str) -> Sequence[Mapping[str, Any]]:
    """Return the outcomes of a name from the last line that a run has said.

    Raises:
        ProcessFailedError: there is no such line.
    """
    for line in reversed(said.splitlines()):
        if line.startswith(f'{{"name": "{name}"'):
            outcomes: Sequence[Mapping[str, Any]] = json.loads(line)["outcomes"]
            return outcomes
    raise ProcessFailedError(f"{name} ended without its figures; {LOGS / name}.log has what it said")


def tables(outcomes: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Return a table for each model: its measures with their limits, and those of its peers about the same people."""
    return [_table(one) for one in outcomes]


def measured(module: str, name: str) -> Sequence[Mapping[str, Any]]:
    """Run a benchmark of the models in their environment, and return its outcomes.

    Raises:
        ProcessFailedError: it ended otherwise than well; the message has the end of the log.
    """
    log = LOGS / f"{name}.log"
    log.unlink(missing_ok=True)
    # The folder `sagemaker` is no package; what is in it is found by the path.
    path = os.pathsep.join((str(ROOT), str(ROOT / "sagemaker")))
    command = (str(python_of("twin")), "-m", module)
    child = spawn(name, command, log_path=log, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT)
    try:
        wait_until(lambda: child.poll() is not None, child=child, seconds=LIMIT_SECONDS, pause=0.2)
    finally:
        child.terminate()
    if child.poll() != 0:
        raise ProcessFailedError(f"{module} ended with status {child.poll()}:\n{child.tail(8)}")
    return read(log.read_text(encoding="utf-8", errors="replace"), name)


def _table(one: Mapping[str, Any]) -> Table:
    measures = _MEASURES[one["target"]]
    shown = Table("", *measures.values(), title=_title(one), title_justify="left", box=None, header_style="dim")
    unit = {"mae": one["unit"]}
    shown.add_row("the model", *(_limits(one["metrics"][name], unit.get(name, 1.0)) for name in measures))
    for peer, measured in one["peers"].items():
        shown.add_row(_NAMES[peer], *(_number(measured[name] * unit.get(name, 1.0)) for name in measures))
    return shown


def _limits(found: Mapping[str, float], unit: float) -> str:
    value, low, high = (_number(found[name] * unit) for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < _SMALL else f"{value:.2f}"


def _title(one: Mapping[str, Any]) -> str:
    months = "month" if one["window_months"] == 1 else f"{one['window_months']} months"
    told = {
        "offer": f"buy of {one.get('department')} in the {months} after {one['held_out']} ({one['observed']:.1%})",
        "churn": f"orders nothing in the {months} after {one['held_out']} ({one['observed']:.1%} of the people)",
        "value": f"spend in the {months} after {one['held_out']} ({one['observed']:.2f} a person)",
    }
    size = f"{one['people']} households, learned from {one['trained_on']} rows of earlier cuts; {one['data']}"
    return f"{one['target']}: {told[one['target']]}\n{size}"
