"""Run an emulator until a signal stops it: the process behind `deploy-local`.

`python -m twin.emulator.daemon HOME [PORT]`. It writes `daemon.pid` into the home folder when the emulator answers.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from twin.emulator.emulator import running


def main(arguments: list[str]) -> None:
    """Run the emulator until SIGTERM or until it ends by itself."""
    home, port = Path(arguments[0]), int(arguments[1]) if len(arguments) > 1 else None
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with running(home, port=port) as emulator:
        draft = home / "daemon.pid.new"
        draft.write_text(str(os.getpid()), encoding="ascii")
        draft.replace(home / "daemon.pid")  # atomically: the process that waits for it must not read half of it
        while not stop.wait(1.0):
            if emulator.process is None or emulator.process.poll() is not None:
                break


if __name__ == "__main__":
    main(sys.argv[1:])
