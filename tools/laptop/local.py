"""A local deployment that stays: `deploy-local` keeps an emulator running until `destroy-local`."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import psutil

from tools.build import prepare
from tools.console import Steps
from tools.errors import WrongUsageError
from twin.emulator import emulator
from twin.principals import Principal
from twin.processes.process import port_is_open
from twin.settings import BUILD, ROOT, TwinSettings

HOME: Final = BUILD / "twin" / "local"
DAEMON: Final = "twin.emulator.daemon"
TOOLKIT: Final = "CDKToolkit"
COMPLETE: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
START_SECONDS: Final = 90
STOP_SECONDS: Final = 30
FORCE_SECONDS: Final = 30
POLL_SECONDS: Final = 0.1


class LeftoversError(RuntimeError):
    """Destroying left stacks behind."""


class StuckError(RuntimeError):
    """The emulator does not end; the message names its process."""


def deploy(steps: Steps, *, port: int | None = None) -> dict[str, Any]:
    """Deploy the dev assembly; start the emulator when it is not running yet.

    Raises:
        WrongUsageError: it runs on another port than the one asked for.
    """
    running = _running()
    if running is not None and port not in {None, running.settings.port}:
        there = running.settings.port
        raise WrongUsageError(
            f"the emulator runs on port {there}: leave --port away, or run ./c360 destroy-local first"
        )
    prepare.machine(steps)
    prepare.assets(steps)
    prepare.assembly(steps, "dev")
    if running is None:
        with steps.step("Emulator"):
            running = _start(port)
    if _stacks(running).get(TOOLKIT) not in COMPLETE:
        with steps.step("cdk bootstrap"):
            emulator.bootstrap(running)
    with steps.step("cdk deploy --all"):
        said = emulator.deploy(running)
    unchanged = said.count("(no changes)") == len(emulator.stacks_in("dev"))
    steps.note("no changes" if unchanged else "deployed")
    steps.note(f"endpoint: {running.settings.endpoint} (AWS_ENDPOINT_URL)")
    steps.note(
        f"credentials: {running.settings.credentials_file} (AWS_SHARED_CREDENTIALS_FILE), "
        f"profiles {', '.join(Principal)} (AWS_PROFILE)"
    )
    return {"endpoint": running.settings.endpoint, "changed": not unchanged, "outputs": running.outputs()}


def destroy(steps: Steps) -> dict[str, Any]:
    """Destroy every stack, stop the emulator and remove its folder.

    When destroying fails the emulator is stopped too, and its folder stays with the logs.

    Raises:
        LeftoversError: a stack was left.
        StuckError: the emulator does not end.
    """
    running = _running()
    if running is None:
        shutil.rmtree(HOME, ignore_errors=True)  # of one that ended by itself
        steps.note("nothing is deployed locally")
        return {"destroyed": False}
    try:
        with steps.step("cdk destroy --all"):
            emulator.destroy(running)
        left = sorted(_stacks(running).keys() - {TOOLKIT})
    finally:
        with steps.step("Stop the emulator"):
            _stop(running)
    if left:
        raise LeftoversError(f"cdk destroy left {', '.join(left)}; see {running.settings.logs / 'cdk.log'}")
    shutil.rmtree(HOME)
    return {"destroyed": True}


def end() -> None:
    """Stop the emulator when it runs, whatever is deployed to it.

    Raises:
        StuckError: it does not end.
    """
    running = _running()
    if running is not None:
        _stop(running)


def _start(port: int | None) -> emulator.Emulator:
    """Start a daemon process: it owns the emulator, so that both outlive this command and end together."""
    HOME.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", DAEMON, str(HOME), *([str(port)] if port else [])]
    daemon = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        found = _running()
        if found is not None:
            return found
        if daemon.poll() is not None:
            reason = daemon.stderr.read().decode(errors="replace") if daemon.stderr else ""
            raise RuntimeError(f"the emulator did not start: {reason.strip().splitlines()[-1] if reason else HOME}")
        time.sleep(0.2)
    daemon.kill()
    raise RuntimeError(f"the emulator did not start within {START_SECONDS} s; see {HOME / 'logs'}")


def _running() -> emulator.Emulator | None:
    return emulator.attach(TwinSettings.read(HOME / "settings.json")) if _daemon() is not None else None


def _daemon() -> psutil.Process | None:
    """Return the process that keeps the emulator; its number alone may belong to another by now."""
    try:
        process = psutil.Process(int((HOME / "daemon.pid").read_text(encoding="ascii")))
        words = process.cmdline()
    except (FileNotFoundError, psutil.Error):
        return None
    return process if DAEMON in words and str(HOME) in words else None


def _stacks(running: emulator.Emulator) -> dict[str, str]:
    """Return the status of each stack, by name."""
    pages = running.client("cloudformation").get_paginator("describe_stacks").paginate()
    return {stack["StackName"]: stack["StackStatus"] for page in pages for stack in page["Stacks"]}


def _stop(running: emulator.Emulator) -> None:
    """End the daemon, and with it the emulator and all that this started; force it when it does not end.

    Raises:
        StuckError: something still runs.
    """
    daemon = _daemon()
    if daemon is None:
        return
    daemon.terminate()
    if not _within(STOP_SECONDS, lambda: _is_gone(daemon)):
        daemon.kill()  # its guards see that and end the rest
    if not _within(FORCE_SECONDS, lambda: _is_gone(daemon) and not port_is_open(running.settings.port)):
        raise StuckError(
            f"the emulator on port {running.settings.port} does not end; its process is {daemon.pid}, "
            f"its logs are in {running.settings.logs}"
        )


def _is_gone(process: psutil.Process) -> bool:
    """Say whether a process has ended; one that nobody has waited for yet has."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _within(seconds: float, reached: Callable[[], bool]) -> bool:
    """Wait until something is reached; say whether it was in time."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
