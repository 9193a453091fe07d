"""`c360 smoke`: what `ops.smoke` asks, with the terminal around it."""

import os
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import boto3

from ops.smoke import DeployedEnvironment, SmokeReport, ask
from ops.smoke.sessions import clients_of_role
from ops.smoke.signature import Signature
from tools.console import Steps
from tools.errors import WrongUsageError

ENDPOINT: Final = "AWS_ENDPOINT_URL"
MARKS: Final = {
    "ok": "[green]✓[/green]",
    "failed": "[red]✗[/red]",
    "warned": "[yellow]![/yellow]",
    "skipped": "[dim]-[/dim]",
}


def run(steps: Steps, environment: str, *, send: bool = False) -> SmokeReport:
    """Ask about a deployed environment, as whoever the AWS credentials say, and print what was found.

    Raises:
        WrongUsageError: nothing of the environment is deployed there.
    """
    session = boto3.Session()
    client: Callable[[str], Any] = cache(session.client)
    deployed = DeployedEnvironment(
        environment=environment,
        client=client,
        clients_of_role=clients_of_role,
        signature=Signature.of_session(session),
        region=session.region_name,
        endpoint=os.environ.get(ENDPOINT, ""),
        send=send,
    )
    if not deployed.stacks:
        raise WrongUsageError(f"no stack of {environment} is deployed in this account and region: say another one")
    outcomes = []
    for outcome in ask(deployed):
        steps.note(f"{MARKS[outcome.outcome]} {outcome.check}: {outcome.found}")
        if outcome.fix:
            steps.note(f"    {outcome.fix}")
        outcomes.append(outcome)
    report = SmokeReport(environment=environment, outcomes=tuple(outcomes))
    steps.result(report.as_dict())
    return report
