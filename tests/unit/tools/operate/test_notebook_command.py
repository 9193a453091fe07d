"""`c360 notebook`: as whom a notebook runs, with what, and what is said when it does not."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.notebooks import run as running
from tools.console import Steps
from tools.errors import WrongUsageError
from tools.operate import notebook

SAID = {
    "MarketingAnalystWorkgroupName": "c360-dev-marketing-analyst",
    "MarketingAnalystNotebookRoleArn": "arn:notebooks",
    "MarketingAnalystSparkRoleArn": "arn:sessions",
    "MarketingAnalystRoleArn": "arn:persona",
    "NotebookApplicationId": "00f1",
}


class World:
    """An account, and the process that a notebook runs in."""

    def __init__(self, patch: pytest.MonkeyPatch, said: dict[str, str], returncode: int = 0, stderr: str = "") -> None:
        self.assumed: list[str] = []
        self.ran: list[Any] = []
        keys = SimpleNamespace(access_key="a", secret_key="s", token="t")
        found = [{"OutputKey": name, "OutputValue": value} for name, value in said.items()]
        session = SimpleNamespace(client=lambda _name: None, region_name="eu-west-1")
        patch.setattr(notebook.boto3, "Session", lambda: session)
        patch.setattr(notebook, "stacks", lambda _client: {"C360-dev-Analytics": {"Outputs": found}})
        credentials = SimpleNamespace(get_frozen_credentials=lambda: keys)

        def assume(_session: object, role: str, *, endpoint: str | None) -> Any:
            self.assumed.append(role)
            return SimpleNamespace(get_credentials=lambda: credentials)

        def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            self.ran.append((command, options["env"]))
            return subprocess.CompletedProcess(command, returncode, "", stderr)

        patch.setattr(running, "persona_session", assume)
        patch.setattr(notebook.bootstrap, "sync", lambda _name: None)
        patch.setattr(running.subprocess, "run", run)
        patch.setattr(running, "answer", lambda _output: {"orders": 3})


def test_a_notebook_runs_as_the_role_of_the_personas_notebooks_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of the caller")
    monkeypatch.setenv("AWS_PROFILE", "admin")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:1")
    world = World(monkeypatch, SAID)
    output = notebook.run(Steps(machine=True), "dev", "explore", tmp_path)
    assert (output, world.assumed) == (tmp_path / "explore.ipynb", ["arn:notebooks"])
    [(command, variables)] = world.ran
    assert command[1:3] == ["-m", "ops.notebooks.execute"]
    assert (variables["AWS_SECRET_ACCESS_KEY"], variables["AWS_ENDPOINT_URL"]) == ("s", "http://localhost:1")
    assert (variables["C360_ENVIRONMENT"], variables["C360_WORKGROUP"]) == ("dev", "c360-dev-marketing-analyst")
    assert not {"AWS_PROFILE", "C360_APPLICATION"} & variables.keys()


def test_one_on_spark_begins_its_session_as_the_persona(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = World(monkeypatch, SAID)
    notebook.run(Steps(machine=True), "dev", "explore_spark", tmp_path)
    [(_, variables)] = world.ran
    assert world.assumed == ["arn:persona"]
    assert (variables["C360_APPLICATION"], variables["C360_SPARK_ROLE"]) == ("00f1", "arn:sessions")


def test_what_is_not_there_is_said_with_what_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    World(monkeypatch, {})
    with pytest.raises(WrongUsageError, match="no notebook clv in notebooks/: write one of customer_value, explore"):
        notebook.run(Steps(machine=True), "dev", "clv", tmp_path)
    with pytest.raises(WrongUsageError, match=r"no such studio .* with analytics\.studio\.deployed"):
        notebook.run(Steps(machine=True), "dev", "explore", tmp_path)
    with pytest.raises(WrongUsageError, match=r"with analytics\.emr_studio\.deployed"):
        notebook.run(Steps(machine=True), "dev", "explore_spark", tmp_path)


def test_a_cell_that_fails_ends_the_command_with_its_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    World(monkeypatch, SAID, 1, "warning\nexplore.ipynb: QuestionFailedError: Access Denied\n")
    with pytest.raises(running.NotebookFailedError, match="QuestionFailedError: Access Denied"):
        notebook.run(Steps(machine=True), "dev", "explore", tmp_path)
