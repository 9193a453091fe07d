"""A machine that lacks something is told what, by name and version, and the one line that installs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import bootstrap
from tools.bootstrap import Requirement

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with Python on it and nothing else."""
    (tmp_path / "python3").symlink_to(sys.executable)
    return str(tmp_path)


def test_a_machine_without_jdk_is_told_how_to_get_one(bare_path: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "c360"), "--help"],
        env={"PATH": bare_path, "HOME": os.environ.get("HOME", ""), "C360_NO_INSTALL": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == bootstrap.EXIT_MISSING
    assert "JDK 17 (javac): sudo apt-get install -y openjdk-17-jdk-headless" in done.stderr
    assert "Maven: sudo apt-get install -y maven" in done.stderr


def test_only_what_is_missing_is_named() -> None:
    there = Requirement("Something 1", lambda: True, "something", "get it")
    lacking = Requirement("Other 2", lambda: False, "other", "fetch it")

    assert bootstrap.missing([there, lacking]) == [lacking]
    assert bootstrap.explain([lacking]).splitlines() == [
        "This machine lacks:",
        "  - Other 2: sudo apt-get install -y other   (elsewhere: fetch it)",
    ]


def test_nothing_is_installed_where_that_is_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("C360_NO_INSTALL", "1")

    assert bootstrap.may_install() is None


@pytest.mark.parametrize(("version", "usable"), [((3, 10), False), ((3, 11), True), ((3, 13), True), ((3, 14), False)])
def test_the_supported_pythons_are_known(
    version: tuple[int, int], usable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))

    assert bootstrap.python_is_usable() is usable


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
