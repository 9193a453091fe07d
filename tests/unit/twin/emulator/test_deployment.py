"""What does not start says so at once, with its reason."""

from pathlib import Path
from typing import Any

import pytest

from twin.emulator.emulator import Emulator
from twin.scenario import deployment
from twin.scenario.deployment import Deployment, StepFailedError
from twin.scenario.waiting import NeverReachedError
from twin.settings import TwinSettings

NAME = "C360-dev-CleanApplication"


class FakeFlink:
    """The service's API: an application goes through these states."""

    def __init__(self, *states: str) -> None:
        self.states = list(states)

    def describe_application(self, **request: str) -> dict[str, Any]:
        assert request == {"ApplicationName": NAME}
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"ApplicationDetail": {"ApplicationStatus": state}}


def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *states: str) -> Deployment:
    flink = FakeFlink(*states)
    monkeypatch.setattr(Emulator, "client", lambda *_: flink)
    monkeypatch.setattr("twin.scenario.waiting.time.sleep", lambda _: None)
    running = Emulator(settings=TwinSettings(home=tmp_path, port=1), process=None)
    return Deployment(emulator=running, outputs={"CleanApplicationName": NAME})


def log(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "logs" / "emulator.log"
    path.parent.mkdir()
    path.write_text("\n".join(lines))
    return path


def test_an_application_that_runs_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(tmp_path, monkeypatch, "STARTING", "STARTING", "RUNNING").wait_for_applications("CleanApplicationName")


def test_an_application_that_gave_up_is_reported_with_its_latest_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says = f"WARNING ministack Flink application {NAME} failed to start: "
    path = log(tmp_path, f"{says}an older reason", f"{says}gave up after 5 restarts: no such table", "INFO more")

    with pytest.raises(StepFailedError) as failed:
        deployed(tmp_path, monkeypatch, "STARTING", "READY").wait_for_applications("CleanApplicationName")

    expected = f"Flink application {NAME} did not start: gave up after 5 restarts: no such table; log: {path}"
    assert str(failed.value) == expected


def test_a_reason_that_is_not_there_does_not_hide_the_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StepFailedError, match="no reason was given; log: "):
        deployed(tmp_path, monkeypatch, "READY").wait_for_applications("CleanApplicationName")


def test_an_application_that_stays_away_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "APPLICATION_SECONDS", 0.0)

    with pytest.raises(NeverReachedError, match=f"Flink application {NAME} runs"):
        deployed(tmp_path, monkeypatch, "STARTING").wait_for_applications("CleanApplicationName")
