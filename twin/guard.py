"""Run one command that cannot outlive the process that asked for it.

`python guard.py FD PIDFILE -- command...`: FD is the reading end of a pipe whose only writer is the owner. When the
owner ends, in whatever way, the kernel closes the pipe; the guard then ends the command's whole process group. The
guard imports nothing but the standard library, because it also runs before any environment exists.
"""

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


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ask the command's process group to end; force it when it has not within the grace time."""
    for sig, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        try:
            os.killpg(process.pid, sig)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if process.poll() is not None and not _group_lives(process.pid):
                return
            time.sleep(POLL_SECONDS)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Start the command, watch the owner, and return the command's exit status."""
    descriptor, pid_file, _, *command = arguments
    process = subprocess.Popen(command, start_new_session=True)
    Path(pid_file).write_text(str(process.pid), encoding="ascii")

    def watch_owner() -> None:
        while os.read(int(descriptor), 1):
            pass
        end_group(process)

    signal.signal(signal.SIGTERM, lambda *_: end_group(process))
    threading.Thread(target=watch_owner, daemon=True).start()
    status = process.wait()
    end_group(process)  # whatever the command left behind in its group
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
