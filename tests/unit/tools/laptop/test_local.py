"""The local deployment stays until it is destroyed, and what goes wrong on the way is said with its log."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.processes import has_ended
from tools.console import Steps
from tools.errors import WrongUsageError
from tools.laptop import local
from tools.laptop.local import LeftoversError, StuckError
from twin.emulator import emulator
from twin.emulator.emulator import DeployFailedError
from twin.settings import TwinSettings

PORT = 4711
POLITE = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {POLITE}"

StartDaemon = Callable[[str], psutil.Process]


class Cloud:
    """CloudFormation, and the CDK command that changes it."""

    def __init__(self) -> None:
        self.stacks: dict[str, str] = {}
        self.called: list[str] = []
        self.fails: set[str] = set()
        self.leaves: set[str] = set()

    def get_paginator(self, _operation: str) -> "Cloud":
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [{"Stacks": [{"StackName": name, "StackStatus": status}]} for name, status in self.stacks.items()]

    def bootstrap(self, _running: emulator.Emulator) -> None:
        failed = self._call("bootstrap")
        self.stacks[local.TOOLKIT] = "ROLLBACK_COMPLETE" if failed else "CREATE_COMPLETE"
        if failed:
            raise DeployFailedError("cdk bootstrap failed")

    def deploy(self, _running: emulator.Emulator) -> str:
        self._call("deploy")
        changed = "Data" not in self.stacks
        self.stacks["Data"] = "CREATE_COMPLETE"
        return "Data" if changed else "Data (no changes)"

    def destroy(self, _running: emulator.Emulator) -> None:
        if self._call("destroy"):
            raise DeployFailedError("cdk destroy failed")
        self.stacks = {name: status for name, status in self.stacks.items() if name in {local.TOOLKIT, *self.leaves}}

    def _call(self, name: str) -> bool:
        self.called.append(name)
        return name in self.fails


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cloud:
    """A machine where everything is built, and an emulator without anything in it."""
    cloud = Cloud()
    monkeypatch.setattr(local, "HOME", tmp_path / "local")
    for name in ("machine", "assets", "assembly"):
        monkeypatch.setattr(local.prepare, name, lambda *_: None)
    for name in ("bootstrap", "deploy", "destroy"):
        monkeypatch.setattr(emulator, name, getattr(cloud, name))
    monkeypatch.setattr(emulator, "stacks_in", lambda _: ["Data"])
    monkeypatch.setattr(emulator.Emulator, "client", lambda *_: cloud)
    monkeypatch.setattr(local, "port_is_open", lambda _: False)
    return cloud


@pytest.fixture
def start_daemon(cloud: Cloud) -> Iterator[StartDaemon]:
    """Starts a process that looks like the daemon of an emulator."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(code: str) -> psutil.Process:
        settings = TwinSettings(home=local.HOME, port=PORT)
        settings.save()
        settings.logs.mkdir()
        (settings.logs / "cdk.log").write_text("what cdk said")
        words = [sys.executable, "-c", code, local.DAEMON, str(local.HOME)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        processes.append(process)
        (local.HOME / "daemon.pid").write_text(str(process.pid))
        return psutil.Process(process.pid)

    yield start
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def quiet() -> Steps:
    return Steps(machine=True)


def test_destroying_leaves_no_process_and_no_folder(cloud: Cloud, start_daemon: StartDaemon, quiet: Steps) -> None:
    daemon = start_daemon(POLITE)

    assert local.destroy(quiet) == {"destroyed": True}
    assert has_ended(daemon)
    assert not local.HOME.exists()
    assert local.destroy(quiet) == {"destroyed": False}


def test_leftovers_are_reported_with_an_existing_log(cloud: Cloud, start_daemon: StartDaemon, quiet: Steps) -> None:
    daemon = start_daemon(POLITE)
    cloud.stacks, cloud.leaves = {"Data": "DELETE_FAILED", local.TOOLKIT: "CREATE_COMPLETE"}, {"Data"}

    with pytest.raises(LeftoversError, match="cdk destroy left Data; see ") as failed:
        local.destroy(quiet)

    assert Path(str(failed.value).rpartition("see ")[2]).read_text() == "what cdk said"
    assert has_ended(daemon)


def test_a_destroy_that_fails_stops_the_emulator_and_keeps_its_log(
    cloud: Cloud, start_daemon: StartDaemon, quiet: Steps
) -> None:
    daemon = start_daemon(POLITE)
    cloud.fails = {"destroy"}

    with pytest.raises(DeployFailedError):
        local.destroy(quiet)

    assert has_ended(daemon)
    assert (local.HOME / "logs" / "cdk.log").exists()


def test_a_daemon_that_does_not_end_is_forced(
    cloud: Cloud, start_daemon: StartDaemon, quiet: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "STOP_SECONDS", 0.2)
    daemon = start_daemon(STUBBORN)

    assert local.destroy(quiet) == {"destroyed": True}
    assert has_ended(daemon)


def test_an_emulator_that_lives_on_is_no_success(
    cloud: Cloud, start_daemon: StartDaemon, quiet: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "FORCE_SECONDS", 0.2)
    monkeypatch.setattr(local, "port_is_open", lambda _: True)
    daemon = start_daemon(POLITE)

    with pytest.raises(StuckError, match=f"port {PORT} does not end; its process is {daemon.pid}"):
        local.destroy(quiet)

    assert local.HOME.exists()


def test_a_process_that_took_over_the_number_is_not_the_daemon(cloud: Cloud, quiet: Steps) -> None:
    TwinSettings(home=local.HOME, port=PORT).save()
    (local.HOME / "daemon.pid").write_text(str(os.getpid()))

    local.end()
    assert local.destroy(quiet) == {"destroyed": False}
    assert not local.HOME.exists()


def test_a_bootstrap_that_failed_is_done_again(cloud: Cloud, start_daemon: StartDaemon, quiet: Steps) -> None:
    start_daemon(POLITE)
    cloud.fails = {"bootstrap"}
    with pytest.raises(DeployFailedError):
        local.deploy(quiet)
    cloud.fails = set()

    first, second = local.deploy(quiet), local.deploy(quiet)

    assert cloud.called == ["bootstrap", "bootstrap", "deploy", "deploy"]
    assert (first["changed"], second["changed"]) == (True, False)


def test_another_port_than_the_running_one_is_refused(cloud: Cloud, start_daemon: StartDaemon, quiet: Steps) -> None:
    start_daemon(POLITE)

    with pytest.raises(WrongUsageError, match=f"runs on port {PORT}: leave --port away, or run"):
        local.deploy(quiet, port=PORT + 1)

    assert local.deploy(quiet, port=PORT)["endpoint"] == f"http://localhost:{PORT}"
