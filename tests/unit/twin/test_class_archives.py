"""A JVM starts from the classes that another has recorded; without them it starts as ever."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from twin import class_archives
from twin.class_archives import ArchiveError, Classes
from twin.processes.process import SHORT_LIVED_JVM, Child, spawn, wait_until

PROGRAM = """
public class Waiting {
    static class Loaded {}
    public static void main(String[] arguments) throws Exception {
        System.out.println("ready " + new Loaded());
        Thread.sleep(Long.parseLong(arguments[0]));
    }
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(class_archives, "FOLDER", tmp_path / "classes")
    monkeypatch.delenv(class_archives.RECORD, raising=False)
    return tmp_path / "classes"


@pytest.fixture(scope="module")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile a small program into the only jar of a folder."""
    home = tmp_path_factory.mktemp("program")
    (home / "Waiting.java").write_text(PROGRAM)
    (home / "jars").mkdir()
    for command in (["javac", "-d", "out", "Waiting.java"], ["jar", "cf", "jars/waiting.jar", "-C", "out", "."]):
        subprocess.run(command, cwd=home, check=True)
    return home / "jars"


@pytest.fixture
def classes(jars: Path) -> Classes:
    java = shutil.which("java")
    assert java is not None
    return Classes.of("waiting", java, jars)


def command(classes: Classes, *options: str, seconds: int) -> list[str]:
    words = [*SHORT_LIVED_JVM, *options, *classes.options(SHORT_LIVED_JVM)]
    return [str(classes.java), *words, "-cp", str(classes.jars[0]), "Waiting", str(seconds * 1000)]


@pytest.fixture
def running(classes: Classes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    """Run the program as an engine that records what it loads."""
    monkeypatch.setenv(class_archives.RECORD, "1")
    child = spawn("waiting", command(classes, seconds=120), log_path=tmp_path / "waiting.log")
    wait_until(lambda: "ready" in child.tail(), child=child, seconds=60)
    yield child
    child.kill()


def commands(*pids: int) -> dict[int, list[str]]:
    return {pid: psutil.Process(pid).cmdline() for pid in pids}


def test_nothing_is_recorded_unasked(classes: Classes) -> None:
    assert classes.options(SHORT_LIVED_JVM) == []


def test_what_one_records_the_next_one_loads(classes: Classes, running: Child, folder: Path) -> None:
    done: list[None] = []
    archives = class_archives.wanted(commands(running.guard.pid, running.pid))

    class_archives.record(archives, lambda: done.append(None))
    log = subprocess.run(
        command(classes, "-Xlog:class+load", seconds=0), capture_output=True, text=True, check=True
    ).stdout

    assert archives == {next(folder.glob("*.jsa")): running.pid}
    assert len(done) == 1
    [line] = [line for line in log.splitlines() if "Waiting$Loaded source:" in line]
    assert "shared objects file (top)" in line


def test_the_words_behind_another_program_make_it_no_jvm(running: Child) -> None:
    assert class_archives.wanted(commands(running.guard.pid)) == {}


def test_a_changed_library_makes_an_archive_useless(classes: Classes, running: Child, folder: Path) -> None:
    class_archives.record(class_archives.wanted(commands(running.pid)), lambda: None)
    before = classes.options(SHORT_LIVED_JVM)

    classes.jars[0].touch()

    assert before
    assert classes.options(SHORT_LIVED_JVM)[-1].startswith(class_archives.MARK)
    assert len(list(folder.iterdir())) == 1


def test_an_archive_replaces_those_of_before(classes: Classes, running: Child, folder: Path) -> None:
    folder.mkdir()
    for name in ("waiting-0.jsa", "waiting-0.base", "other-0.jsa"):
        (folder / name).touch()

    class_archives.record(class_archives.wanted(commands(running.pid)), lambda: None)

    [mine] = folder.glob("waiting-*")
    assert sorted(folder.iterdir()) == sorted([folder / "other-0.jsa", mine])
    assert mine.stat().st_size > 0


def test_a_java_without_an_archive_of_its_own_gets_one(classes: Classes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(class_archives.RECORD, "1")
    monkeypatch.setattr(class_archives, "OWN_CLASSES", "lib/no-such-file")

    base, record, mark = classes.options(SHORT_LIVED_JVM)

    path = Path(base.removeprefix("-XX:SharedArchiveFile="))
    assert path.stat().st_size > 0
    assert record == "-XX:+RecordDynamicDumpInfo"
    assert Path(mark.removeprefix(class_archives.MARK)) == path.with_suffix(".jsa")


def test_what_has_ended_writes_no_archive_and_is_named(folder: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    with pytest.raises(ArchiveError, match=f"{ended.pid} VM.cds"):
        class_archives.record({folder / "some-0.jsa": ended.pid}, lambda: None)

    assert list(folder.iterdir()) == []
