"""Child processes that end with their owner, and free loopback ports."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"
# Below the ports of outgoing connections and of those who ask for any. Such a port could be taken before its
# engine listens on it: a JVM opens some of its own while it starts.
PORTS: Final = range(20_000, 32_000)
GUARD: Final = Path(__file__).with_name("guard.py")
# A JVM here lives for minutes: the optimizing compiler and parallel collectors would cost more than they gain, and
# even the quick compiler does not pay for a method that is called only a few hundred times.
# It loads trusted code only, so the engines' own jars are not verified class by class. Its classes take more than the
# 20 MB at which it would begin to collect garbage whenever they grow, so the limit is set higher from the beginning.
# It publishes no performance data: when it is killed, it would leave the file behind.
SHORT_LIVED_JVM: Final = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:CompileThresholdScaling=3",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-BytecodeVerificationRemote",
    "-XX:MetaspaceSize=256m",
    "-XX:-UsePerfData",
)
# The heap stays close to what is in use, so that its limit can leave room for a year of all shoppers.
CLOSE_HEAP: Final = ("-XX:MinHeapFreeRatio=20", "-XX:MaxHeapFreeRatio=40")


def short_lived_jvm(temporary: Path) -> tuple[str, ...]:
    """Return the options of a JVM that lives for minutes and leaves nothing in the machine's temporary folder.

    Args:
        temporary: folder for the files that it unpacks; made when missing.
    """
    temporary.mkdir(parents=True, exist_ok=True)
    return (*SHORT_LIVED_JVM, f"-Djava.io.tmpdir={temporary.resolve()}")


class ProcessFailedError(RuntimeError):
    """A child ended or did not become ready; the message quotes the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A running command under a guard.

    Attributes:
        name: what the command is, for messages.
        log_path: file that receives its standard output and error.
    """

    name: str
    log_path: Path
    guard: "subprocess.Popen[bytes]"
    lifeline: int
    pid_file: Path

    @property
    def pid(self) -> int:
        """Process id of the command itself, not of its guard."""
        return int(self.pid_file.read_text(encoding="ascii"))

    def poll(self) -> int | None:
        """Return the exit status, or None while the command runs."""
        return self.guard.poll()

    def terminate(self, timeout: float = 20.0) -> None:
        """End the command and everything it started; returns when it has ended."""
        if self.guard.poll() is None:
            self.guard.send_signal(signal.SIGTERM)
            try:
                self.guard.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.guard.kill()
                self.guard.wait()
        self._let_go()

    def kill(self) -> None:
        """Kill the command and everything it started; for a command that has nothing to clean up."""
        if self.guard.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.guard.wait()
        self._let_go()

    def _let_go(self) -> None:
        try:
            os.close(self.lifeline)
        except OSError as error:
            if error.errno != 9:  # noqa: PLR2004  # EBADF: ended twice
                raise

    def tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def spawn(
    name: str,
    argv: Sequence[str],
    *,
    log_path: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Child:
    """Start a command that ends when this process ends, even when this process is killed.

    Args:
        name: what the command is, for messages.
        argv: program and arguments.
        log_path: file for standard output and error, appended to; its folder is made.
        env: the complete environment; the current one when omitted.
        cwd: working folder.

    Raises:
        ProcessFailedError: the program could not be started.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    pid_file = log_path.with_suffix(".pid")
    pid_file.unlink(missing_ok=True)
    reader, writer = os.pipe()
    try:
        with log_path.open("ab") as log:
            guard = subprocess.Popen(
                [sys.executable, "-I", str(GUARD), str(reader), str(pid_file), "--", *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                pass_fds=(reader,),
                start_new_session=True,
            )
    finally:
        os.close(reader)
    child = Child(name=name, log_path=log_path, guard=guard, lifeline=writer, pid_file=pid_file)
    wait_until(lambda: pid_file.exists() and bool(pid_file.read_text(encoding="ascii")), child=child, seconds=20)
    return child


def wait_until(ready: Callable[[], bool], *, child: Child, seconds: float, pause: float = 0.05) -> None:
    """Wait until `ready` answers true.

    Raises:
        ProcessFailedError: the child ended first, or the time is over.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if child.poll() is not None:
            raise ProcessFailedError(f"{child.name} ended with status {child.poll()}:\n{child.tail()}")
        if time.monotonic() > deadline:
            raise ProcessFailedError(f"{child.name} was not ready after {seconds:.0f} s:\n{child.tail()}")
        time.sleep(pause)


def free_port() -> int:
    """Return a loopback port that was free a moment ago, from a range that the system does not assign itself."""
    for port in random.sample(PORTS, k=len(PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port
    raise RuntimeError(f"no port from {PORTS[0]} to {PORTS[-1]} is free on {LOOPBACK}")


def port_is_open(port: int) -> bool:
    """Say whether something listens on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0
