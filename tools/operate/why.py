"""`c360 why`: why a person got something, or did not."""

from typing import Any

import boto3
from rich.console import Console
from rich.table import Table
from rich.text import Text

from c360_aws.single_view_reader import SingleViewReader
from c360_core.names import stack_name
from ops.decisions import Explained, UnknownPersonError, View, explain, why_nothing
from ops.deployed_stacks import outputs, stacks
from tools.build import prepare
from tools.console import Steps
from tools.errors import WrongUsageError


def run(steps: Steps, environment: str, person_id: str, *, play: str | None, limit: int) -> list[Explained]:
    """Show the latest decisions about a person, newest first, each with its reasons in words.

    Raises:
        WrongUsageError: nobody has the id, or nothing of the environment is deployed there.
    """
    prepare.contracts()
    view = deployed_view(environment)
    try:
        current, found = explain(view, person_id, play=play, limit=limit)
    except UnknownPersonError as error:
        raise WrongUsageError(str(error)) from error
    nothing = None if found else why_nothing(view, current)
    told: dict[str, Any] = {"person_id": current, "decisions": [one.as_dict() for one in found]}
    steps.result(told if nothing is None else {**told, "nothing": nothing})
    if not steps.machine:
        _show(Console(highlight=False), current, found, nothing)
    return found


def deployed_view(environment: str) -> View:
    """Return the single view of a deployed environment, read with the caller's rights.

    Raises:
        WrongUsageError: nothing of the environment is deployed there.
    """
    client, table = deployed_table(environment)
    return SingleViewReader(client=client, table=table)


def deployed_table(environment: str) -> tuple[Any, str]:
    """Return a client of DynamoDB with the caller's rights, and the name of a deployed environment's single view.

    Raises:
        WrongUsageError: nothing of the environment is deployed there.
    """
    session: Any = boto3.Session()
    name = stack_name(environment, "unification")
    found = stacks(session.client("cloudformation"))
    if name not in found:
        raise WrongUsageError(f"no stack of {environment} is deployed in this account and region: say another one")
    return session.resource("dynamodb").meta.client, outputs([found[name]])["SingleViewTableName"]


def _show(console: Console, person_id: str, found: list[Explained], nothing: str | None) -> None:
    if nothing is not None:
        console.print(f"{person_id}: {nothing}.", soft_wrap=True)
        return
    table = Table("decided", "play", "outcome", "because", box=None, header_style="dim")
    for one in found:
        sent = "".join(f"; went out {at}, {became}" for at, became in zip(one.sent, one.became, strict=True))
        table.add_row(
            Text(str(one.facts["decided_at"])),
            Text(str(one.facts["trigger"])),
            Text(f"{one.outcome}{sent}"),
            Text("; ".join((*one.because, *one.not_sent))),
        )
    console.print(table)
