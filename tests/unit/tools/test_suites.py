"""`c360 test` knows its suites, and every one of them has a folder with tests."""

import sys
from pathlib import Path

import pytest

from tools import suites
from tools.bootstrap import ROOT
from tools.console import Steps


def test_an_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown suite 'untested'; choose from check, contract, engines"):
        suites.run(Steps(machine=True), only=("untested",))


def test_every_suite_has_tests() -> None:
    for part in suites.tests():
        folder = ROOT / next(word for word in part.command if word.startswith("tests/"))
        assert list(folder.rglob("test_*.py")), f"{part.name}: {folder} holds no tests"


def test_unit_tests_run_without_sockets() -> None:
    unit = next(part for part in suites.tests() if part.name == "unit")

    assert "--disable-socket" in unit.command


@pytest.mark.parametrize(("lanes", "status"), [(1, 1), (2, 0)])
def test_long_suites_run_side_by_side_and_do_not_mix_what_they_say(
    lanes: int, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each of two parts waits for the other's file: the first sees it only when they run at once."""
    see = (
        "import pathlib, sys, time\n"
        "mine, other = map(pathlib.Path, sys.argv[1:])\n"
        "mine.touch()\n"
        "print('first', mine.name, flush=True)\n"
        f"deadline = time.monotonic() + {0.2 if lanes == 1 else 20}\n"
        "while not other.exists() and time.monotonic() < deadline: time.sleep(0.01)\n"
        "print('last', mine.name)\n"
        "sys.exit(0 if other.exists() else 3)\n"
    )
    a, b = tmp_path / "a", tmp_path / "b"
    parts = [
        suites.Part(
            suite="twin", name=mine.name, command=(sys.executable, "-c", see, str(mine), str(other)), variables={}
        )
        for mine, other in ((a, b), (b, a))
    ]
    monkeypatch.setattr(suites, "BUILD", tmp_path)
    monkeypatch.setattr(suites, "long_tests", lambda: parts)
    monkeypatch.setattr(suites.prepare, "machine", lambda *_, **__: None)
    monkeypatch.setattr(suites.prepare, "contracts", lambda: None)
    monkeypatch.setattr(suites.prepare, "assets", lambda _: None)
    monkeypatch.setattr(suites.prepare, "assembly", lambda *_: None)

    ended = suites.run(Steps(machine=True), only=("twin",), lanes=lanes)

    said = [line for line in capfd.readouterr().out.splitlines() if line.startswith(("first", "last"))]
    assert ended == status
    assert [line.split()[1] for line in said] in (["a", "a", "b", "b"], ["b", "b", "a", "a"])
