"""What the deployed policies allowed and refused in the demonstration: an unexpected refusal is a defect."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from twin.emulator.decisions import Decision, Outcome, read
from twin.scenario.result import Check
from twin.settings import ACCOUNT

ROOT: Final = f"arn:aws:iam::{ACCOUNT}:root"


def refusals(decisions: Iterable[Decision]) -> list[Decision]:
    """Return the decisions that refused something."""
    return [one for one in decisions if one.decision is Outcome.DENY]


def by_root(decisions: Iterable[Decision]) -> list[Decision]:
    """Return the decisions about requests of the account's root, whom no policy holds back."""
    return [one for one in decisions if one.principal == ROOT]


def checks(home: Path) -> tuple[Check, ...]:
    """Return the known answers about permissions.

    Args:
        home: folder of the run.
    """
    made = read(home)
    return (
        Check(name="requests that a policy refused", expected=0, actual=len(refusals(made))),
        Check(name="requests of the account's root", expected=0, actual=len(by_root(made))),
    )
