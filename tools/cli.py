"""The `c360` command: one tool for the laptop and for AWS."""

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from c360_core.names import EnvironmentName, Querier
from tools.console import Steps, document
from tools.errors import EXIT_FAILED, EXIT_UNFIT, EXIT_USAGE, UnfitMachineError, WrongUsageError

if TYPE_CHECKING:
    from ops.quarantine import Selection
    from tools.suites.runner import TestReport

PROGRAM = "./c360"
EXIT_STATUS = """Exit status: 0 done; 1 a test, a check, a known answer or the command itself failed; 2 wrong usage;
3 this machine lacks something; 130 interrupted. With --json, standard output holds one JSON document, whatever
happens; a failure of the command itself is {"error": ..., "message": ...}."""
APP = typer.Typer(
    name="c360",
    help="Build, deploy, demonstrate and test the Customer 360.",
    epilog=EXIT_STATUS.replace("\n", " "),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S.%fZ"]


class DeploymentTarget(StrEnum):
    """Where an assembly will be deployed."""

    LOCAL = "local"
    AWS = "aws"


class ScaleName(StrEnum):
    """How much of the shoppers' data the demo sends."""

    TINY = "tiny"
    DEMO = "demo"
    FULL = "full"


class ContractsAction(StrEnum):
    """What can be done with the contracts as a whole."""

    DIFF = "diff"
    IDS = "ids"
    RELEASE = "release"


class Asker(StrEnum):
    """In whose workgroup the quarantine is counted."""

    STEWARDS = "stewards"
    OPERATORS = "operators"


class RebuildTarget(StrEnum):
    """What can be made again from the lake."""

    PROFILES = "profiles"


DAYS = ["%Y-%m-%d"]
DEFAULT_RATE: Final = 200
QUARANTINE = typer.Typer(
    help="Look at what was rejected, and send it again; works on AWS and, with AWS_ENDPOINT_URL, on the twin.",
    no_args_is_help=True,
)
APP.add_typer(QUARANTINE, name="quarantine")
JOURNEY = typer.Typer(
    help="Pause or stop journeys and plays, and see a way; works on AWS and, with AWS_ENDPOINT_URL, on the twin.",
    no_args_is_help=True,
)
APP.add_typer(JOURNEY, name="journey")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]
DEFAULT_ENVIRONMENT: Final[EnvironmentName] = "dev"
Env = Annotated[EnvironmentName, typer.Option("--env", help="Environment whose settings are used.")]
Port = Annotated[int | None, typer.Option("--port", help="Loopback port of the emulator; a free one when omitted.")]


@APP.command()
def setup(*, as_json: Json = False) -> None:
    """Install the engines' environments and Java libraries, once."""
    from tools.build import prepare

    steps = Steps(machine=as_json)
    prepare.machine(steps)
    steps.result({"times": [vars_of(t) for t in steps.times]})


@APP.command()
def demo(
    *,
    scale: Annotated[
        ScaleName, typer.Option(help="tiny, demo (about 1,000 people) or full (all transactions).")
    ] = ScaleName.DEMO,
    seed: Annotated[int, typer.Option(help="Seed of the people that are made around the real baskets.")] = 360,
    port: Port = None,
    as_json: Json = False,
) -> None:
    """Deploy to this laptop, send shoppers' data through all five pillars, check and show the result."""
    from tools.laptop import demonstrate

    outcome = demonstrate.run(Steps(machine=as_json), scale=scale.value, seed=seed, port=port)
    raise typer.Exit(0 if outcome.passed else EXIT_FAILED)


@APP.command("test")
def run_tests(
    *,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Run only these suites: check, unit, contract, infrastructure, engines, twin, deployments, documents, "
            "figures, slow. The last four run only when they are named."
        ),
    ] = None,
    lanes: Annotated[
        int | None,
        typer.Option(min=1, max=4, help="So many long suites side by side, by default 3; 1 needs the least memory."),
    ] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Run only what your change can reach, by imports and by folders.")
    ] = False,
    base: Annotated[
        str | None, typer.Option(help="--changed: the commit to compare with; by default where you left main.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set up and pass every test."""
    from tools.suites import changes, runner

    if base and not changed:
        raise WrongUsageError("--base says what --changed compares with: add --changed")
    steps = Steps(machine=as_json)
    change = changes.since(base) if changed else None
    if change is not None:
        steps.note(f"{len(change.files)} changed files reach {len(change.reached)} files")
    report = runner.run(steps, only=tuple(only or ()), lanes=lanes or runner.LANES, change=change)
    finish(report, as_json=as_json)


@APP.command()
def check(*, as_json: Json = False) -> None:
    """Check contracts, metrics, notebooks, formatting, lint, types, import directions, locks and the site of docs."""
    from tools.suites import runner

    finish(runner.run(Steps(machine=as_json), only=("check",)), as_json=as_json)


@APP.command("contracts")
def on_contracts(
    action: Annotated[
        ContractsAction,
        typer.Argument(
            help="diff: compare the tables with the last release; ids: give new columns their field ids; "
            "release: note the tables as they are, in the commit that is deployed."
        ),
    ],
    *,
    previous: Annotated[
        Path | None, typer.Option(help="diff: compare with this snapshot, not with contracts/released.json.")
    ] = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="release: take incompatible changes, too, but none that breaks ids.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what a change of the contracts does to the tables that are deployed."""
    from tools.contracts import commands

    steps = Steps(machine=as_json)
    outcome = commands.run(steps, action.value, previous=previous, anyway=anyway)
    steps.result(outcome.as_dict())
    raise typer.Exit(0 if outcome.passed else EXIT_FAILED)


@APP.command()
def synth(
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    place: Annotated[
        DeploymentTarget, typer.Option("--for", help="aws: fail where Flink's Kinesis connector cannot be fetched.")
    ] = DeploymentTarget.LOCAL,
    as_json: Json = False,
) -> None:
    """Write the cloud assembly of an environment."""
    from tools.build import prepare

    steps = Steps(machine=as_json)
    prepare.assets(steps, release=place is DeploymentTarget.AWS)
    folder = prepare.assembly(steps, env, force=True)
    steps.note(f"assembly: {folder}")
    steps.result({"assembly": folder})


@APP.command("deploy-local")
def deploy_local(*, port: Port = None, as_json: Json = False) -> None:
    """Deploy the dev assembly to an emulator that stays until destroy-local; again: deploy what changed."""
    from tools.laptop import local

    steps = Steps(machine=as_json)
    steps.result(local.deploy(steps, port=port))


@APP.command("destroy-local")
def destroy_local(*, as_json: Json = False) -> None:
    """Destroy the local deployment, prove that nothing is left, and stop the emulator."""
    from tools.laptop import local

    steps = Steps(machine=as_json)
    steps.result(local.destroy(steps))


@APP.command()
def bench(*, as_json: Json = False) -> None:
    """Measure speed as ratios against a peer in the same run."""
    from tools.suites import benches

    steps = Steps(machine=as_json)
    steps.result(benches.run(steps))


@APP.command()
def truth(
    *, scale: Annotated[ScaleName, typer.Option()] = ScaleName.DEMO, seed: int = 360, as_json: Json = False
) -> None:
    """Score the matching against the truth of who is who; models and recommenders against what customers then did."""
    from tools.laptop import foretelling, recommenders, score

    steps = Steps(machine=as_json)
    outcome = score.run(steps, scale=scale.value, seed=seed)
    models = foretelling.run(steps)
    foreseen = recommenders.run(steps, seed=seed)
    steps.result({**outcome.as_dict(), "models": models, "recommenders": foreseen.as_dict()})
    raise typer.Exit(0 if outcome.passed else EXIT_FAILED)


@APP.command()
def replay(  # noqa: PLR0913  # typer makes one option of each argument
    *,
    env: Env = DEFAULT_ENVIRONMENT,
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
    from ops.quarantine import Selection
    from ops.replay import ReplayOptions
    from tools.operate import replay as replaying

    selection = Selection(
        source=source,
        code=code,
        event_type=event_type,
        since=in_utc(since),
        until=in_utc(until),
        fixed_too=again,
    )
    options = ReplayOptions(
        environment=env,
        selection=selection,
        replay_id=replay_id,
        fixed_by=fixed_by,
        from_file=from_file,
        to_file=to_file,
        limit=limit,
        dry_run=dry_run,
    )
    report = replaying.run(Steps(machine=as_json), options)
    raise typer.Exit(0 if report.passed else EXIT_FAILED)


OfSource = Annotated[str | None, typer.Option("--source", help="Only rows of this source.")]
OfReason = Annotated[str | None, typer.Option("--reason", help="Only rows with this reason code.")]
OfDay = Annotated[datetime | None, typer.Option("--day", formats=DAYS, help="Only rows received on this day, UTC.")]
Since = Annotated[datetime | None, typer.Option(formats=TIMES, help="Only rows received then or later, UTC.")]
Until = Annotated[datetime | None, typer.Option(formats=TIMES, help="Only rows received before then, UTC.")]
OfIds = Annotated[list[str] | None, typer.Option("--id", help="Only the row with this id; may be repeated.")]


@QUARANTINE.command("list")
def quarantine_list(  # noqa: PLR0913  # typer makes one option of each argument
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    source: OfSource = None,
    reason: OfReason = None,
    day: OfDay = None,
    since: Since = None,
    until: Until = None,
    also_fixed: Annotated[bool, typer.Option("--all", help="Also what was replaced since.")] = False,
    asker: Annotated[
        Asker, typer.Option("--as", help="Whose workgroup to ask in; the results of operators hold no bodies.")
    ] = Asker.STEWARDS,
    as_json: Json = False,
) -> None:
    """Count rejected records by source, reason and day; no body is read."""
    from tools.operate import quarantine

    selection = chosen(source=source, reason=reason, day=day, since=since, until=until, fixed_too=also_fixed)
    quarantine.list_groups(Steps(machine=as_json), env, selection, Querier(asker))


@QUARANTINE.command("show")
def quarantine_show(  # noqa: PLR0913  # typer makes one option of each argument
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    source: OfSource = None,
    reason: OfReason = None,
    day: OfDay = None,
    since: Since = None,
    until: Until = None,
    ids: OfIds = None,
    also_fixed: Annotated[bool, typer.Option("--all", help="Also what was replaced since.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many rows at most, the newest first.")] = 10,
    clear: Annotated[
        bool, typer.Option("--clear", help="Print what was received; otherwise only its shape is shown.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show rejected records to those who may read them: the fields, and the shape of each value."""
    from tools.operate import quarantine

    selection = chosen(
        source=source, reason=reason, day=day, since=since, until=until, ids=ids, fixed_too=also_fixed or bool(ids)
    )
    quarantine.show_rows(Steps(machine=as_json), env, selection, limit=limit, clear=clear)


@QUARANTINE.command("replay")
def quarantine_replay(  # noqa: PLR0913  # typer makes one option of each argument
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    source: OfSource = None,
    reason: OfReason = None,
    day: OfDay = None,
    since: Since = None,
    until: Until = None,
    ids: OfIds = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Replay at most so many rows, the oldest first.")] = None,
    rate: Annotated[int, typer.Option(min=1, max=100_000, help="So many events a second at most.")] = DEFAULT_RATE,
    live: Annotated[
        bool, typer.Option("--live", help="The events may still move somebody to act; otherwise they are history.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also rows that were replayed before.")] = False,
    from_file: Annotated[
        Path | None, typer.Option(help="Replay the rows of this file of `replay --to-file`, with the bodies in it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; send and mark nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Send rejected events again, slowly, each with the id of the row that it came from; go on where it stopped."""
    from c360_core.replay import Mark
    from ops.replay import ReplayOptions
    from tools.operate import replay as replaying

    options = ReplayOptions(
        environment=env,
        selection=chosen(source=source, reason=reason, day=day, since=since, until=until, ids=ids, fixed_too=again),
        from_file=from_file,
        limit=limit,
        dry_run=dry_run,
        mark=Mark.TRACE if live else Mark.HISTORY,
        rate=rate,
    )
    report = replaying.run(Steps(machine=as_json), options)
    raise typer.Exit(0 if report.passed else EXIT_FAILED)


NameOfJourney = Annotated[str, typer.Argument(help="A journey of contracts/journeys, or a play.")]


@JOURNEY.command("list")
def journey_list(*, env: Env = DEFAULT_ENVIRONMENT, as_json: Json = False) -> None:
    """Show which journeys and plays run, are paused or are stopped."""
    from tools.operate import journey

    journey.show(Steps(machine=as_json), env)


@JOURNEY.command("pause")
def journey_pause(name: NameOfJourney, *, env: Env = DEFAULT_ENVIRONMENT, as_json: Json = False) -> None:
    """Hold its messages back until it is resumed, for 30 days at most."""
    from c360_core.controls import State
    from tools.operate import journey

    journey.switch(Steps(machine=as_json), env, name, State.PAUSED)


@JOURNEY.command("stop")
def journey_stop(name: NameOfJourney, *, env: Env = DEFAULT_ENVIRONMENT, as_json: Json = False) -> None:
    """Send none of its messages any more; whoever is in it leaves it at the next one."""
    from c360_core.controls import State
    from tools.operate import journey

    journey.switch(Steps(machine=as_json), env, name, State.STOPPED)


@JOURNEY.command("resume")
def journey_resume(name: NameOfJourney, *, env: Env = DEFAULT_ENVIRONMENT, as_json: Json = False) -> None:
    """Let its messages go out again: those of a pause within the hour, those of a stop never."""
    from c360_core.controls import State
    from tools.operate import journey

    journey.switch(Steps(machine=as_json), env, name, State.RUNNING)


@JOURNEY.command("walk")
def journey_walk(
    name: Annotated[str, typer.Argument(help="A journey of contracts/journeys.")],
    *,
    person: Annotated[str, typer.Option(help="The person's id.")],
    heard: Annotated[bool, typer.Option("--heard", help="The person does what the journey waits for.")] = False,
    env: Env = DEFAULT_ENVIRONMENT,
    as_json: Json = False,
) -> None:
    """Show the steps that a person would go, as the profile is now; send nothing."""
    from tools.operate import journey

    journey.walked(Steps(machine=as_json), env, name, person, heard=heard)


@APP.command()
def rebuild(
    what: Annotated[  # noqa: ARG001  # there is one answer so far
        RebuildTarget, typer.Argument(help="profiles: everything that unify has published, from the lake.")
    ],
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    as_json: Json = False,
) -> None:
    """Make the profiles of a deployed environment again from the lake; typed again, it goes on where it stopped."""
    from tools.operate import rebuild as rebuilding

    report = rebuilding.run(Steps(machine=as_json), env)
    raise typer.Exit(0 if report.passed else EXIT_FAILED)


@APP.command()
def backfill(
    *,
    source: Annotated[str, typer.Option(help="The source whose interactions go again.")],
    first: Annotated[datetime, typer.Option("--from", formats=DAYS, help="The first day of arrival, UTC.")],
    last: Annotated[datetime, typer.Option("--to", formats=DAYS, help="The last day of arrival, UTC.")],
    env: Env = DEFAULT_ENVIRONMENT,
    again: Annotated[bool, typer.Option("--again", help="Begin anew, even if it came to its end before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many there are; send nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Put past interactions on their stream again, as history; typed again, it goes on where it stopped."""
    from tools.operate import backfill as filling

    steps = Steps(machine=as_json)
    filling.run(steps, env, source, first.date(), last.date(), dry_run=dry_run, again=again)


@APP.command()
def smoke(
    environment: Annotated[
        EnvironmentName | None, typer.Argument(metavar="ENV", help="Environment to ask; dev when omitted.")
    ] = None,
    *,
    env: Annotated[EnvironmentName | None, typer.Option("--env", help="The same, as other commands take it.")] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send one made-up event, too, and follow it to the single view.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a deployed environment: everything answers, what must be refused is refused; fails otherwise."""
    from tools.operate import smoke as smoking

    if environment and env and environment != env:
        raise WrongUsageError(f"smoke {environment} --env {env}: say one environment")
    asked = environment or env or DEFAULT_ENVIRONMENT
    report = smoking.run(Steps(machine=as_json), asked, send=send)
    raise typer.Exit(0 if report.passed else EXIT_FAILED)


@APP.command()
def report(
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    to: Annotated[Path, typer.Option(help="Folder of the pages.")] = Path("build") / "report",
    as_json: Json = False,
) -> None:
    """Draw the deployed dashboards as pages, with the numbers that the marketing analyst may see."""
    from tools.operate import report as drawing

    drawing.run(Steps(machine=as_json), env, to)


@APP.command()
def notebook(
    name: Annotated[str, typer.Argument(help="Of a notebook in notebooks/, such as explore.")],
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    to: Annotated[Path, typer.Option(help="Folder for the notebook with its outputs.")] = Path("build") / "notebooks",
    as_json: Json = False,
) -> None:
    """Run a notebook of the repository as the marketing analyst's notebooks run in the studio."""
    from tools.operate import notebook as running

    running.run(Steps(machine=as_json), env, name, to)


@APP.command()
def ask(
    question: Annotated[str, typer.Argument(help='In words, such as "revenue in USD" or "customers by state".')],
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    as_json: Json = False,
) -> None:
    """Answer a question by the metrics that it names, as the marketing analyst may see them; or say "I do not know"."""
    from tools.operate import ask as asking

    asking.run(Steps(machine=as_json), env, question)


@APP.command()
def sql(
    statement: Annotated[
        str | None, typer.Argument(help="One statement of Athena's SQL; when omitted, what is prepared is listed.")
    ] = None,
    *,
    persona: Annotated[str, typer.Option("--as", help="The persona that asks, such as marketing-analyst.")],
    env: Env = DEFAULT_ENVIRONMENT,
    to: Annotated[
        Path | None, typer.Option(help="Write the whole answer into this .csv or .parquet file; show nothing.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Show so many rows at most.")] = 1000,
    reuse: Annotated[
        int,
        typer.Option(min=0, max=10_080, help="Take an earlier result that is at most so many minutes old; 0 for none."),
    ] = 0,
    as_json: Json = False,
) -> None:
    """Ask Athena as a persona, with its rights; say what was read and what it costs."""
    from tools.operate import sql as asking

    wanted = asking.Wanted(file=to, most_rows=rows, reuse_minutes=reuse)
    asking.run(Steps(machine=as_json), env, persona, statement, wanted)


@APP.command()
def why(
    person: Annotated[str, typer.Argument(help="Id of the person, also one from before a merge.")],
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    play: Annotated[str | None, typer.Option(help="Only decisions of this play.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many decisions at most, the newest first.")] = 20,
    as_json: Json = False,
) -> None:
    """Say why a person got a message, or did not: the stored decisions, with their reasons in words."""
    from tools.operate import why as explaining

    explaining.run(Steps(machine=as_json), env, person, play=play, limit=limit)


@APP.command()
def preview(
    message: Annotated[str, typer.Argument(help="Name of a message in contracts/templates, such as welcome.")],
    *,
    language: Annotated[str | None, typer.Option(help="Only in this language; without it, in all.")] = None,
    person: Annotated[
        str | None, typer.Option(help="With the values of this person, and in their language, instead of samples.")
    ] = None,
    env: Env = DEFAULT_ENVIRONMENT,
    as_json: Json = False,
) -> None:
    """Show how a message looks on a phone, on a desktop and as plain text, as a page below build/preview."""
    from tools.operate import preview as previewing

    previewing.run(Steps(machine=as_json), message, language=language, person=person, environment=env)


@APP.command()
def simulate(
    file: Annotated[Path, typer.Argument(help="A changed copy of contracts/plays.yaml.")],
    *,
    env: Env = DEFAULT_ENVIRONMENT,
    days: Annotated[int, typer.Option(min=1, max=366, help="Over the signals of so many days.")] = 30,
    as_json: Json = False,
) -> None:
    """Say who would have got what under a changed file of plays, as the marketing analyst may see, and what changes."""
    from tools.operate import simulate as simulating

    simulating.run(Steps(machine=as_json), env, file, days=days)


@APP.command()
def lock(*, as_json: Json = False) -> None:
    """Resolve the dependency groups of pyproject.toml again, and write the hashed requirement files."""
    from tools.environments import locks

    steps = Steps(machine=as_json)
    changed = locks.write(steps)
    steps.note(f"changed: {', '.join(changed) or 'nothing'}")
    steps.result({"changed": changed})


@APP.command()
def clean(*, as_json: Json = False) -> None:
    """End a local deployment; remove everything that was built, and the environments."""
    from tools.build import prepare
    from tools.environments.bootstrap import say
    from tools.laptop import local

    local.end()
    removed = [str(path) for path in prepare.clean()]
    # The environment of this process is deleted: only modules that were imported before still work.
    if as_json:
        document({"removed": removed})
    else:
        say(f"removed {', '.join(removed) or 'nothing'}")


def finish(report: "TestReport", *, as_json: bool) -> None:
    """Print the outcome of suites for machines, and end with its exit status."""
    Steps(machine=as_json).result(report.as_dict())
    raise typer.Exit(0 if report.passed else EXIT_FAILED)


def vars_of(value: object) -> dict[str, object]:
    """Return a frozen value's fields, for JSON."""
    return {name: getattr(value, name) for name in value.__slots__}  # type: ignore[attr-defined]


def chosen(  # what the options of three commands say
    *,
    source: str | None,
    reason: str | None,
    day: datetime | None,
    since: datetime | None,
    until: datetime | None,
    fixed_too: bool,
    ids: list[str] | None = None,
) -> "Selection":
    """Return which rows of the quarantine the options choose.

    Raises:
        WrongUsageError: a day and a time are given.
    """
    from ops.quarantine import Selection

    if day and (since or until):
        raise WrongUsageError("--day says the whole time; leave --since and --until away")
    return Selection(
        source=source,
        code=reason,
        since=in_utc(day or since),
        until=in_utc(day + timedelta(days=1) if day else until),
        rejected_ids=tuple(ids) if ids else None,
        fixed_too=fixed_too,
    )


def in_utc(at: datetime | None) -> datetime | None:
    """Return a time from the command line, which is always UTC there."""
    return None if at is None else at.replace(tzinfo=UTC)


def main() -> None:
    """Run the tool; an expected failure ends in one clear message, not in a traceback."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        APP(prog_name=PROGRAM)
    except SystemExit as ended:
        if isinstance(refused := ended.__context__, typer.TyperException):
            # People have read it on standard error; programs read standard output.
            tell_machine("WrongUsageError", refused.format_message())
        raise
    except Exception as error:
        message = said_by(error)
        tell_machine(type(error).__name__, message)
        if not is_expected(error):
            raise
        Console(stderr=True, highlight=False).print(f"[red]c360: {escape(message)}[/red]", soft_wrap=True)
        raise SystemExit(status_of(error)) from error


def tell_machine(error: str, message: str) -> None:
    """Write the document of a failed command, where one was asked for."""
    if "--json" in sys.argv:
        document({"error": error, "message": message})


def is_expected(error: Exception) -> bool:
    """Say whether a failure explains itself; of any other the traceback is wanted."""
    import subprocess

    import httpx
    from botocore.exceptions import BotoCoreError, ClientError

    # Of subprocess: a program that failed, or took too long.
    others = (subprocess.SubprocessError, httpx.HTTPError, BotoCoreError, ClientError)
    return isinstance(error, (RuntimeError, ValueError, OSError, *others))


def said_by(error: Exception) -> str:
    """Return what a failure says; one that says nothing is named, and one of HTTP names what was asked."""
    import httpx

    text = str(error) or type(error).__name__
    if isinstance(error, httpx.RequestError):
        with suppress(RuntimeError):  # it does not know its request
            return f"{error.request.method} {error.request.url}: {text}"
    return text


def status_of(error: Exception) -> int:
    """Return the exit status for a failure."""
    if isinstance(error, UnfitMachineError):
        return EXIT_UNFIT
    return EXIT_USAGE if isinstance(error, WrongUsageError) else EXIT_FAILED


if __name__ == "__main__":
    main()
