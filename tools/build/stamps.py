"""What was built from what: a digest beside the output, so that unchanged work is skipped."""

import hashlib
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

LOGGER: Final = logging.getLogger("tools.build")


def digest(root: Path, inputs: Iterable[Path]) -> str:
    """Return a digest of files, and of all files in folders: of their names and what is in them.

    Args:
        root: the repository; a file in it is named by its path there, another one by its folder and its name.
        inputs: files and folders.
    """
    found = hashlib.sha256()
    for path in inputs:
        for file in [path] if path.is_file() else sorted(inner for inner in path.rglob("*") if inner.is_file()):
            if "__pycache__" not in file.parts:
                name = file.relative_to(root) if file.is_relative_to(root) else Path(file.parent.name, file.name)
                found.update(f"{name.as_posix()}\0".encode())
                found.update(file.read_bytes())
    return found.hexdigest()


def when_changed(stamp: Path, made_from: str, build: Callable[[], object], output: Path) -> None:
    """Build, unless the output is there and its stamp says that it was made from the same.

    Args:
        stamp: file that says what the output was made from.
        made_from: digest of everything that the output depends on.
        build: makes the output.
        output: file or folder.
    """
    if output.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == made_from:
        LOGGER.debug("%s is up to date", stamp.stem)
        return
    LOGGER.info("building %s", stamp.stem)
    stamp.unlink(missing_ok=True)  # a half-built output must not be taken for a complete one
    build()
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.write_text(made_from, encoding="utf-8")
