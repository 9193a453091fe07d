"""A machine that lacks something is told what, by name and version, and the one line that installs it."""

import io
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tools.environments import bootstrap
from tools.environments.bootstrap import Requirement
from tools.errors import EXIT_UNFIT, UnfitMachineError

ROOT = Path(__file__).resolve().parents[4]
THING = Requirement("Thing 2", lambda: False, "thing", "fetch it")


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with Python on it and nothing else."""
    (tmp_path / "python3").symlink_to(sys.executable)
    return str(tmp_path)


def program(path: Path, *lines: str) -> Path:
    """Write a program of the shell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o755)
    return path


def jdk(home: Path, version: str) -> Path:
    """Lay out a JDK whose compiler knows its home and its version."""
    program(home / "bin" / "javac", f"echo '    java.home = {home}' >&2", f"echo 'javac {version}'")
    return home


@pytest.fixture
def no_jdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any JDK."""
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(bootstrap, "JDK_FOLDERS", (str(tmp_path / "jvm" / "*17*"),))


def test_without_a_jdk_the_error_says_how_to_install_one(bare_path: str) -> None:
    nowhere = (
        "import sys; from tools.environments import bootstrap; bootstrap.JDK_FOLDERS = (); bootstrap.main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", nowhere, "test", "--json"],
        env={"PATH": bare_path, "HOME": os.environ.get("HOME", ""), "C360_NO_INSTALL": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == EXIT_UNFIT
    assert "JDK 17 (javac): sudo apt-get install -y openjdk-17-jdk-headless" in done.stderr
    assert "Maven: sudo apt-get install -y maven" in done.stderr
    assert json.loads(done.stdout)["error"] == "UnfitMachineError"


def test_only_what_is_missing_is_named() -> None:
    there = Requirement("Something 1", lambda: True, "something", "get it")

    assert bootstrap.missing([there, THING]) == [THING]
    assert bootstrap.explain([THING]).splitlines() == [
        "This machine lacks:",
        "  - Thing 2: sudo apt-get install -y thing   (elsewhere: fetch it)",
    ]


@pytest.mark.usefixtures("no_jdk")
@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.24", "21.0.4", "25"])
def test_a_jdk_of_another_version_is_refused_by_name_and_version(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(jdk(tmp_path / "other", version)))
    wanted = next(requirement for requirement in bootstrap.REQUIREMENTS if requirement.name.startswith("JDK"))

    assert not wanted.found()
    said = bootstrap.explain([wanted])
    assert f"not JDK {version} in {tmp_path / 'other'}: the engines were tried with 17 alone" in said
    assert "sudo apt-get install -y openjdk-17-jdk-headless" in said


@pytest.mark.usefixtures("no_jdk")
@pytest.mark.parametrize("place", ["JAVA_HOME", "PATH", "folder"])
def test_the_matching_one_of_several_jdks_is_used_everywhere(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = jdk(tmp_path / "newer", "25.0.1")
    fits = jdk(tmp_path / "jvm" / "java-17" if place == "folder" else tmp_path / "fits", "17.0.15")
    monkeypatch.setenv("JAVA_HOME", str(fits if place == "JAVA_HOME" else newer))
    monkeypatch.setenv("PATH", f"{fits if place == 'PATH' else newer}/bin")

    assert bootstrap.adopt_jdk()
    assert os.environ["JAVA_HOME"] == str(fits)
    assert os.environ["PATH"].split(os.pathsep)[0] == f"{fits}/bin"


def test_nothing_is_installed_where_that_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_NO_INSTALL", "1")

    assert bootstrap.may_install() is None


def test_an_installation_that_fails_says_why_and_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "apt-get", "echo reading >&1", "echo 'E: Unable to locate package thing' >&2", "exit 100")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("C360_NO_INSTALL", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap, "missing", lambda: [THING])

    with pytest.raises(SystemExit) as ended:
        bootstrap.main(["test", "--json"])

    said = capsys.readouterr()
    assert ended.value.code == EXIT_UNFIT
    assert "install -y -qq thing` failed with status 100: reading\nE: Unable to locate package thing" in said.err
    assert "Thing 2: sudo apt-get install -y thing" in said.err
    assert json.loads(said.out)["message"] in said.err


def test_package_lists_that_cannot_be_refreshed_do_not_stop_an_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "apt-get", 'test "$1" = install && touch "$DONE"')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DONE", str(tmp_path / "done"))
    monkeypatch.delenv("C360_NO_INSTALL", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap, "missing", lambda: [] if (tmp_path / "done").exists() else [THING])

    bootstrap.ensure_machine()

    assert (tmp_path / "done").exists()


def test_an_environment_that_cannot_be_made_says_which_command_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(sys, "executable", str(program(tmp_path / "python", "echo 'No space left'", "exit 1")))

    with pytest.raises(UnfitMachineError, match=r"-m venv .* failed with status 1: No space left"):
        bootstrap.ensure_uv()


def test_a_long_step_prints_lines_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "LINE_SECONDS", 0.02)

    with bootstrap.moving("installing it"):
        time.sleep(0.1)

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "c360: installing it"
    assert lines[1] == "c360: installing it: 0 s so far"
    assert lines[-1] == "c360: installing it: 0 s"


def test_a_long_step_is_animated_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(bootstrap, "MOVE_SECONDS", 0.01)

    with bootstrap.moving("installing it"):
        time.sleep(0.1)

    assert "\r| installing it 0 s\r/ installing it 0 s" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\033[Kc360: installing it: 0 s\n")


@pytest.mark.parametrize(("version", "usable"), [((3, 10), False), ((3, 11), True), ((3, 12), True), ((3, 13), False)])
def test_the_supported_pythons_are_known(
    version: tuple[int, int], usable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))

    assert bootstrap.python_is_usable() is usable


def test_a_python_that_some_pin_has_no_wheel_for_is_refused_before_anything_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 13, 0, "final", 0))
    monkeypatch.setattr(bootstrap, "ENVIRONMENTS", tmp_path / "venvs")
    monkeypatch.setattr(bootstrap, "call", lambda *_: pytest.fail("something was installed"))

    with pytest.raises(SystemExit) as ended:
        bootstrap.main(["demo"])

    said = capsys.readouterr().err
    assert ended.value.code == EXIT_UNFIT
    assert "Python 3.11 or 3.12: sudo apt-get install -y python3.11" in said
    assert f"not Python 3.13.0 in {sys.executable}: not every pinned package has a wheel for it" in said
    assert "type `python3.11 c360` for `./c360`" in said
    assert not (tmp_path / "venvs").exists()


def test_the_pythons_are_named_alike_everywhere() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    allowed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    (wanted,) = [requirement for requirement in bootstrap.REQUIREMENTS if requirement.name.startswith("Python 3")]

    assert f"| {wanted.name}, with `venv` | `{wanted.package}`, `python3-venv` |" in readme
    assert wanted.name == f"Python {' or '.join(bootstrap.PYTHON_NAMES)}"
    oldest, newest = re.findall(r"3\.(\d+)", allowed)
    assert all(int(oldest) <= minor < int(newest) for _, minor in bootstrap.PYTHONS)


def test_an_environment_is_current_until_its_requirements_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "twin.txt"
    requirements.write_text("a==1")
    (tmp_path / "venvs" / "twin").mkdir(parents=True)
    monkeypatch.setattr(bootstrap, "ENVIRONMENTS", tmp_path / "venvs")
    monkeypatch.setattr(bootstrap, "requirements_of", lambda _: requirements)

    assert not bootstrap.stamp_is_current("twin")
    bootstrap.write_stamp("twin")
    assert bootstrap.stamp_is_current("twin")
    requirements.write_text("a==2")
    assert not bootstrap.stamp_is_current("twin")
