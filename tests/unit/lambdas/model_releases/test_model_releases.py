"""What is approved in the registry is what the endpoint serves and a batch runs; a rejection brings the former back."""

import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.model_releases import handler
from lambdas.model_releases.logic import Releases, Size
from tests.fakes.wire import LambdaContext
from tests.unit.twin.providers.sagemaker.world import GROUP, KEY, ROLE, World
from twin.scenario.waiting import until


class Model:
    """A model in the registry, and the function that releases it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world = World(folder)
        releases = Releases(client=self.world.client, role=ROLE, key=KEY, size=Size(memory=2048, concurrency=5))
        monkeypatch.setattr(handler, "_releases", lambda: releases)

    def train(self, *rows: float) -> None:
        """Register a version."""
        self.world.fill(*rows)
        assert self.world.train()["PipelineExecutionStatus"] == "Succeeded"

    def release(self, asked: int = 0) -> dict[str, Any]:
        """Call the function once."""
        return dict(handler.handle({"name": GROUP, "asked": asked}, LambdaContext()))

    def released(self) -> dict[str, Any]:
        """Call the function until it says how it ended, as the state machine does."""
        asked = {"version": 0}

        def once() -> dict[str, Any]:
            answer = self.release(asked["version"])
            asked["version"] = answer["version"]
            return answer

        return dict(until("released", once, lambda one: one["status"] not in {"Creating", "Updating"}, seconds=30))

    def says(self) -> float:
        """Ask the endpoint."""
        line = self.world.hosting.answer(GROUP, b'{"x": 0}\n', "application/jsonlines", "application/jsonlines")
        return float(json.loads(line)["score"])


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    return Model(tmp_path, monkeypatch)


def test_nothing_is_released_before_something_is_approved(model: Model) -> None:
    assert model.release()["status"] == "NothingApproved"


def test_the_newest_version_is_served_and_a_repetition_changes_nothing(model: Model) -> None:
    model.train(1, 2, 3)
    first = model.released()
    assert (first["status"], first["version"], first["data"]) == ("InService", 1, model.world.data(1))
    assert model.released() == first
    model.train(4, 5, 6)
    assert model.released()["version"] == 2
    assert model.says() == 5


def test_a_batch_runs_without_a_network_and_an_endpoint_cannot(model: Model) -> None:
    model.train(1, 2, 3)
    released = model.released()
    isolated = {
        name: model.world.client.describe_model(ModelName=name)["EnableNetworkIsolation"]
        for name in (released["batch_model"], f"{GROUP}-1")
    }
    assert isolated == {f"{GROUP}-1-batch": True, f"{GROUP}-1": False}


def test_a_rejected_version_makes_room_for_the_former_one(model: Model) -> None:
    for rows in ((1, 2, 3), (4, 5, 6)):
        model.train(*rows)
        model.released()
    newest = model.world.versions()[-1]["ModelPackageArn"]
    model.world.client.update_model_package(ModelPackageArn=newest, ModelApprovalStatus="Rejected")
    assert model.released()["version"] == 1
    assert model.says() == 2


def test_only_the_version_before_is_kept_beside_the_one_that_is_served(model: Model) -> None:
    for rows in ((1, 2, 3), (2, 3, 4), (3, 4, 5)):
        model.train(*rows)
        model.released()
    kept = model.world.client.list_endpoint_configs(NameContains=GROUP)["EndpointConfigs"]
    assert {one["EndpointConfigName"] for one in kept} == {f"{GROUP}-2", f"{GROUP}-3"}


def test_an_endpoint_that_cannot_serve_a_version_goes_back_and_says_so(model: Model) -> None:
    model.train(1, 2, 3)
    model.released()
    model.train(4, 5, 6)
    del model.world.objects.held[model.world.data(2).removeprefix("s3://")]
    failed = model.released()
    assert failed["status"] == "Failed"
    assert failed["reason"].startswith(f"the endpoint has gone back to {GROUP}-1")
    assert model.says() == 2


def test_a_first_version_that_cannot_be_served_fails_with_its_reason(model: Model) -> None:
    model.train(1, 2, 3)
    del model.world.objects.held[model.world.data(1).removeprefix("s3://")]
    failed = model.released()
    assert (failed["status"], "no S3 objects" in failed["reason"]) == ("Failed", True)
