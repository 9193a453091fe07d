"""A recipe is published when its steps change and not otherwise, and CloudFormation always hears."""

import io
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lambdas.recipe_versions import handler
from lambdas.recipe_versions.logic import RecipeVersions
from lambdas.shared import custom_resource
from tests.fakes.wire import LambdaContext
from twin.emulator.wire import ServiceError, Wire
from twin.providers.databrew.service import DataBrew, Deployed

RECIPE = "c360-x-customers"


class Client:
    """DataBrew as boto3 shows it, on the laptop's own stand-in."""

    exceptions = boto3.client("databrew", region_name="us-east-1").exceptions

    def __init__(self, service: DataBrew) -> None:
        self._wire = Wire("databrew", service)
        self.asked: list[str] = []
        self.in_use: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        operation = "".join(part.title() for part in name.split("_"))

        def call(**request: Any) -> Any:
            self.asked.append(operation)
            if operation == "BatchDeleteRecipeVersion" and self.in_use & set(request["RecipeVersions"]):
                [used] = self.in_use & set(request["RecipeVersions"])
                return {"Errors": [{"RecipeVersion": used, "ErrorMessage": "it is used by a job"}]}
            try:
                return self._wire.invoke(operation, request)
            except ServiceError as error:
                known = getattr(self.exceptions, error.code, ClientError)
                raise known({"Error": {"Code": error.code, "Message": error.message}}, operation) from error

        return call

    def get_paginator(self, name: str) -> Any:
        call = getattr(self, name)
        return type("Pages", (), {"paginate": lambda _, **request: [call(**request)]})()

    def versions(self) -> list[tuple[str, str]]:
        listed = self.list_recipe_versions(Name=RECIPE)["Recipes"]
        return [(one["RecipeVersion"], one["Description"]) for one in listed]


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    def refuse(*_: Any) -> Any:
        raise AssertionError("no job runs here")

    service = DataBrew(
        deployed=Deployed(
            jobs=refuse, recipes=lambda name: {"Steps": []} if name == RECIPE else None, data_sets=refuse
        ),
        kept=tmp_path / "databrew.json",
        assume=refuse,
        require=refuse,
        clients=refuse,
        caller=lambda: "",
        tell=refuse,
    )
    made = Client(service)
    monkeypatch.setattr(handler, "_versions", lambda: RecipeVersions(client=made))  # type: ignore[arg-type]
    return made


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    def take(request: Any, timeout: float) -> io.BytesIO:
        sent.append(json.loads(request.data))
        return io.BytesIO()

    monkeypatch.setattr(custom_resource, "urlopen", take)
    return sent


def event(kind: str, steps: str = "a", recipe: str = RECIPE) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": "https://answers.example.com/1",
        "StackId": "stack",
        "RequestId": "request",
        "LogicalResourceId": "Version",
        "ResourceProperties": {"Recipe": recipe, "Steps": steps},
    }


def test_steps_that_changed_are_published_and_the_job_gets_their_number(
    client: Client, answers: list[dict[str, Any]]
) -> None:
    handler.handle(event("Create"), LambdaContext())
    handler.handle(event("Update", steps="b"), LambdaContext())
    assert [answered["Data"]["Version"] for answered in answers] == ["1.0", "2.0"]
    assert client.versions() == [("1.0", "a"), ("2.0", "b")]


def test_a_request_that_comes_again_publishes_nothing(client: Client, answers: list[dict[str, Any]]) -> None:
    for kind in ("Create", "Create", "Update"):
        handler.handle(event(kind), LambdaContext())
    assert [answered["Data"]["Version"] for answered in answers] == ["1.0"] * 3
    assert client.versions() == [("1.0", "a")]


def test_a_deployment_that_is_rolled_back_publishes_the_steps_before_it_again(
    client: Client, answers: list[dict[str, Any]]
) -> None:
    for kind, steps in (("Create", "a"), ("Update", "b"), ("Update", "a")):
        handler.handle(event(kind, steps), LambdaContext())
    assert answers[-1]["Data"]["Version"] == "3.0"
    assert client.versions() == [("2.0", "b"), ("3.0", "a")]


def test_an_old_version_that_a_job_still_uses_holds_nothing_up(client: Client, answers: list[dict[str, Any]]) -> None:
    client.in_use = {"1.0"}
    for steps in ("a", "b", "c"):
        handler.handle(event("Update", steps), LambdaContext())
    assert [answered["Status"] for answered in answers] == ["SUCCESS"] * 3
    assert [version for version, _ in client.versions()] == ["1.0", "2.0", "3.0"]


def test_the_tenth_version_is_newer_than_the_ninth(client: Client, answers: list[dict[str, Any]]) -> None:
    for number in range(10):
        handler.handle(event("Update", steps=str(number)), LambdaContext())
    assert answers[-1]["Data"]["Version"] == "10.0"
    assert [version for version, _ in client.versions()] == ["9.0", "10.0"]


def test_deleting_removes_all_versions_also_when_there_are_none(client: Client, answers: list[dict[str, Any]]) -> None:
    handler.handle(event("Create"), LambdaContext())
    handler.handle(event("Update", steps="b"), LambdaContext())
    for _ in range(2):
        handler.handle(event("Delete"), LambdaContext())
    assert client.versions() == []
    assert [answered["Status"] for answered in answers] == ["SUCCESS"] * 4


def test_cloudformation_hears_why_a_version_stays(client: Client, answers: list[dict[str, Any]]) -> None:
    handler.handle(event("Create"), LambdaContext())
    client.in_use = {"1.0"}
    handler.handle(event("Delete"), LambdaContext())
    assert answers[-1]["Status"] == "FAILED"
    assert "version 1.0: it is used by a job" in answers[-1]["Reason"]


def test_cloudformation_hears_why_a_recipe_is_not_published(client: Client, answers: list[dict[str, Any]]) -> None:
    handler.handle(event("Create", recipe="other"), LambdaContext())
    assert answers[0]["Status"] == "FAILED"
    assert "The recipe other wasn't found" in answers[0]["Reason"]
    assert client.asked.count("PublishRecipe") == 1
