"""The `c360` command: one tool for the laptop and for AWS.

Exit status: 0 done, 1 a check or a test failed, 2 wrong usage, 3 the machine lacks something.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from tools.console import Steps

APP = typer.Typer(
    name="c360",
    help="Build, deploy, demonstrate and test the Customer 360.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
EXIT_FAILED = 1
TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"]


class Place(StrEnum):
    """Where an assembly will be deployed."""

    LOCAL = "local"
    AWS = "aws"


class Scale(StrEnum):
    """How much of the shoppers' data the demo sends."""

    TINY = "tiny"
    DEMO = "demo"
    FULL = "full"


class Environment(StrEnum):
    """Environments that have settings."""

    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]
Env = Annotated[Environment, typer.Option("--env", help="Environment whose settings are used.")]
Port = Annotated[int | None, typer.Option("--port", help="Loopback port of the emulator; a free one when omitted.")]


@APP.command()
def setup(*, as_json: Json = False) -> None:
    """Install the engines' environments and Java libraries, once."""
    from tools import prepare

    steps = Steps(machine=as_json)
    prepare.machine(steps)
    steps.result({"times": [vars_of(t) for t in steps.times]})


@APP.command()
def demo(
    *,
    scale: Annotated[
        Scale, typer.Option(help="tiny, demo (about 1,000 people) or full (all transactions).")
    ] = Scale.DEMO,
    seed: Annotated[int, typer.Option(help="Seed of the people that are made around the real baskets.")] = 360,
    port: Port = None,
    as_json: Json = False,
) -> None:
    """Deploy to this laptop, send shoppers' data through all five pillars, check and show the result."""
    from tools import demonstrate

    outcome = demonstrate.run(Steps(machine=as_json), scale=scale.value, seed=seed, port=port)
    raise typer.Exit(0 if outcome.passed else EXIT_FAILED)


@APP.command("test")
def run_tests(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Run only these suites: check, unit, contract, infrastructure, engines, twin."),
    ] = None,
    lanes: Annotated[
        int, typer.Option(min=1, max=4, help="So many long suites side by side; 1 needs half the memory.")
    ] = 2,
    as_json: Json = False,
) -> None:
    """Set up and pass every test."""
    from tools import suites

    raise typer.Exit(suites.run(Steps(machine=as_json), only=tuple(only or ()), lanes=lanes))


@APP.command()
def check(*, as_json: Json = False) -> None:
    """Check contracts, formatting, lint, types, import directions and locks."""
    from tools import suites

    raise typer.Exit(suites.run(Steps(machine=as_json), only=("check",)))


@APP.command()
def synth(
    *,
    env: Env = Environment.DEV,
    place: Annotated[
        Place, typer.Option("--for", help="aws: fail where Flink's Kinesis connector cannot be fetched.")
    ] = Place.LOCAL,
    as_json: Json = False,
) -> None:
    """Write the cloud assembly of an environment."""
    from tools import prepare

    steps = Steps(machine=as_json)
    prepare.assets(steps, release=place is Place.AWS)
    folder = prepare.assembly(steps, env.value)
    steps.note(f"assembly: {folder}")
    steps.result({"assembly": folder})


@APP.command("deploy-local")
def deploy_local(*, port: Port = None, as_json: Json = False) -> None:
    """Deploy the dev assembly to an emulator that stays until destroy-local; again: deploy what changed."""
    from tools import local

    steps = Steps(machine=as_json)
    steps.result(local.deploy(steps, port=port))


@APP.command("destroy-local")
def destroy_local(*, as_json: Json = False) -> None:
    """Destroy the local deployment, prove that nothing is left, and stop the emulator."""
    from tools import local

    steps = Steps(machine=as_json)
    steps.result(local.destroy(steps))


@APP.command()
def bench(*, as_json: Json = False) -> None:
    """Measure speed as ratios against a peer in the same run."""
    from tools import benches

    steps = Steps(machine=as_json)
    steps.result(benches.run(steps))


@APP.command()
def truth(*, scale: Annotated[Scale, typer.Option()] = Scale.DEMO, seed: int = 360, as_json: Json = False) -> None:
    """Score the matching against the known truth of who is who."""
    from tools import score

    steps = Steps(machine=as_json)
    outcome = score.run(steps, scale=scale.value, seed=seed)
    steps.result(outcome.as_dict())
    raise typer.Exit(0 if outcome.passed else EXIT_FAILED)


@APP.command()
def replay(  # noqa: PLR0913  # typer makes one option of each argument
    *,
    env: Env = Environment.DEV,
    source: Annotated[str | None, typer.Option(help="Only rows of this source.")] = None,
    code: Annotated[str | None, typer.Option(help="Only rows with this reason code.")] = None,
    event_type: Annotated[str | None, typer.Option(help="Only events of this type.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=TIMES, help="Only rows received then or later, UTC.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=TIMES, help="Only rows received before then, UTC.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Replay at most so many rows, the oldest first.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Also rows that were replayed before.")] = False,
    replay_id: Annotated[
        str | None, typer.Option(help="Set on every event: it counts, and no message goes out.")
    ] = None,
    to_file: Annotated[
        Path | None, typer.Option(help="Write the rows that need mending here, one JSON a line.")
    ] = None,
    from_file: Annotated[Path | None, typer.Option(help="Replay the rows of this file, with the bodies in it.")] = None,
    fixed_by: Annotated[str | None, typer.Option(help="Send nothing; note what replaced the rows.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; send and mark nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Send quarantined events again, and mark their rows; works on AWS and, with AWS_ENDPOINT_URL, on the twin."""
    from tools import replay as replaying

    selection = replaying.Selection(
        source=source,
        code=code,
        event_type=event_type,
        since=in_utc(since),
        until=in_utc(until),
        fixed_too=again,
    )
    request = replaying.Request(
        environment=env.value,
        selection=selection,
        replay_id=replay_id,
        fixed_by=fixed_by,
        from_file=from_file,
        to_file=to_file,
        limit=limit,
        dry_run=dry_run,
    )
    report = replaying.run(Steps(machine=as_json), request)
    raise typer.Exit(0 if report.passed else EXIT_FAILED)


@APP.command()
def lock() -> None:
    """Write the hashed requirement files anew from pyproject.toml."""
    from tools import locks

    locks.write()


@APP.command()
def clean() -> None:
    """Remove everything that was built, and the environments."""
    from tools import prepare

    prepare.clean()


def vars_of(value: object) -> dict[str, object]:
    """Return a frozen value's fields, for JSON."""
    return {name: getattr(value, name) for name in value.__slots__}  # type: ignore[attr-defined]


def in_utc(at: datetime | None) -> datetime | None:
    """Return a time from the command line, which is always UTC there."""
    return None if at is None else at.replace(tzinfo=UTC)


def main() -> None:
    """Run the tool; an expected failure ends in one clear message, not in a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        APP()
    except (RuntimeError, ValueError, OSError) as error:
        if "--json" in sys.argv:
            Console().print_json(json.dumps({"error": type(error).__name__, "message": str(error)}))
        Console(stderr=True, highlight=False).print(f"[red]c360: {escape(str(error))}[/red]")
        raise SystemExit(EXIT_FAILED) from error


if __name__ == "__main__":
    main()
