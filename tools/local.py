"""A local deployment that stays: `deploy-local` keeps an emulator running until `destroy-local`."""

import os
import shutil
import signal
import subprocess
import sys
import time
from typing import Any, Final

from tools import prepare
from tools.console import Steps
from twin import emulator
from twin.settings import BUILD, ROOT, TwinSettings

HOME: Final = BUILD / "twin" / "local"
START_SECONDS: Final = 90
STOP_SECONDS: Final = 30


class LeftoversError(RuntimeError):
    """Destroying left stacks behind."""


def deploy(steps: Steps, *, port: int | None = None) -> dict[str, Any]:
    """Deploy the dev assembly; start the emulator when it is not running yet."""
    prepare.machine(steps)
    prepare.assets(steps)
    prepare.assembly(steps, "dev")
    running = _running()
    if running is None:
        with steps.step("Emulator"):
            running = _start(port)
        with steps.step("cdk bootstrap"):
            emulator.bootstrap(running)
    with steps.step("cdk deploy --all"):
        said = emulator.deploy(running)
    unchanged = said.count("(no changes)") == len(emulator.stacks_in("dev"))
    steps.note("no changes" if unchanged else "deployed")
    steps.note(f"endpoint: {running.settings.endpoint} (AWS_ENDPOINT_URL), keys test/test")
    return {"endpoint": running.settings.endpoint, "changed": not unchanged, "outputs": running.outputs()}


def destroy(steps: Steps) -> dict[str, Any]:
    """Destroy every stack and stop the emulator.

    Raises:
        LeftoversError: a stack is left.
    """
    running = _running()
    if running is None:
        steps.note("nothing is deployed locally")
        return {"destroyed": False}
    with steps.step("cdk destroy --all"):
        emulator.destroy(running)
    left = [s["StackName"] for s in running.client("cloudformation").describe_stacks()["Stacks"]]
    left = [name for name in left if name != "CDKToolkit"]
    with steps.step("Stop the emulator"):
        _stop()
    if left:
        raise LeftoversError(f"cdk destroy left {', '.join(left)}; see {HOME / 'logs' / 'cdk.log'}")
    return {"destroyed": True}


def _start(port: int | None) -> emulator.Emulator:
    """Start a keeper process: it owns the emulator, so that both outlive this command and end together."""
    HOME.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "twin.keeper", str(HOME), *([str(port)] if port else [])]
    keeper = subprocess.Popen(
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
        if keeper.poll() is not None:
            reason = keeper.stderr.read().decode(errors="replace") if keeper.stderr else ""
            raise RuntimeError(f"the emulator did not start: {reason.strip().splitlines()[-1] if reason else HOME}")
        time.sleep(0.2)
    raise RuntimeError(f"the emulator did not start within {START_SECONDS} s; see {HOME / 'logs'}")


def _running() -> emulator.Emulator | None:
    pid_file, settings_file = HOME / "keeper.pid", HOME / "settings.json"
    if not pid_file.exists() or not _lives(int(pid_file.read_text(encoding="ascii"))):
        return None
    return emulator.attach(TwinSettings.read(settings_file))


def _stop() -> None:
    pid = int((HOME / "keeper.pid").read_text(encoding="ascii"))
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    shutil.rmtree(HOME, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
