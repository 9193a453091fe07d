"""`c360 test` knows its suites, says what goes on, and ends with one summary or one document."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tools.cli import APP
from tools.console import Steps
from tools.environments.bootstrap import ROOT
from tools.errors import WrongUsageError
from tools.suites import runner
from tools.suites.changes import Change

# Two of them see each other's file only when they run at once.
SEE = """\
import pathlib, sys, time
mine, other, seconds = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3])
mine.touch()
print('first', mine.name, flush=True)
deadline = time.monotonic() + seconds
while not other.exists() and time.monotonic() < deadline: time.sleep(0.01)
print('last', mine.name)
sys.exit(0 if other.exists() else 3)
"""


def part(suite: str, name: str, code: str, *arguments: str) -> runner.Part:
    return runner.Part(suite=suite, name=name, command=(sys.executable, "-c", code, *arguments), variables={})


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is built; logs go aside; the only suites are those of a test."""
    for name in ("checks", "quick_tests", "long_tests", "deploying_tests", "slow_tests"):
        monkeypatch.setattr(runner, name, list)
    monkeypatch.setattr(runner, "BUILD", tmp_path)
    for name in ("machine", "contracts", "assets", "assembly"):
        monkeypatch.setattr(runner.prepare, name, lambda *_, **__: None)
    monkeypatch.setattr(runner.groups, "sync_all", lambda *_: None)
    monkeypatch.setattr(runner.locks, "problems", list)
    monkeypatch.setattr(runner.flink, "has_kinesis", lambda: False)


def two_parts(folder: Path, *, seconds: float, suite: str = "twin") -> list[runner.Part]:
    a, b = folder / "a", folder / "b"
    return [part(suite, mine.name, SEE, str(mine), str(other), str(seconds)) for mine, other in ((a, b), (b, a))]


def test_an_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        WrongUsageError,
        match="unknown suite 'untested'; choose from check, contract, databases, deployments, documents, engines, fig",
    ):
        runner.run(Steps(machine=True), only=("untested",))


@pytest.mark.usefixtures("stage")
def test_suites_that_take_long_run_only_if_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("checks", "quick_tests", "long_tests", "deploying_tests", "slow_tests"):
        monkeypatch.setattr(runner, name, lambda name=name: [part(name, name, "")])

    everything = runner.run(Steps(machine=True))
    named = runner.run(Steps(machine=True), only=("deploying_tests", "slow_tests"))

    assert [outcome.suite for outcome in everything.outcomes] == ["checks", "quick_tests", "long_tests"]
    assert [outcome.suite for outcome in named.outcomes] == ["slow_tests", "deploying_tests"]


def test_every_suite_has_tests() -> None:
    for one in runner.tests():
        folder = ROOT / next(word for word in one.command if word.startswith("tests/"))
        assert list(folder.rglob("test_*.py")), f"{one.name}: {folder} holds no tests"


def test_unit_tests_run_without_sockets() -> None:
    unit = next(part for part in runner.tests() if part.name == "unit")

    assert "--disable-socket" in unit.command


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(("lanes", "passed"), [(1, False), (2, True)])
def test_long_suites_run_side_by_side_and_do_not_mix_what_they_say(
    lanes: int, passed: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "long_tests", lambda: two_parts(tmp_path, seconds=0.2 if lanes == 1 else 20))

    report = runner.run(Steps(), only=("twin",), lanes=lanes)

    said = [line for line in capfd.readouterr().out.splitlines() if line.startswith(("first", "last"))]
    assert report.passed is passed
    assert [line.split()[1] for line in said] in (["a", "a", "b", "b"], ["b", "b", "a", "a"])


@pytest.mark.usefixtures("stage")
def test_a_long_suite_is_named_when_it_starts_and_when_it_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "long_tests", lambda: two_parts(tmp_path, seconds=20))

    runner.run(Steps(), only=("twin",), lanes=2)

    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("twin: ") and "─" not in line]
    assert sorted(said[:2]) == ["twin: a starts", "twin: b starts"]
    assert [" ".join(line.split()[2:3] + line.split()[-3:]) for line in said[2:]] == [
        "passed, (1 of 2)",
        "passed, (2 of 2)",
    ]


@pytest.mark.usefixtures("stage")
def test_a_program_gets_one_document_and_test_output_goes_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "deploying_tests", lambda: two_parts(tmp_path, seconds=20, suite="deployments"))

    APP(["test", "--only", "deployments", "--json"], standalone_mode=False)

    said = capfd.readouterr()
    document = json.loads(said.out)
    assert document["passed"] is True
    assert [(o["suite"], o["part"], o["passed"]) for o in document["outcomes"]] == [
        ("deployments", "a", True),
        ("deployments", "b", True),
    ]
    assert all(o["seconds"] >= 0 for o in document["outcomes"])
    assert [sorted(entry) for entry in document["not_run"]] == [["what", "why"]]
    assert "cannot be fetched" in document["not_run"][0]["why"]
    assert "first a" in said.err


@pytest.mark.usefixtures("stage")
def test_a_failed_check_is_in_the_document_and_in_the_exit_status(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    parts = [part("check", "types", "print('an error'); raise SystemExit(1)"), part("check", "lint", "print('fine')")]
    monkeypatch.setattr(runner, "checks", lambda: parts)

    status = APP(["check", "--json"], standalone_mode=False)

    said = capfd.readouterr()
    outcomes = json.loads(said.out)["outcomes"]
    assert status == 1
    assert {o["part"]: o["passed"] for o in outcomes} == {"locks": True, "types": False, "lint": True}
    assert "an error" in said.err


@pytest.mark.usefixtures("stage")
def test_people_read_test_output_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "checks", lambda: [part("check", "types", "print('1 passed in 0.1s')")])

    APP(["check"], standalone_mode=False)

    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "1 passed in 0.1s"
    assert [line.split()[:3] for line in lines[2:]] == [["check", "locks", "passed"], ["check", "types", "passed"]]


@pytest.mark.usefixtures("stage")
@pytest.mark.parametrize(("curl", "named"), [("/usr/bin/curl", []), (None, ["the commands of the documents"])])
def test_without_curl_it_says_that_the_documents_were_not_followed(
    curl: str | None, named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    monkeypatch.setattr(runner, "deploying_tests", lambda: [part("documents", "documents", "pass")])
    monkeypatch.setattr(runner.shutil, "which", lambda _: curl)
    monkeypatch.setattr(runner.groups, "sync_all", lambda names, _: synced.extend(names))

    report = runner.run(Steps(machine=True), only=("documents",))

    assert synced == ["test", "aws"]
    assert [not_run.what for not_run in report.not_run] == named


@pytest.mark.usefixtures("stage")
def test_a_change_narrows_each_suite_to_the_tests_that_it_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    see = "import sys; sys.exit(sys.argv[1:] != ['-q', 'tests/unit/tools/test_console.py'])"
    monkeypatch.setattr(runner, "checks", lambda: [part("check", "types", "")])
    monkeypatch.setattr(runner, "quick_tests", lambda: [part("unit", "unit", see, "tests/unit/tools", "-q")])
    monkeypatch.setattr(runner, "long_tests", lambda: [part("twin", "twin", "raise SystemExit", "tests/twin")])
    test = frozenset({"tests/unit/tools/test_console.py"})

    report = runner.run(Steps(machine=True), change=Change(files=test, reached=test))
    nothing = runner.run(Steps(machine=True), change=Change(files=frozenset()))

    assert [(one.suite, one.part, one.passed) for one in report.outcomes] == [
        ("check", "locks", True),
        ("check", "types", True),
        ("unit", "unit", True),
    ]
    assert (nothing.outcomes, nothing.passed) == ((), True)


def test_a_base_without_a_change_is_wrong_usage() -> None:
    refused = CliRunner().invoke(APP, ["test", "--base", "HEAD"])

    assert isinstance(refused.exception, WrongUsageError)
