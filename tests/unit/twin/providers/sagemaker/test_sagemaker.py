"""The stand-in of SageMaker: what the template states, what people make beside it, and in which order things go."""

from datetime import UTC, datetime
from typing import Any

import pytest

from twin.emulator.resource_names import resources_of
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError, Wire
from twin.providers.sagemaker.studio import SageMaker

ROLE = "arn:aws:iam::123456789012:role/notebooks"
DOMAIN = "d-1"
OWNER = {"OwnerUserProfileName": "ada"}
PRIVATE = {"SharingType": "Private"}


def resource(kind: str, **properties: Any) -> Resource:
    return Resource(
        type_name=f"AWS::SageMaker::{kind}", physical_id=DOMAIN, logical_id="l", stack="s", properties=properties,
        attributes={},
    )  # fmt: skip


class World:
    """A domain with one user, and the roles that SageMaker was let act as."""

    def __init__(self) -> None:
        self.trusted = list[str]()
        self.service = SageMaker(
            domains=lambda: [resource("Domain", DomainName="c360", AuthMode="IAM", VpcId="vpc-1", SubnetIds=["s-1"])],
            profiles=lambda: [
                resource("UserProfile", DomainId=DOMAIN, UserProfileName="ada", UserSettings={"ExecutionRole": ROLE})
            ],
            spaces=lambda: [resource("Space", DomainId=DOMAIN, SpaceName="ada", OwnershipSettings=OWNER)],
            trusted=self.trusted.append,
            now=lambda: datetime(2026, 3, 1, tzinfo=UTC),
        )
        self._wire = Wire("sagemaker", self.service)

    def ask(self, operation: str, **request: Any) -> Any:
        return self._wire.invoke(operation, {"DomainId": DOMAIN, **request})

    def spaces(self) -> list[str]:
        return [one["SpaceName"] for one in self._wire.invoke("ListSpaces", {"DomainIdEquals": DOMAIN})["Spaces"]]


@pytest.fixture
def world() -> World:
    return World()


def test_the_domain_is_as_the_template_states_it(world: World) -> None:
    found = world.ask("DescribeDomain")
    assert (found["DomainName"], found["AuthMode"], found["VpcId"]) == ("c360", "IAM", "vpc-1")
    [listed] = world._wire.invoke("ListDomains", {})["Domains"]
    assert listed["DomainId"] == DOMAIN
    [profile] = world._wire.invoke("ListUserProfiles", {"DomainIdEquals": DOMAIN})["UserProfiles"]
    assert profile["UserProfileName"] == "ada"


def test_an_app_acts_as_the_role_of_its_users_profile(world: World) -> None:
    world.ask("CreateApp", SpaceName="ada", AppType="JupyterLab", AppName="default")
    world.ask("CreateApp", UserProfileName="ada", AppType="Canvas", AppName="default")
    assert world.trusted == [ROLE, ROLE]
    described = world.ask("DescribeApp", SpaceName="ada", AppType="JupyterLab", AppName="default")
    assert described["Status"] == "InService"
    world.ask("DeleteApp", UserProfileName="ada", AppType="Canvas", AppName="default")
    assert not world.service.running(DOMAIN, user="ada")
    assert world.service.running(DOMAIN, space="ada")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"SpaceName": "ada", "AppType": "RStudioServerPro", "AppName": "default"}, "notes JupyterLab and Canvas"),
        ({"UserProfileName": "eve", "AppType": "Canvas", "AppName": "default"}, "User profile eve does not exist"),
        ({"SpaceName": "eve", "AppType": "JupyterLab", "AppName": "default"}, "Space eve does not exist"),
    ],
)
def test_an_app_that_cannot_be_is_refused(world: World, request_: dict[str, str], said: str) -> None:
    with pytest.raises(ServiceError, match=said):
        world.ask("CreateApp", **request_)


def test_without_a_file_system_there_are_private_spaces_alone(world: World) -> None:
    world.ask("CreateSpace", SpaceName="mine", OwnershipSettings=OWNER, SpaceSharingSettings=PRIVATE)
    assert (world.spaces(), world.service.made_by(DOMAIN, "ada")) == (["ada", "mine"], ["mine"])
    with pytest.raises(ServiceError, match="already exists"):
        world.ask("CreateSpace", SpaceName="mine", OwnershipSettings=OWNER, SpaceSharingSettings=PRIVATE)
    shared = {"SharingType": "Shared"}
    with pytest.raises(ServiceError, match="private spaces alone"):
        world.ask("CreateSpace", SpaceName="ours", OwnershipSettings=OWNER, SpaceSharingSettings=shared)


def test_a_space_goes_after_its_apps_and_that_of_the_template_with_its_stack(world: World) -> None:
    world.ask("CreateSpace", SpaceName="mine", OwnershipSettings=OWNER, SpaceSharingSettings=PRIVATE)
    world.ask("CreateApp", SpaceName="mine", AppType="JupyterLab", AppName="default")
    with pytest.raises(ServiceError, match="has an app"):
        world.ask("DeleteSpace", SpaceName="mine")
    world.ask("DeleteApp", SpaceName="mine", AppType="JupyterLab", AppName="default")
    world.ask("DeleteSpace", SpaceName="mine")
    assert world.spaces() == ["ada"]
    with pytest.raises(ServiceError, match="does not exist"):
        world.ask("DeleteApp", SpaceName="mine", AppType="JupyterLab", AppName="default")


def test_only_canvas_is_changed_beside_the_template(world: World) -> None:
    with pytest.raises(ServiceError, match="changes only CanvasAppSettings, not ExecutionRole"):
        world.ask("UpdateUserProfile", UserProfileName="ada", UserSettings={"ExecutionRole": ROLE})


@pytest.mark.parametrize(
    ("operation", "request_", "resource_"),
    [
        ("ListApps", {}, "*"),
        ("DescribeDomain", {"DomainId": "d"}, "domain/d"),
        ("UpdateUserProfile", {"DomainId": "d", "UserProfileName": "u"}, "user-profile/d/u"),
        ("DeleteSpace", {"DomainId": "d", "SpaceName": "s"}, "space/d/s"),
        (
            "DeleteApp",
            {"DomainId": "d", "SpaceName": "s", "AppType": "JupyterLab", "AppName": "a"},
            "app/d/s/jupyterlab/a",
        ),
        (
            "DeleteApp",
            {"DomainId": "d", "UserProfileName": "u", "AppType": "Canvas", "AppName": "a"},
            "app/d/u/canvas/a",
        ),
    ],
)
def test_a_request_is_decided_on_the_resource_that_aws_looks_at(
    operation: str, request_: dict[str, str], resource_: str
) -> None:
    [found] = resources_of(f"sagemaker:{operation}", request_)
    assert found.rpartition(":")[2] == resource_
