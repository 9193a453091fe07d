"""Profiles of SageMaker Studio: what Canvas may do, and what has to end before one can be deleted.

SageMaker refuses to delete a profile with an app or a space, and a space with an app. An app ends in its own time.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

_OFF: Final = {"Status": "DISABLED"}
# States of an app that is gone, or goes by itself.
_GONE: Final = frozenset({"Deleted", "Failed"})
_DELETING: Final = "Deleting"
_LOOK_SECONDS: Final = 10.0
_LONGEST_SECONDS: Final = 780.0  # of the function's 840
_BUSY: Final = frozenset({"Updating", "Pending"})


class StillThereError(TimeoutError):
    """Something has not ended in time; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A user's profile.

    Attributes:
        domain: id of its domain.
        name: of the profile.
        space: the space that the template makes for the user, which CloudFormation deletes itself.
    """

    domain: str
    name: str
    space: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What has ended with a profile."""

    apps: int
    spaces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """The profiles of a domain.

    Attributes:
        client: of SageMaker.
        now: seconds that only grow.
        sleep: waits for seconds.
    """

    client: Any
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def set_up(self, profile: Profile, *, home: str, key: str) -> None:
        """Say where Canvas keeps what the user prepares, and switch off what the user's role may not do.

        Args:
            home: a place in S3; empty for a user without Canvas, about whom nothing has to be said.
            key: ARN of the key for what is kept there.

        Raises:
            StillThereError: SageMaker is still changing the profile.
            ClientError: the profile does not exist, or the function may not change it.
        """
        if not home:
            return
        at = {"DomainId": profile.domain, "UserProfileName": profile.name}
        self._until_ready(at)
        canvas = {
            "WorkspaceSettings": {"S3ArtifactPath": home, "S3KmsKeyId": key},
            "TimeSeriesForecastingSettings": _OFF,
            "DirectDeploySettings": _OFF,
            "ModelRegisterSettings": _OFF,
            "EmrServerlessSettings": _OFF,
        }
        self.client.update_user_profile(**at, UserSettings={"CanvasAppSettings": canvas})
        self._until_ready(at)

    def empty(self, profile: Profile) -> Ended:
        """End all apps of a user, and delete the spaces that the user has made.

        Raises:
            StillThereError: an app has not ended in time; CloudFormation may be asked again.
        """
        spaces = [name for name in self._spaces(profile) if name != profile.space]
        apps = list(self._apps(profile, [*spaces, profile.space]))
        for app in apps:
            if app["Status"] not in _GONE | {_DELETING}:
                self.client.delete_app(**_key_of(app))
        deadline = self.now() + _LONGEST_SECONDS
        while left := [app for app in self._apps(profile, [*spaces, profile.space]) if app["Status"] not in _GONE]:
            self._wait(deadline, f"{len(left)} apps of {profile.name}, such as {left[0]['AppName']}")
        for name in spaces:
            self.client.delete_space(DomainId=profile.domain, SpaceName=name)
        while still := set(spaces) & set(self._spaces(profile)):
            self._wait(deadline, f"the space {min(still)}")
        return Ended(apps=len(apps), spaces=len(spaces))

    def _until_ready(self, at: dict[str, str]) -> None:
        deadline = self.now() + _LONGEST_SECONDS
        while self.client.describe_user_profile(**at)["Status"] in _BUSY:
            self._wait(deadline, f"the profile {at['UserProfileName']}")

    def _wait(self, deadline: float, what: str) -> None:
        if self.now() >= deadline:
            raise StillThereError(f"SageMaker is not done with {what}: wait, and deploy or delete again")
        self.sleep(_LOOK_SECONDS)

    def _spaces(self, profile: Profile) -> Iterator[str]:
        pages = self.client.get_paginator("list_spaces").paginate(DomainIdEquals=profile.domain)
        for page in pages:
            for space in page["Spaces"]:
                owner = space.get("OwnershipSettingsSummary", {}).get("OwnerUserProfileName")
                if owner == profile.name:
                    yield space["SpaceName"]

    def _apps(self, profile: Profile, spaces: list[str]) -> Iterator[dict[str, Any]]:
        """Yield the apps of the user, such as Canvas, and those in the user's spaces."""
        wanted = [{"UserProfileNameEquals": profile.name}, *({"SpaceNameEquals": name} for name in spaces)]
        pages = self.client.get_paginator("list_apps")
        for one in wanted:
            for page in pages.paginate(DomainIdEquals=profile.domain, **one):
                yield from page["Apps"]


def _key_of(app: dict[str, Any]) -> dict[str, str]:
    names = ("DomainId", "UserProfileName", "SpaceName", "AppType", "AppName")
    return {name: app[name] for name in names if app.get(name)}
