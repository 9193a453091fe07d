"""`c360 test` knows its suites, and every one of them has a folder with tests."""

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
