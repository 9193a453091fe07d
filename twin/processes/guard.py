"""Run one command that cannot outlive the process that asked for it.

`python guard.py FD PIDFILE -- command...`: FD is the reading end of a pipe whose only writer is the owner. When the
owner ends, in whatever way, the kernel closes the pipe; the guard then ends the command's whole process group. The
guard imports nothing but the standard library, because it also runs before any environment exists.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

GRACE_SECONDS: Final = 8.0
POLL_SECONDS: Final = 0.1
PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends, where the system supports it (Linux).

    A dead process stays in its group until its parent has waited for it. The system's first process, which adopts
    orphans otherwise, may take a second to do so, in which the group still seems to exist.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_the_guard() -> None:
    """Let the system end this process when its parent ends, where it supports that (Linux)."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def end_group(group: int, *, look: bool = False) -> None:
    """Ask a process group to end; force it when it has not within the grace time.

    Args:
        group: its id.
        look: wait for our own children that have died; not while another thread waits for one of them.
    """
    for sig in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, sig)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline:
            if look:
                _look_at_dead(group)
            if not _group_lives(group):
                return
            time.sleep(POLL_SECONDS)


def _look_at_dead(group: int) -> None:
    try:
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Start the command, watch the owner, and return the command's exit status."""
    descriptor, pid_file, _, *command = arguments
    adopt_orphans()
    # The command must not survive when the guard itself is killed. There is no thread yet, so a fork hook is safe.
    process = subprocess.Popen(command, start_new_session=True, preexec_fn=end_with_the_guard)  # noqa: PLW1509
    Path(pid_file).write_text(str(process.pid), encoding="ascii")

    # In threads, because this one waits for the command, and only a command that was waited for leaves its group.
    def end() -> None:
        end_group(process.pid)

    def watch_owner() -> None:
        while os.read(int(descriptor), 1):
            pass
        end()

    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=end, daemon=True).start())
    threading.Thread(target=watch_owner, daemon=True).start()
    status = process.wait()
    end_group(process.pid, look=True)  # whatever the command left behind in its group
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
