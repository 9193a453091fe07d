"""Children of the twin end with their owner, in whatever way it ends."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.processes import has_ended
from twin.processes import process
from twin.processes.guard import GRACE_SECONDS
from twin.processes.process import LOOPBACK, PORTS, ProcessFailedError, free_port, spawn, wait_until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def gone(pid: int, seconds: float = 15) -> bool:
    try:
        running = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return True
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if has_ended(running):
            return True
        time.sleep(0.05)
    return False


def test_terminate_ends_the_command(tmp_path: Path) -> None:
    child = spawn("sleeper", SLEEPER, log_path=tmp_path / "sleeper.log")
    pid = child.pid

    child.terminate()

    assert gone(pid)


def test_kill_ends_what_will_not_listen_and_its_children_at_once(tmp_path: Path) -> None:
    deaf = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    code = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {deaf!r}])\n"
        f"open({str(tmp_path / 'child')!r}, 'w').write(str(child.pid)); child.wait()"
    )
    child = spawn("parent", [sys.executable, "-c", code], log_path=tmp_path / "parent.log")
    wait_until(lambda: "ready" in child.tail(), child=child, seconds=20)
    parent = child.pid

    began = time.monotonic()
    child.kill()
    took = time.monotonic() - began

    assert gone(parent)
    assert gone(int((tmp_path / "child").read_text()))
    assert took < GRACE_SECONDS  # nobody was asked first
    assert child.poll() == 128 + signal.SIGKILL


def test_a_killed_owner_ends_its_children(tmp_path: Path) -> None:
    owner_code = (
        "import sys, time; from pathlib import Path; from twin.processes.process import spawn\n"
        f"child = spawn('sleeper', [sys.executable, '-c', 'import time; time.sleep(600)'],"
        f" log_path=Path({str(tmp_path / 'sleeper.log')!r}))\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", owner_code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())

    owner.send_signal(signal.SIGKILL)
    owner.wait()

    assert gone(pid)


def test_child_processes_of_the_command_end_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'orphan')!r}, 'w').write(str(child.pid))"
    )
    child = spawn("parent", [sys.executable, "-c", code], log_path=tmp_path / "parent.log")
    wait_for_end = child.guard.wait(timeout=20)

    assert wait_for_end == 0
    assert gone(int((tmp_path / "orphan").read_text()))


def test_a_command_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    code = "import sys; sys.stderr.write('no such table'); sys.exit(3)"
    child = spawn("engine", [sys.executable, "-c", code], log_path=tmp_path / "engine.log")

    with pytest.raises(ProcessFailedError, match="engine ended with status 3:\nno such table"):
        wait_until(lambda: False, child=child, seconds=20)


@pytest.mark.enable_socket
def test_a_free_port_is_outside_the_range_of_the_system() -> None:
    with socket.socket() as anyone:
        anyone.bind((LOOPBACK, 0))
        assert anyone.getsockname()[1] not in PORTS
    with socket.socket() as owner:
        owner.bind((LOOPBACK, free_port()))
        assert owner.getsockname()[1] in PORTS


@pytest.mark.enable_socket
def test_a_port_in_use_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = (free_port() for _ in range(2))
    monkeypatch.setattr(process, "PORTS", (taken, free))
    with socket.socket() as owner:
        owner.bind((LOOPBACK, taken))
        assert {free_port() for _ in range(20)} == {free}


def test_a_killed_guard_ends_its_command(tmp_path: Path) -> None:
    child = spawn("sleeper", SLEEPER, log_path=tmp_path / "sleeper.log")
    pid = child.pid

    child.guard.send_signal(signal.SIGKILL)
    child.guard.wait()

    assert gone(pid)
