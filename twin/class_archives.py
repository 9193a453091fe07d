"""Archives of the engines' classes: what one JVM has read and checked, the next one maps into its memory.

Each engine loads some twenty thousand classes, which is a tenth of what a demonstration costs. The first demonstration
on a machine records them, because only a JVM that runs knows what it loads; whatever starts an engine later, finds
them. Without an archive an engine does the same, more slowly. See "Dynamic Archive" in Java's manual of the `java`
command.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from twin.settings import BUILD

FOLDER: Final = BUILD / "java" / "classes"
# In the environment of who starts engines: their JVMs are to remember what they load, which costs them some time.
RECORD: Final = "C360_RECORD_CLASSES"
MARK: Final = "-Dc360.classes="
# The archive of Java's own classes, below a Java's home; some come without it.
OWN_CLASSES: Final = "lib/server/classes.jsa"
DUMP_SECONDS: Final = 120
DUMPS_AT_ONCE: Final = 2


class ArchiveError(RuntimeError):
    """A JVM did not write its archive; the message quotes why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The classes of one engine, on one Java.

    Attributes:
        engine: names the files of the archive.
        java: the `java` program.
        jars: what is on the class path.
    """

    engine: str
    java: Path
    jars: tuple[Path, ...]

    @classmethod
    def of(cls, engine: str, java: str | Path, *folders: Path) -> "Classes":
        """Name the classes of an engine whose class path is all jars of some folders."""
        jars = (jar for folder in folders for jar in sorted(folder.glob("*.jar")))
        return cls(engine=engine, java=Path(java).resolve(), jars=tuple(jars))

    def options(self, others: Sequence[str]) -> list[str]:
        """Return what lets a JVM use the archive, or record it where that is wanted.

        Args:
            others: the JVM's other options; an archive fits those alone that it was made with.
        """
        archive = FOLDER / f"{self.engine}-{self._digest(others)}.jsa"
        base = self._base(archive)
        if archive.exists():
            return [f"-XX:SharedArchiveFile={os.pathsep.join(map(str, (*base, archive)))}", "-Xshare:auto"]
        if not os.environ.get(RECORD):
            return []
        for path in base:
            self._dump_own_classes(path, others)
        return [*(f"-XX:SharedArchiveFile={path}" for path in base), "-XX:+RecordDynamicDumpInfo", f"{MARK}{archive}"]

    def _base(self, archive: Path) -> tuple[Path, ...]:
        """Return the archive of Java's own classes, where this Java came without one."""
        home = self.java.parents[1]
        return () if (home / OWN_CLASSES).exists() else (archive.with_suffix(".base"),)

    def _dump_own_classes(self, path: Path, others: Sequence[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _run(str(self.java), *others, "-Xshare:dump", f"-XX:SharedArchiveFile={path}")

    def _digest(self, others: Sequence[str]) -> str:
        """Return what changes with all that an archive depends on."""
        parts = [str(self.java), (self.java.parents[1] / "release").read_text(encoding="utf-8"), *others]
        for jar in self.jars:
            state = jar.stat()
            parts.append(f"{jar} {state.st_size} {state.st_mtime_ns}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def wanted(commands: Mapping[int, Sequence[str]]) -> dict[Path, int]:
    """Return the archives that running JVMs were started to record, each with the id of such a process.

    Args:
        commands: program and arguments of processes by their ids. Of several for one archive the last one is taken.
    """
    found: dict[Path, int] = {}
    for pid, command in commands.items():
        # What starts a JVM has the same words behind its own name.
        marks = [word.removeprefix(MARK) for word in command if word.startswith(MARK)]
        if marks and Path(command[0]).name == "java":
            found[Path(marks[0])] = pid
    return found


def record(archives: dict[Path, int], done: Callable[[], None]) -> None:
    """Let running JVMs write what they have loaded.

    Args:
        archives: as `wanted` found them.
        done: called when one is written.

    Raises:
        ArchiveError: one was not written; there is no part of it then.
    """
    jcmd = shutil.which("jcmd")
    if jcmd is None:
        raise ArchiveError("no `jcmd` is on the PATH: it comes with every JDK, see `make help`")

    def write(archive: Path, pid: int) -> None:
        _record(jcmd, archive, pid)
        done()

    with ThreadPoolExecutor(DUMPS_AT_ONCE) as pool:
        list(pool.map(write, archives.keys(), archives.values()))


def _record(jcmd: str, archive: Path, pid: int) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    part = archive.with_suffix(".part")
    part.unlink(missing_ok=True)
    said = _run(jcmd, str(pid), "VM.cds", "dynamic_dump", str(part))
    forget_attachment(pid)
    if not part.exists():
        raise ArchiveError(f"process {pid} did not write {archive.name}: {said}")
    _forget_others(archive)
    part.rename(archive)


def forget_attachment(pid: int) -> None:
    """Remove the file through which a JVM was spoken to: it does so itself at its end, but not when it is killed."""
    (Path(tempfile.gettempdir()) / f".java_pid{pid}").unlink(missing_ok=True)


def _forget_others(archive: Path) -> None:
    """Remove the archives of the same engine that fit no longer."""
    engine = archive.stem.rpartition("-")[0]
    for old in FOLDER.glob(f"{engine}-*"):
        if old.stem != archive.stem:
            old.unlink()


def _run(*command: str) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DUMP_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ArchiveError(f"`{' '.join(command)}`: {error}") from error
    if done.returncode != 0:
        raise ArchiveError(f"`{' '.join(command)}` ended with status {done.returncode}: {done.stdout[-1500:]}")
    return done.stdout
