"""A state machine starts a build and, when it asks for that, waits for its end."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ministack.services import codebuild, stepfunctions

from twin.emulator import state_machines
from twin.emulator.provider import Twin
from twin.providers.codebuild.provider import CodeBuildProvider
from twin.settings import TwinSettings

START = "arn:aws:states:::codebuild:startBuild"
Task = Callable[[str, dict[str, Any]], Any]


def answer(document: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    return 200, {}, json.dumps(document).encode()


@pytest.fixture
def statuses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statuses that the build shows, one after the other; it is in progress when it starts."""
    shown: list[str] = []

    def start(request: dict[str, Any]) -> Any:
        assert request == {"projectName": "models"}  # the API's own names
        return answer({"build": {"id": "models:1", "buildStatus": "IN_PROGRESS"}})

    def get(request: dict[str, Any]) -> Any:
        return answer({"builds": [{"id": name, "buildStatus": shown.pop(0)} for name in request["ids"]]})

    monkeypatch.setattr(state_machines, "POLL_SECONDS", 0)
    monkeypatch.setattr(codebuild, "_start_build", start)
    monkeypatch.setattr(codebuild, "_batch_get_builds", get)
    return shown


@pytest.fixture
def task(tmp_path: Any) -> Task:
    twin = Twin(TwinSettings(home=tmp_path, port=1), [CodeBuildProvider])
    return dict(twin.provider(CodeBuildProvider).tasks())["codebuild:startBuild"]


def test_without_sync_it_answers_at_once(task: Task, statuses: list[str]) -> None:
    started = task(START, {"ProjectName": "models"})

    assert started == {"Build": {"Id": "models:1", "BuildStatus": "IN_PROGRESS"}}


def test_with_sync_it_answers_with_the_build_that_has_ended(task: Task, statuses: list[str]) -> None:
    statuses += ["IN_PROGRESS", "SUCCEEDED"]

    assert task(f"{START}.sync", {"ProjectName": "models"})["Build"]["BuildStatus"] == "SUCCEEDED"
    assert statuses == []


def test_a_build_that_does_not_succeed_fails_the_task(task: Task, statuses: list[str]) -> None:
    statuses.append("FAILED")

    with pytest.raises(stepfunctions._ExecutionError) as raised:
        task(f"{START}.sync", {"ProjectName": "models"})

    assert raised.value.error == "States.TaskFailed"
    assert json.loads(raised.value.cause)["buildStatus"] == "FAILED"
