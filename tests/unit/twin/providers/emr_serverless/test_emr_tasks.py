"""A state machine starts a run on EMR Serverless and, when it asks for that, waits for its end."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from ministack.services import stepfunctions

from twin.emulator import state_machines
from twin.emulator.provider import Twin
from twin.emulator.stand_ins import Resource
from twin.engines.spark import JobOutcome
from twin.principals import RoleSession
from twin.providers.emr_serverless import provider
from twin.providers.emr_serverless.provider import APPLICATION, EmrServerlessProvider
from twin.settings import TwinSettings

START = "arn:aws:states:::emr-serverless:startJobRun"
REQUEST = {
    "ApplicationId": "remove-1",
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/Job",
    "JobDriver": {
        "SparkSubmit": {
            "EntryPoint": "s3://assets/main.py",
            "EntryPointArguments": ["--run_id", "r"],
            "SparkSubmitParameters": "--conf spark.executorEnv.PYSPARK_PYTHON=/usr/bin/python3.11 "
            "--conf spark.emr-serverless.driverEnv.PYSPARK_PYTHON=/usr/bin/python3.11",
        }
    },
}
Task = Callable[[str, dict[str, Any]], Any]


class Engine:
    """Ends every script with one outcome."""

    outcome = JobOutcome(state="SUCCEEDED")
    arguments: list[str]

    def run(self, job: Any, *, timeout: float, on_start: Callable[[], None]) -> JobOutcome:
        Engine.arguments = list(job.arguments)
        on_start()
        return self.outcome


class Store:
    """Has every object."""

    def download_file(self, Bucket: str, Key: str, Filename: str) -> None:  # noqa: N803
        with open(Filename, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(f"{Bucket}/{Key}")


@pytest.fixture
def task(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setattr(state_machines, "POLL_SECONDS", 0)
    monkeypatch.setattr(Engine, "outcome", JobOutcome(state="SUCCEEDED"))
    monkeypatch.setattr(provider, "SharedSession", lambda _: Engine())
    monkeypatch.setattr(provider, "require", lambda *_: None)
    session = RoleSession(arn="s", access_key="k", secret_key="s", token=None)
    monkeypatch.setattr(provider, "assume", lambda *_, **__: session)
    monkeypatch.setattr(TwinSettings, "client", lambda *_, **__: Store())
    twin = Twin(TwinSettings(home=tmp_path, port=1), [EmrServerlessProvider])
    twin.registry.put(
        Resource(
            type_name=APPLICATION.name,
            physical_id="remove-1",
            logical_id="A",
            stack="s",
            properties={"Type": "SPARK", "ReleaseLabel": "emr-7.13.0"},
            attributes={},
        )
    )
    return dict(twin.provider(EmrServerlessProvider).tasks())["emr-serverless:startJobRun"]


def test_without_sync_it_answers_at_once(task: Task) -> None:
    answer = task(START, REQUEST)
    assert set(answer) == {"ApplicationId", "JobRunId", "Arn"}


def test_with_sync_it_answers_with_the_run_that_has_ended(task: Task) -> None:
    run = task(f"{START}.sync", REQUEST)
    assert (run["State"], run["ApplicationId"]) == ("SUCCESS", "remove-1")
    assert Engine.arguments == ["--run_id", "r"]
    json.dumps(run)


def test_a_run_that_does_not_succeed_fails_the_task(task: Task) -> None:
    Engine.outcome = JobOutcome(state="FAILED", error="ValueError: no")
    with pytest.raises(stepfunctions._ExecutionError) as raised:
        task(f"{START}.sync", REQUEST)
    assert raised.value.error == "States.TaskFailed"
    told = json.loads(raised.value.cause)
    assert told["State"] == "FAILED"
    assert "ValueError: no" in told["StateDetails"]


def test_a_request_that_the_service_refuses_has_the_error_that_step_functions_writes(task: Task) -> None:
    with pytest.raises(stepfunctions._ExecutionError) as raised:
        task(f"{START}.sync", {**REQUEST, "ApplicationId": "other"})
    assert raised.value.error == "EMRServerless.ResourceNotFoundException"
