"""A profile gets its Canvas, and is empty before it goes; CloudFormation always hears how it went."""

import io
import json
from typing import Any

import pytest

from lambdas.shared import custom_resource
from lambdas.studio_profiles import handler
from lambdas.studio_profiles.logic import Profiles
from tests.fakes.wire import LambdaContext
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError, Wire
from twin.providers.sagemaker.studio import SageMaker

DOMAIN, USER, SPACE = "d-1", "ada", "ada"
ROLE = "arn:aws:iam::123456789012:role/notebooks"
HOME, KEY = "s3://homes/marketing-analyst/canvas", "arn:aws:kms:us-east-1:123456789012:key/1"


def resource(kind: str, **properties: Any) -> Resource:
    return Resource(
        type_name=f"AWS::SageMaker::{kind}", physical_id=properties.get("DomainName", "x"), logical_id="l", stack="s",
        properties=properties, attributes={},
    )  # fmt: skip


class Client:
    """SageMaker as boto3 shows it, on the laptop's own stand-in; an app takes a while to end, as on AWS."""

    def __init__(self, service: SageMaker, slow: int = 0) -> None:
        self._wire, self._slow, self.looks = Wire("sagemaker", service), slow, 0

    def get_paginator(self, name: str) -> Any:
        def paginate(**request: Any) -> list[Any]:
            answer = getattr(self, name)(**request)
            ended = [app for app in answer.get("Apps", ()) if app["Status"] == "Deleted"]
            if ended and self.looks < self._slow:
                self.looks += 1
                answer["Apps"] = [{**app, "Status": "Deleting"} for app in answer["Apps"]]
            return [answer]

        return type("Pages", (), {"paginate": staticmethod(paginate)})

    def __getattr__(self, name: str) -> Any:
        operation = "".join(part.title() for part in name.split("_"))
        return lambda **request: self._wire.invoke(operation, request)


class World:
    """A domain with one user, and what CloudFormation has heard."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, slow: int = 0) -> None:
        self.now, self.answers = 0.0, list[dict[str, Any]]()
        self.service = SageMaker(
            domains=lambda: [resource("Domain", DomainName=DOMAIN)],
            profiles=lambda: [
                resource("UserProfile", DomainId=DOMAIN, UserProfileName=USER, UserSettings={"ExecutionRole": ROLE})
            ],
            spaces=lambda: [
                resource("Space", DomainId=DOMAIN, SpaceName=SPACE, OwnershipSettings={"OwnerUserProfileName": USER})
            ],
            trusted=lambda _role: None,
        )
        self.client = Client(self.service, slow)
        profiles = Profiles(client=self.client, now=lambda: self.now, sleep=self.sleep)
        monkeypatch.setattr(handler, "_profiles", lambda: profiles)
        monkeypatch.setattr(custom_resource, "urlopen", self.take)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def take(self, request: Any, timeout: float) -> io.BytesIO:
        self.answers.append(json.loads(request.data))
        return io.BytesIO()

    def ask(self, kind: str, home: str = HOME) -> dict[str, Any]:
        stated = {"Domain": DOMAIN, "Profile": USER, "Space": SPACE, "Home": home, "Key": KEY}
        event = {
            "RequestType": kind, "ResponseURL": "https://answers.example.com/1", "StackId": "s", "RequestId": "r",
            "LogicalResourceId": "Ada", "ResourceProperties": stated,
        }  # fmt: skip
        handler.handle(event, LambdaContext())
        return self.answers[-1]

    def canvas(self) -> Any:
        found = self.client.describe_user_profile(DomainId=DOMAIN, UserProfileName=USER)
        return found["UserSettings"].get("CanvasAppSettings")


def test_canvas_keeps_its_things_in_the_home_and_can_do_no_more_than_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    assert world.ask("Create")["Status"] == "SUCCESS"
    assert world.ask("Update", f"{HOME}2")["Status"] == "SUCCESS"
    canvas = world.canvas()
    assert canvas.pop("WorkspaceSettings") == {"S3ArtifactPath": f"{HOME}2", "S3KmsKeyId": KEY}
    assert {one["Status"] for one in canvas.values()} == {"DISABLED"}
    assert "EmrServerlessSettings" in canvas


def test_without_canvas_nothing_is_said_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    assert world.ask("Create", home="")["Status"] == "SUCCESS"
    assert world.canvas() is None


def test_before_a_profile_goes_its_apps_end_and_its_own_spaces_go(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, slow=6)
    owner = {"OwnerUserProfileName": USER}
    world.client.create_space(
        DomainId=DOMAIN, SpaceName="mine", OwnershipSettings=owner, SpaceSharingSettings={"SharingType": "Private"}
    )
    world.client.create_app(DomainId=DOMAIN, UserProfileName=USER, AppType="Canvas", AppName="default")
    for space in ("mine", SPACE):
        world.client.create_app(DomainId=DOMAIN, SpaceName=space, AppType="JupyterLab", AppName="default")
    # SageMaker would refuse these.
    with pytest.raises(ServiceError, match="has an app"):
        world.client.delete_space(DomainId=DOMAIN, SpaceName="mine")
    assert world.ask("Delete")["Status"] == "SUCCESS"
    assert world.now > 0
    assert {app["Status"] for app in world.client.list_apps(DomainIdEquals=DOMAIN)["Apps"]} == {"Deleted"}
    # The template's own space is for CloudFormation to delete.
    assert [one["SpaceName"] for one in world.client.list_spaces(DomainIdEquals=DOMAIN)["Spaces"]] == [SPACE]


def test_what_does_not_end_in_time_fails_the_deletion_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, slow=10_000)
    world.client.create_app(DomainId=DOMAIN, UserProfileName=USER, AppType="Canvas", AppName="default")
    answered = world.ask("Delete")
    assert answered["Status"] == "FAILED"
    assert "1 apps of ada, such as default" in answered["Reason"]
    assert world.now < 840


def test_a_profile_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.service._profiles = list  # type: ignore[assignment]
    answered = world.ask("Create")
    assert answered["Status"] == "FAILED"
    assert "ada" in answered["Reason"]
