"""What the deployed policies allowed and refused in the demonstration: an unexpected refusal is a defect."""

from collections.abc import Collection, Iterable
from typing import Final

from c360_core.personas import PERSONAS
from twin.emulator.decisions import Decision, Outcome
from twin.scenario.deployment import Deployment
from twin.scenario.result import Check
from twin.settings import ACCOUNT

ROOT: Final = f"arn:aws:iam::{ACCOUNT}:root"
NONE: Final = "none"


def refusals(decisions: Iterable[Decision], personas: Collection[str] = ()) -> list[Decision]:
    """Return the decisions that refused something.

    Args:
        decisions: of a run.
        personas: ARNs of roles that ask for what they must not have; whether that is refused is a known answer itself.
    """
    return [one for one in decisions if one.decision is Outcome.DENY and one.principal not in personas]


def by_root(decisions: Iterable[Decision]) -> list[Decision]:
    """Return the decisions about requests of the account's root, whom no policy holds back."""
    return [one for one in decisions if one.principal == ROOT]


def persona_roles(deployment: Deployment) -> set[str]:
    """Return the ARNs of the personas' roles."""
    return {deployment.outputs[persona.role_output] for persona in PERSONAS}


def checks(deployment: Deployment, made: Collection[Decision]) -> tuple[Check, ...]:
    """Return the known answers about permissions.

    Args:
        deployment: whose roles acted.
        made: the decisions of the demonstration.
    """
    refused = refusals(made, persona_roles(deployment))
    return (
        Check(name="requests that a policy refused", expected=NONE, actual=_told(refused)),
        Check(name="requests of the account's root", expected=0, actual=len(by_root(made))),
    )


def _told(refused: Iterable[Decision]) -> str:
    """Name what was refused: the log that has it goes with the demonstration."""
    return "; ".join(f"{one.principal} may not {one.action} on {one.resource}" for one in refused) or NONE
