"""`c360 rebuild profiles`: every profile again, from the lake.

`unify` that starts without a snapshot reads the lake first. A rebuild is such a start, with steps around it. A snapshot
is the way back. The writer is held, so that readers of the single view keep seeing complete profiles. What the rebuild
publishes is marked, so that nobody gets a message because of it. At the end every profile is checked. Progress is noted
in the single view: after an interruption, run the command again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from c360_core.names import Stream, TableName, stack_name
from c360_core.rebuild import Rebuild, sequence_at
from ops.application import ApplicationControl
from ops.dashboard import DashboardError, Task
from ops.deployed_stacks import outputs
from ops.deployed_streams import stream_ends
from ops.view import ProfileWriterControl, RebuildFindings, SingleViewCheck

PILLAR: Final = "unification"
# What `unify` reads of the past; Iceberg names a source by its table.
HISTORY: Final = (TableName.INTERACTIONS, TableName.LATEST_IDENTITY_CHANGES)
ATTEMPTS: Final = 3
PAUSE_SECONDS: Final = 5.0
LOOK_AGAIN_SECONDS: Final = 10.0
# Dashboards are proxied: one that does not answer now and then is no reason to give up.
DASHBOARD_FAILURES: Final = 12
NO_JOB: Final = 120
MISSING: Final = (
    "the unification stack of {environment} has no output {output}: the environment sleeps, or an earlier version is "
    "deployed. Deploy this one, with collection.streams.deployed on"
)


class RebuildFailedError(RuntimeError):
    """The rebuild cannot go on; the message says what was done and what to do."""


class Progress(Protocol):
    """Where progress is reported."""

    def note(self, text: str) -> None:
        """Report a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """What a rebuild did.

    Attributes:
        environment: where.
        snapshot: the way back, or None where there is none.
        resumed: it continued an interrupted one.
        found: what the single view has at the end.
        seconds: from the first step of this run to the last.
    """

    environment: str
    snapshot: str | None
    resumed: bool
    found: RebuildFindings
    seconds: float

    @property
    def passed(self) -> bool:
        """Say whether every profile of the single view is a rebuilt or a newer one."""
        return self.found.older == 0

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "environment": self.environment,
            "snapshot": self.snapshot,
            "resumed": self.resumed,
            "profiles": self.found.rebuilt,
            "not_rebuilt": self.found.older,
            "not_rebuilt_examples": list(self.found.examples),
            "seconds": round(self.seconds, 1),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildServices:
    """What of an environment a rebuild works with."""

    environment: str
    application: ApplicationControl
    writer: ProfileWriterControl
    view: SingleViewCheck
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: Callable[[float], None] = time.sleep


def deployed(environment: str, client: Callable[[str], Any], table: Any) -> RebuildServices:
    """Find an environment's application, writer and single view by the outputs of its stack.

    Args:
        environment: its name.
        client: makes an AWS client, by service name.
        table: a DynamoDB client that takes Python values.

    Raises:
        RebuildFailedError: something is not deployed.
        ClientError: the stack of the streams is not, or may not be read.
    """
    found = _outputs(environment, client("cloudformation"))

    def output(name: str) -> str:
        if name not in found:
            raise RebuildFailedError(MISSING.format(environment=environment, output=name))
        return found[name]

    return RebuildServices(
        environment=environment,
        application=ApplicationControl(client=client("kinesisanalyticsv2"), name=output("UnifyApplicationName")),
        writer=ProfileWriterControl(
            functions=client("lambda"),
            mapping=output("ProfileWriterMappingId"),
            ends=stream_ends(environment, Stream.PROFILE_CHANGES, client),
        ),
        view=SingleViewCheck(client=table, table=output("SingleViewTableName")),
    )


def _outputs(environment: str, client: Any) -> Mapping[str, str]:
    name = stack_name(environment, PILLAR)
    try:
        (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        raise RebuildFailedError(
            f"the stack {name} cannot be read ({error}); is it deployed in this account?"
        ) from error
    return outputs([stack])


def rebuild_profiles(there: RebuildServices, progress: Progress) -> RebuildReport:
    """Make every profile again from the lake, or go on with it where it was interrupted.

    Raises:
        RebuildFailedError, ApplicationError, ViewError, DashboardError: it cannot go on; typed again it goes on.
        ClientError: AWS refused something.
    """
    started = time.monotonic()
    rebuild = there.view.rebuild()
    resumed = rebuild is not None and not rebuild.over
    if rebuild is None or not resumed:
        rebuild = _begin(there, progress)
    if rebuild.until is None:
        rebuild = _read_history(there, progress, rebuild)
    found = _let_write(there, progress, rebuild)
    return RebuildReport(
        environment=there.environment,
        snapshot=rebuild.snapshot,
        resumed=resumed,
        found=found,
        seconds=time.monotonic() - started,
    )


def _begin(there: RebuildServices, progress: Progress) -> Rebuild:
    """Keep a way back, hold the writer, and note that the past is published from now on."""
    application = there.application
    if application.settled() == "RUNNING":
        # Whoever may not ask, or runs a version that reads no lake, hears of it while all is as it was.
        history_is_read(application.tasks())
        snapshot: str | None = f"before-rebuild-{there.now():%Y%m%d-%H%M%S}"
        application.save(str(snapshot))
    else:
        snapshot = application.latest_snapshot()
    progress.note(_way_back(application.name, snapshot))
    there.writer.hold()
    progress.note("profile_writer is held: the single view stays as it is")
    application.stop()
    rebuild = Rebuild(since=sequence_at(there.now()), snapshot=snapshot)
    there.view.note(rebuild)
    return rebuild


def _way_back(name: str, snapshot: str | None) -> str:
    if snapshot is None:
        return f"{name} does not run and has no snapshot: there is no way back, and nothing to go back to"
    return f"the way back is the snapshot {snapshot} of {name}"


def _read_history(there: RebuildServices, progress: Progress, rebuild: Rebuild) -> Rebuild:
    """Start without a snapshot and wait until the lake is read and all of it is published."""
    there.writer.hold()
    _start_without_snapshot(there)
    progress.note("unify runs without its snapshot, and reads the lake")
    _wait_for_history(there)
    # A snapshot is there when all that was read before it has gone through, and its messages are on the stream.
    there.application.save(f"rebuilt-{there.now():%Y%m%d-%H%M%S}")
    ended = replace(rebuild, until=sequence_at(there.now()))
    there.view.note(ended)
    progress.note("the lake is read, and all changes from it are published")
    return ended


def _start_without_snapshot(there: RebuildServices) -> None:
    """See that the application runs, and was started without a snapshot.

    Where it is kept running, it may be started from its snapshot between our stopping and starting.
    """
    application = there.application
    for _ in range(ATTEMPTS):
        if application.settled() == "RUNNING" and application.started_without_snapshot():
            return
        application.stop()
        try:
            application.start_without_snapshot()
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceInUseException":
                raise
        else:
            return
    raise RebuildFailedError(
        f"{application.name} was started by something else each time that it was stopped; switch off what keeps it "
        "running (unification.unify.started), and type the command again"
    )


def _wait_for_history(there: RebuildServices) -> None:
    failures, without_job = 0, 0
    while True:
        if there.application.status() in ("READY", "STOPPING", "DELETING", "FORCE_STOPPING"):
            raise RebuildFailedError(
                f"{there.application.name} stopped while it read the lake: its log says why. Type the command again"
            )
        try:
            tasks = there.application.tasks()
            failures = 0
        except DashboardError:
            failures += 1
            if failures >= DASHBOARD_FAILURES:
                raise
            tasks = ()
        if history_is_read(tasks):
            return
        without_job = 0 if tasks else without_job + 1
        if without_job >= NO_JOB:
            raise RebuildFailedError(
                f"{there.application.name} runs, and its job does not, for {without_job * PAUSE_SECONDS / 60:.0f} min: "
                "its log says why. Type the command again when it is mended"
            )
        there.pause(PAUSE_SECONDS)


def history_is_read(tasks: tuple[Task, ...]) -> bool:
    """Say whether both sources of the past are at their end.

    Raises:
        RebuildFailedError: a job that runs has no such sources: it is of a version that does not read the lake.
    """
    past = [task for task in tasks for table in HISTORY if task.reads_table(table)]
    if tasks and len(past) < len(HISTORY):
        raise RebuildFailedError(
            "the application that runs does not read the lake: it is of an earlier version. Deploy this one first"
        )
    return bool(past) and all(task.status == "FINISHED" for task in past)


def _let_write(there: RebuildServices, progress: Progress, rebuild: Rebuild) -> RebuildFindings:
    """Let the writer process the published changes, then check the single view."""
    there.writer.go_on()
    progress.note("profile_writer writes the published changes")
    waiting = there.writer.send_ends(rebuild)
    while waiting := tuple(shard for shard in waiting if not there.view.has_ended(shard, rebuild)):
        there.pause(PAUSE_SECONDS)
    found = there.view.look(rebuild)
    # Somebody may be written a moment later, as nobody waits for what failed and comes again.
    while found.older:
        there.pause(LOOK_AGAIN_SECONDS)
        before, found = found, there.view.look(rebuild)
        if found.older >= before.older:
            break
    there.view.note(replace(rebuild, over=True))
    return found
