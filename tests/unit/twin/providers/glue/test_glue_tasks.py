"""A state machine starts a job run and, when it asks for that, waits for its end."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ministack.services import glue, stepfunctions

from twin.emulator import state_machines
from twin.emulator.provider import Twin
from twin.providers.glue.provider import GlueProvider
from twin.settings import TwinSettings

START = "arn:aws:states:::glue:startJobRun"
Task = Callable[[str, dict[str, Any]], Any]


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The states that the run shows, one after the other."""
    shown: list[str] = []
    monkeypatch.setattr(state_machines, "POLL_SECONDS", 0)
    monkeypatch.setattr(glue, "_start_job_run", lambda _: glue.json_response({"JobRunId": "jr_1"}))
    monkeypatch.setattr(
        glue, "_get_job_run", lambda asked: glue.json_response({"JobRun": {**asked, "JobRunState": shown.pop(0)}})
    )
    return shown


@pytest.fixture
def task(tmp_path: Any) -> Task:
    twin = Twin(TwinSettings(home=tmp_path, port=1), [GlueProvider])
    return dict(twin.provider(GlueProvider).tasks())["glue:startJobRun"]


def test_without_sync_it_answers_at_once(task: Task, states: list[str]) -> None:
    assert task(START, {"JobName": "prepare"}) == {"JobRunId": "jr_1"}


def test_with_sync_it_answers_with_the_run_that_has_ended(task: Task, states: list[str]) -> None:
    states += ["STARTING", "RUNNING", "SUCCEEDED"]

    run = task(f"{START}.sync", {"JobName": "prepare"})

    assert run == {"JobName": "prepare", "RunId": "jr_1", "JobRunState": "SUCCEEDED"}
    assert states == []


@pytest.mark.parametrize("state", ["FAILED", "STOPPED", "TIMEOUT", "ERROR"])
def test_a_run_that_does_not_succeed_fails_the_task(task: Task, states: list[str], state: str) -> None:
    states.append(state)

    with pytest.raises(stepfunctions._ExecutionError) as raised:
        task(f"{START}.sync", {"JobName": "prepare"})

    assert raised.value.error == "States.TaskFailed"
    assert json.loads(raised.value.cause)["JobRunState"] == state
