"""The `c360` command: failures are one message, documents are one document, the exit status says what kind it was."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from botocore.exceptions import ClientError, EndpointConnectionError
from typer.testing import CliRunner

from ops.smoke import SmokeReport
from tools import cli
from tools.build import prepare
from tools.cli import APP
from tools.environments import locks
from tools.errors import UnfitMachineError, WrongUsageError
from tools.laptop import local
from tools.operate import smoke

HEAVY = {"awswrangler", "aws_cdk", "boto3", "botocore", "httpx", "ops", "pandas", "pyarrow", "stacks", "twin"}
ASKED = httpx.Request("POST", "http://localhost:1/v1/batch")
REFUSED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "ListStreams")
FAILURES = [
    (REFUSED, 1, "An error occurred (AccessDenied) when calling the ListStreams operation: not you"),
    (EndpointConnectionError(endpoint_url="http://x"), 1, 'Could not connect to the endpoint URL: "http://x"'),
    (httpx.ConnectError("refused", request=ASKED), 1, "POST http://localhost:1/v1/batch: refused"),
    (httpx.ReadTimeout(""), 1, "ReadTimeout"),
    (subprocess.TimeoutExpired(["cdk"], 600), 1, "Command '['cdk']' timed out after 600 seconds"),
    (subprocess.CalledProcessError(2, ["cdk"]), 1, "Command '['cdk']' returned non-zero exit status 2."),
    (OSError("no space [left]"), 1, "no space [left]"),
    (WrongUsageError("not both"), 2, "not both"),
    (UnfitMachineError("no JDK"), 3, "no JDK"),
]


@pytest.fixture
def setup_fails(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Exception:
    """Let `c360 setup` fail."""
    error: Exception = request.param

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(prepare, "machine", fail)
    return error


@pytest.mark.parametrize(
    ("setup_fails", "status", "message"), FAILURES, ids=lambda value: type(value).__name__, indirect=["setup_fails"]
)
@pytest.mark.parametrize("as_json", [False, True])
def test_a_failure_is_one_message_and_a_document(
    setup_fails: Exception,
    status: int,
    message: str,
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["c360", "setup", *(["--json"] if as_json else [])])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    said = capsys.readouterr()
    assert ended.value.code == status
    assert said.err.splitlines() == [f"c360: {message}"]
    expected = {"error": type(setup_fails).__name__, "message": message}
    assert (json.loads(said.out) if as_json else said.out) == (expected if as_json else "")


@pytest.mark.parametrize("setup_fails", [KeyError("a bug")], indirect=True)
@pytest.mark.usefixtures("setup_fails")
def test_a_bug_keeps_its_traceback_and_is_in_the_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["c360", "setup", "--json"])

    with pytest.raises(KeyError):
        cli.main()

    assert json.loads(capsys.readouterr().out)["error"] == "KeyError"


def test_wrong_usage_is_in_the_document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["c360", "test", "--lanes", "9", "--json"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 2
    assert "--lanes" in json.loads(capsys.readouterr().out)["message"]


def every_command(group: Any) -> Iterator[tuple[str, Any]]:
    """Yield the commands of a group, and those of the groups in it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from ((f"{name} {within}", each) for within, each in every_command(command))
        else:
            yield name, command


def test_every_command_can_write_a_document() -> None:
    commands = dict(every_command(typer.main.get_command(APP)))

    assert len(commands) > 10
    without = [
        name for name, command in commands.items() if "--json" not in {o for p in command.params for o in p.opts}
    ]
    assert without == []


def test_the_exit_status_is_explained() -> None:
    said = " ".join(CliRunner().invoke(APP, ["--help"]).output.split())

    for meaning in ("0 done", "1 a test, a check", "2 wrong usage", "3 this machine lacks something"):
        assert meaning in said


def test_lock_says_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "write", lambda _steps: ["requirements/twin.txt"])

    assert json.loads(CliRunner().invoke(APP, ["lock", "--json"]).stdout) == {"changed": ["requirements/twin.txt"]}


def test_clean_ends_a_local_deployment_and_leaves_nothing_that_was_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended: list[bool] = []
    monkeypatch.setattr(local, "end", lambda: ended.append((tmp_path / "build").exists()))
    monkeypatch.setattr(prepare, "ROOT", tmp_path)
    monkeypatch.setattr(prepare, "ENVIRONMENTS", tmp_path / ".venvs")
    for name in ("CONTRACTS_FILE", "SEGMENTS_FILE", "PLAYS_FILE", "TEMPLATES_FILE", "MAILS_FILE"):
        monkeypatch.setattr(prepare, name, tmp_path / f"{name}.json")
        (tmp_path / f"{name}.json").touch()
    (tmp_path / "build" / "logs").mkdir(parents=True)

    done = CliRunner().invoke(APP, ["clean", "--json"])

    names = ("CONTRACTS_FILE", "SEGMENTS_FILE", "PLAYS_FILE", "TEMPLATES_FILE", "MAILS_FILE")
    there = ["build", *(f"{name}.json" for name in names)]
    assert json.loads(done.stdout) == {"removed": [str(tmp_path / name) for name in there]}
    assert list(tmp_path.iterdir()) == []
    assert ended == [True]


@pytest.mark.parametrize(
    ("words", "asked"),
    [([], "dev"), (["staging"], "staging"), (["--env", "prod"], "prod"), (["prod", "--env", "prod", "--send"], "prod")],
)
def test_smoke_takes_the_environment_bare_or_as_an_option(
    words: list[str], asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []

    def ask(_steps: object, environment: str, *, send: bool) -> SmokeReport:
        seen.append((environment, send))
        return SmokeReport(environment=environment, outcomes=())

    monkeypatch.setattr(smoke, "run", ask)
    assert CliRunner().invoke(APP, ["smoke", *words]).exit_code == 0
    assert seen == [(asked, "--send" in words)]


def test_smoke_asks_one_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "run", lambda *_, **__: pytest.fail("asked"))
    refused = CliRunner().invoke(APP, ["smoke", "staging", "--env", "prod"])
    assert isinstance(refused.exception, WrongUsageError)
    assert "say one environment" in str(refused.exception)
    assert CliRunner().invoke(APP, ["smoke", "production"]).exit_code == 2


def test_help_loads_nothing_that_a_command_needs_to_work() -> None:
    """The tool starts in a fraction of a second: what a command works with is imported when it runs."""
    asks = """
import sys
from typer.main import get_command
from typer.testing import CliRunner
from tools.cli import APP
for words in ([], *([name] for name in get_command(APP).commands)):
    assert CliRunner().invoke(APP, [*words, "--help"]).exit_code == 0, words
print(sorted({name.partition(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)

    loaded = set(json.loads(done.stdout.replace("'", '"')))
    assert {"tools", "typer"} <= loaded
    assert loaded & HEAVY == set()
