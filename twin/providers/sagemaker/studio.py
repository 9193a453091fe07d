"""Domains, profiles and spaces of the template, and the spaces and apps that people make in them.

An app is only noted: a notebook runs on the laptop by its command, with the role that the profile names.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from twin.emulator.resource_names import arn
from twin.emulator.stand_ins import Resource
from twin.emulator.wire import ServiceError

Document = dict[str, Any]

IN_SERVICE: Final = "InService"
DELETED: Final = "Deleted"
# Apps of a user, who needs no space for them; any other belongs to a space.
OF_A_USER: Final = ("Canvas",)
APPS: Final = ("JupyterLab", *OF_A_USER)


class SageMaker:
    """The stand-in; every public method is an operation of the service.

    Args:
        domains: gives the deployed domains.
        profiles: gives the deployed profiles.
        spaces: gives the deployed spaces.
        trusted: refuses a role that SageMaker may not act as.
        now: the time.
    """

    def __init__(
        self,
        *,
        domains: Callable[[], Sequence[Resource]],
        profiles: Callable[[], Sequence[Resource]],
        spaces: Callable[[], Sequence[Resource]],
        trusted: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._domains, self._profiles, self._deployed_spaces = domains, profiles, spaces
        self._trusted, self._now = trusted, now
        self._canvas: dict[tuple[str, str], Document] = {}
        self._made: dict[tuple[str, str], Document] = {}
        self._apps: dict[tuple[str, ...], Document] = {}
        self._lock = threading.RLock()

    # ---- domains and profiles

    def list_domains(self, _request: Document) -> Document:
        """List the domains."""
        return {
            "Domains": [
                {
                    "DomainId": one.physical_id,
                    "DomainArn": arn("sagemaker", f"domain/{one.physical_id}"),
                    "DomainName": one.properties["DomainName"],
                    "Status": IN_SERVICE,
                }
                for one in self._domains()
            ]
        }

    def describe_domain(self, request: Document) -> Document:
        """Describe a domain as the template states it."""
        found = next((one for one in self._domains() if one.physical_id == request["DomainId"]), None)
        if found is None:
            raise _missing(f"Domain {request['DomainId']}")
        named = ("DomainName", "AuthMode", "AppNetworkAccessType", "VpcId", "SubnetIds", "KmsKeyId")
        stated = {name: found.properties[name] for name in named if name in found.properties}
        identifier = {"DomainId": found.physical_id, "DomainArn": arn("sagemaker", f"domain/{found.physical_id}")}
        return {**identifier, **stated, "Status": IN_SERVICE}

    def list_user_profiles(self, request: Document) -> Document:
        """List the profiles, of one domain or of all."""
        wanted = request.get("DomainIdEquals")
        stated = [one.properties for one in self._profiles() if wanted in {None, one.properties["DomainId"]}]
        return {
            "UserProfiles": [
                {"DomainId": one["DomainId"], "UserProfileName": one["UserProfileName"], "Status": IN_SERVICE}
                for one in stated
            ]
        }

    def describe_user_profile(self, request: Document) -> Document:
        """Describe a profile: what the template states, and what has been said of Canvas since."""
        stated = self._profile(request["DomainId"], request["UserProfileName"])
        canvas = self._canvas.get((request["DomainId"], request["UserProfileName"]))
        return {
            "DomainId": request["DomainId"],
            "UserProfileName": request["UserProfileName"],
            "UserProfileArn": arn("sagemaker", f"user-profile/{request['DomainId']}/{request['UserProfileName']}"),
            "Status": IN_SERVICE,
            "UserSettings": {**stated.get("UserSettings", {}), **({"CanvasAppSettings": canvas} if canvas else {})},
        }

    def update_user_profile(self, request: Document) -> Document:
        """Change what Canvas does for a user; everything else of a profile is for the template to say."""
        self._profile(request["DomainId"], request["UserProfileName"])
        changed = request.get("UserSettings", {})
        if others := sorted(set(changed) - {"CanvasAppSettings"}):
            raise ServiceError(
                "ValidationException", f"the laptop twin changes only CanvasAppSettings, not {others[0]}"
            )
        with self._lock:
            self._canvas[request["DomainId"], request["UserProfileName"]] = changed["CanvasAppSettings"]
        return {"UserProfileArn": arn("sagemaker", f"user-profile/{request['DomainId']}/{request['UserProfileName']}")}

    # ---- spaces

    def create_space(self, request: Document) -> Document:
        """Make a private space, as its owner does in the studio."""
        domain, name = request["DomainId"], request["SpaceName"]
        sharing = request.get("SpaceSharingSettings", {}).get("SharingType")
        if sharing != "Private":
            raise ServiceError("ValidationException", "a domain without a file system has private spaces alone")
        self._profile(domain, request["OwnershipSettings"]["OwnerUserProfileName"])
        if name in {one["SpaceName"] for one in self._spaces(domain)}:
            raise ServiceError("ResourceInUse", f"Space {name} already exists")
        with self._lock:
            self._made[domain, name] = request
        return {"SpaceArn": arn("sagemaker", f"space/{domain}/{name}")}

    def list_spaces(self, request: Document) -> Document:
        """List the spaces of a domain."""
        found = self._spaces(request["DomainIdEquals"])
        return {
            "Spaces": [
                {
                    "DomainId": one["DomainId"],
                    "SpaceName": one["SpaceName"],
                    "Status": IN_SERVICE,
                    "OwnershipSettingsSummary": one["OwnershipSettings"],
                }
                for one in found
            ]
        }

    def delete_space(self, request: Document) -> Document:
        """Delete a space that somebody has made, once no app is in it."""
        key = request["DomainId"], request["SpaceName"]
        if key not in self._made:
            raise _missing(f"Space {request['SpaceName']}")
        if any(app.get("SpaceName") == key[1] for app in self._running(key[0])):
            raise ServiceError("ResourceInUse", f"Space {key[1]} has an app: delete it first")
        with self._lock:
            del self._made[key]
        return {}

    # ---- apps

    def create_app(self, request: Document) -> Document:
        """Note an app, if SageMaker may act as the role of its user."""
        domain, kind = request["DomainId"], request["AppType"]
        if kind not in APPS:
            raise ServiceError("ValidationException", f"the laptop twin notes {' and '.join(APPS)}, not {kind}")
        owner = request.get("UserProfileName") if kind in OF_A_USER else self._owner(domain, request.get("SpaceName"))
        if not owner:
            raise ServiceError("ValidationException", f"{kind} needs a {'user' if kind in OF_A_USER else 'space'}")
        self._trusted(self._profile(domain, owner)["UserSettings"]["ExecutionRole"])
        app = {**request, "Status": IN_SERVICE, "CreationTime": self._now()}
        with self._lock:
            self._apps[_key(request)] = app
        return {"AppArn": arn("sagemaker", "/".join(("app", *_key(request))))}

    def describe_app(self, request: Document) -> Document:
        """Describe an app."""
        if (found := self._apps.get(_key(request))) is None:
            raise _missing(f"App {request['AppName']}")
        return _described(found)

    def list_apps(self, request: Document) -> Document:
        """List the apps, of a user or of a space; those that have ended for a day."""
        wanted = {
            "DomainId": request.get("DomainIdEquals"),
            "UserProfileName": request.get("UserProfileNameEquals"),
            "SpaceName": request.get("SpaceNameEquals"),
        }
        asked = {name: value for name, value in wanted.items() if value}
        with self._lock:
            found = [app for app in self._apps.values() if asked.items() <= app.items()]
        return {"Apps": [_described(app) for app in found]}

    def delete_app(self, request: Document) -> Document:
        """End an app."""
        with self._lock:
            if (found := self._apps.get(_key(request))) is None or found["Status"] == DELETED:
                raise _missing(f"App {request['AppName']}")
            found["Status"] = DELETED
        return {}

    # ---- what there is

    def running(self, domain: str, *, user: str = "", space: str = "") -> bool:
        """Say whether a user or a space still has an app; no operation of the API."""
        wanted = {"UserProfileName": user} if user else {"SpaceName": space}
        return any(wanted.items() <= app.items() for app in self._running(domain))

    def made_by(self, domain: str, user: str) -> list[str]:
        """Return the spaces that a user has made beside those of the template; no operation of the API."""
        made = [one for (of, _), one in self._made.items() if of == domain]
        return [one["SpaceName"] for one in made if one["OwnershipSettings"]["OwnerUserProfileName"] == user]

    def _running(self, domain: str) -> list[Document]:
        with self._lock:
            return [app for app in self._apps.values() if app["DomainId"] == domain and app["Status"] != DELETED]

    def _spaces(self, domain: str) -> list[Document]:
        stated = [one.properties for one in self._deployed_spaces()]
        with self._lock:
            return [one for one in (*stated, *self._made.values()) if one["DomainId"] == domain]

    def _owner(self, domain: str, space: str | None) -> str:
        found = next((one for one in self._spaces(domain) if one["SpaceName"] == space), None)
        if found is None:
            raise _missing(f"Space {space}")
        return str(found["OwnershipSettings"]["OwnerUserProfileName"])

    def _profile(self, domain: str, name: str) -> Document:
        for one in self._profiles():
            if (one.properties["DomainId"], one.properties["UserProfileName"]) == (domain, name):
                return one.properties
        raise _missing(f"User profile {name}")


def _key(request: Document) -> tuple[str, ...]:
    owner = request.get("SpaceName") or request.get("UserProfileName") or ""
    return (request["DomainId"], owner, request["AppType"].lower(), request["AppName"])


def _described(app: Document) -> Document:
    names = ("DomainId", "UserProfileName", "SpaceName", "AppType", "AppName", "Status", "CreationTime")
    return {name: app[name] for name in names if app.get(name)}


def _missing(what: str) -> ServiceError:
    return ServiceError("ResourceNotFound", f"{what} does not exist")
