"""What `c360 truth` says of hours to send at: how well habits of the past foretell those that come."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tools.console import Steps
from tools.laptop.foretelling import measured

MODULE: Final = "benchmarks.hours"
_NAMES: Final = {
    "own_hours": "own hours, shrunk",
    "hour_of_everybody": "the hour of everybody",
    "hour_of_last_answer": "the hour of the last basket",
}


def run(steps: Steps) -> Sequence[Mapping[str, Any]]:
    """Try the hours on later months, and print and return how they do beside simpler ways to choose one.

    Raises:
        ProcessFailedError: they could not be tried; the message has the end of the log.
    """
    with steps.step("Hours of households"):
        outcomes = measured(MODULE, "hours")
    if not steps.machine:
        Console(highlight=False).print(table(outcomes))
    return outcomes


def table(outcomes: Sequence[Mapping[str, Any]]) -> Table:
    """Return for each history and way of choosing an hour the share of later baskets in it."""
    one = outcomes[0]
    title = f"hours: baskets from {one['held_out']} on that began in the hour that was chosen for their household"
    shown = Table(
        "", "learned in", "share", "times any hour", title=f"{title}\n{one['data']}", title_justify="left", box=None
    )
    for outcome in outcomes:
        for name, said in _NAMES.items():
            found = outcome["chosen"][name]
            lift = found["lift"]
            shown.add_row(
                said,
                f"{outcome['months']} months, {outcome['households']} households",
                f"{found['share_of_answers']:.4f}",
                f"{lift['value']:.3f} ({lift['low']:.3f} to {lift['high']:.3f})",
            )
    return shown
