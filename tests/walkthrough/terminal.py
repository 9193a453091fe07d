"""A person's terminal: one bash session, in which one line is typed after the other and every question gets a yes."""

import os
import re
import selectors
import shlex
import signal
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

LINE_SECONDS: Final = 300.0
END_SECONDS: Final = 10.0
CHUNK: Final = 65_536
END_BYTES: Final = 200
QUOTED_LINES: Final = 40
# Wide, so that no program breaks the lines that a test looks for.
ROWS, COLUMNS = 50, 240
STRICT: Final = "set -euo pipefail"
DONE: Final = "--- typed "
QUESTION: Final = re.compile(r"\(y/n\)\s*$")
CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class LineFailedError(AssertionError):
    """A line that was typed failed, or did not end; the message names it and quotes what was said."""


class Terminal:
    """A bash session on a terminal of its own.

    The lines come to bash by a pipe, so that programs have the terminal for themselves: they ask there, and are
    answered. Bash ends at the first command that fails.

    Args:
        folder: where it is.
        variables: the complete environment.
        log: file that receives all that is said.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._heard = bytearray()
        script, self._script = os.pipe()
        self._screen, screen = os.openpty()
        termios.tcsetwinsize(screen, (ROWS, COLUMNS))
        try:
            self._bash = subprocess.Popen(
                ["bash", "--noprofile", "--norc", f"/dev/fd/{script}"],
                cwd=folder,
                env={**variables, "TERM": "dumb"},
                stdin=screen,
                stdout=screen,
                stderr=screen,
                pass_fds=(script,),
                start_new_session=True,
            )
        finally:
            os.close(script)
            os.close(screen)
        self._write(STRICT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def type(self, text: str, name: str = "") -> str:
        """Type a line, wait for its end, and return what was said.

        Args:
            text: the line.
            name: what the line is called in the message when it fails; itself when omitted.

        Raises:
            LineFailedError: it failed, or takes too long.
        """
        self._heard.clear()
        self._note(f"\n$ {name or text}\n")
        self._write(f"{text}\nprintf '\\n{DONE}%s\\n' over")
        began = time.monotonic()
        while not self._end.endswith(f"\n{DONE}over\n"):
            if not self._listen(began + LINE_SECONDS):
                ended = self._bash.poll()
                how = f"takes more than {LINE_SECONDS:.0f} s" if ended is None else f"failed with status {ended}"
                self._note(self._said)
                end = "\n".join(self._said.strip().splitlines()[-QUOTED_LINES:])
                raise LineFailedError(f"{name or text}\n{how}; log: {self._log}\n{end}")
        said = self._said.removesuffix(f"\n{DONE}over\n")
        self._note(f"{said}({time.monotonic() - began:.1f} s)\n")
        return said

    def give(self, **variables: str) -> None:
        """Set variables that a document leaves to the person."""
        for name, value in variables.items():
            self.type(f"{name}={shlex.quote(value)}")

    def close(self) -> None:
        """End bash, and whatever it still runs."""
        os.close(self._script)
        try:
            self._bash.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._bash.pid, signal.SIGKILL)
            self._bash.wait()
        os.close(self._screen)

    def _write(self, text: str) -> None:
        os.write(self._script, f"{text}\n".encode())

    def _listen(self, deadline: float) -> bool:
        """Take in what is said next and answer a question; say whether there is more to come in time."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._screen, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return False
        try:
            heard = os.read(self._screen, CHUNK)
        except OSError:  # nobody has the other end any more
            self._bash.wait(END_SECONDS)
            return False
        self._heard += heard
        if QUESTION.search(self._end):
            os.write(self._screen, b"y\n")
            self._heard += b"\n"
        return True

    @property
    def _said(self) -> str:
        """What was said since the last line was typed, without what moves the cursor or colours the text."""
        return _plain(self._heard)

    @property
    def _end(self) -> str:
        """The end of it: some programs say very much, and this is looked at whenever they say something."""
        return _plain(self._heard[-END_BYTES:])

    def _note(self, text: str) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            log.write(text)


def _plain(heard: bytes | bytearray) -> str:
    return CONTROL.sub("", heard.decode(errors="replace"))
