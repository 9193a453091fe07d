"""The Feature Store: the groups of the templates, and the records that their online stores keep.

Records outlive the emulator: each change is a line of a file. Of the offline store nothing is carried.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from twin.emulator.resource_names import arn
from twin.emulator.wire import ServiceError

Document = dict[str, Any]

CREATED: Final = "Created"
MOST_IDENTIFIERS: Final = 100  # of one BatchGetRecord
_ONLINE: Final = "OnlineStore"
_WHOLE: Final = re.compile(r"-?[0-9]+")
_LEAST, _MOST = -(2**63), 2**63 - 1
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z")
_UNITS: Final = {"Seconds": 1, "Minutes": 60, "Hours": 3600, "Days": 86_400, "Weeks": 604_800}
_STATED: Final = (
    "FeatureGroupName",
    "RecordIdentifierFeatureName",
    "EventTimeFeatureName",
    "FeatureDefinitions",
    "OnlineStoreConfig",
    "OfflineStoreConfig",
    "ThroughputConfig",
    "RoleArn",
    "Description",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group as its template states it."""

    properties: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.properties["FeatureGroupName"])

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kind of each feature by its name."""
        return {one["FeatureName"]: one["FeatureType"] for one in self.properties["FeatureDefinitions"]}

    @property
    def person(self) -> str:
        """The feature that says what a record is about."""
        return str(self.properties["RecordIdentifierFeatureName"])

    @property
    def time(self) -> str:
        """The feature that says when a record was made."""
        return str(self.properties["EventTimeFeatureName"])

    def lives(self, asked: Mapping[str, Any] | None) -> timedelta | None:
        """Return how long a record stays: as its request says, or as the group does; None: for good."""
        stated = asked or (self.properties.get("OnlineStoreConfig") or {}).get("TtlDuration")
        return None if not stated else timedelta(seconds=_UNITS[stated["Unit"]] * int(stated["Value"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A record of the online store; one without texts is a soft deletion."""

    at: datetime
    expires: datetime | None
    texts: Mapping[str, str] | None

    def as_line(self, group: str, identifier: str) -> str:
        """Return it as a line of the file."""
        told = {
            "group": group,
            "identifier": identifier,
            "at": self.at.isoformat(),
            "expires": self.expires.isoformat() if self.expires else None,
            "texts": dict(self.texts) if self.texts is not None else None,
        }
        return json.dumps(told) + "\n"

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Kept":
        """Return what a line says."""
        expires = datetime.fromisoformat(told["expires"]) if told["expires"] else None
        return cls(at=datetime.fromisoformat(told["at"]), expires=expires, texts=told["texts"])


class OnlineStore:
    """The newest record of each identifier.

    Args:
        path: of the file.
        now: the time.
    """

    def __init__(self, path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self._now, self._lock = path, now, threading.RLock()
        self._held: dict[tuple[str, str], Kept] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                told = json.loads(line)
                self._note(told["group"], told["identifier"], None if told.get("gone") else Kept.of(told))

    def get(self, group: str, identifier: str) -> Kept | None:
        """Return a record, deleted or not; None where there is none, or it has expired."""
        with self._lock:
            found = self._held.get((group, identifier))
        return None if found is None or (found.expires is not None and found.expires <= self._now()) else found

    def put(self, group: str, identifier: str, kept: Kept) -> None:
        """Keep a record unless there is one that is as new."""
        with self._lock:
            there = self.get(group, identifier)
            if there is None or kept.at > there.at:
                self._write(kept.as_line(group, identifier))
                self._note(group, identifier, kept)

    def drop(self, group: str, identifier: str) -> None:
        """Forget a record."""
        with self._lock:
            self._write(json.dumps({"group": group, "identifier": identifier, "gone": True}) + "\n")
            self._note(group, identifier, None)

    def forget(self, group: str) -> None:
        """Forget all records of a group."""
        with self._lock:
            for of, identifier in [key for key in self._held if key[0] == group]:
                self.drop(of, identifier)

    def _note(self, group: str, identifier: str, kept: Kept | None) -> None:
        if kept is None:
            self._held.pop((group, identifier), None)
        else:
            self._held[group, identifier] = kept

    def _write(self, line: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)


class FeatureGroups:
    """The operations on groups.

    Args:
        deployed: gives the properties of the deployed groups.
    """

    def __init__(self, deployed: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
        self._deployed = deployed

    def find(self, named: str) -> Group | None:
        """Return a group by its name or ARN."""
        name = named.rpartition("/")[2]
        return next((Group(properties=one) for one in self._deployed() if one["FeatureGroupName"] == name), None)

    def describe_feature_group(self, request: Document) -> Document:
        """Describe a group as its template states it."""
        group = self.find(request["FeatureGroupName"])
        if group is None:
            raise ServiceError("ResourceNotFound", f"Resource Not Found: {request['FeatureGroupName']}")
        stated = {name: group.properties[name] for name in _STATED if name in group.properties}
        return {
            "FeatureGroupArn": arn("sagemaker", f"feature-group/{group.name}"),
            **stated,
            "FeatureGroupStatus": CREATED,
            "CreationTime": 0,
            "NextToken": "",
        }


class Records:
    """The operations on records.

    Args:
        groups: has the groups.
        store: keeps the records.
    """

    def __init__(self, groups: FeatureGroups, store: OnlineStore) -> None:
        self._groups, self._store = groups, store

    def put_record(self, request: Document) -> Document:
        """Keep a record, in the place of an older one; one that is not newer is for the offline store alone."""
        group = self._group(request)
        texts = _texts(group, request["Record"])
        if _ONLINE in request.get("TargetStores", [_ONLINE]):
            at, lives = _moment(group.time, texts[group.time]), group.lives(request.get("TtlDuration"))
            kept = Kept(at=at, expires=at + lives if lives else None, texts=texts)
            self._store.put(group.name, texts[group.person], kept)
        return {}

    def get_record(self, request: Document) -> Document:
        """Return the newest record of an identifier, or nothing."""
        group = self._group(request)
        names = request.get("FeatureNames")
        return self._answer(group, request["RecordIdentifierValueAsString"], names, request) or {}

    def batch_get_record(self, request: Document) -> Document:
        """Return the newest records of identifiers; of those that are not there, nothing is said."""
        asked = [
            (one, identifier) for one in request["Identifiers"] for identifier in one["RecordIdentifiersValueAsString"]
        ]
        if len(asked) > MOST_IDENTIFIERS:
            raise ServiceError("ValidationError", f"Too many record identifiers: {len(asked)}, at most 100")
        found = []
        for one, identifier in asked:
            group = self._group(one)
            if answer := self._answer(group, identifier, one.get("FeatureNames"), request):
                found.append(
                    {"FeatureGroupName": one["FeatureGroupName"], "RecordIdentifierValueAsString": identifier, **answer}
                )
        return {"Records": found, "Errors": [], "UnprocessedIdentifiers": []}

    def delete_record(self, request: Document) -> Document:
        """Delete a record that is older than the deletion: softly, or wholly."""
        group, identifier = self._group(request), request["RecordIdentifierValueAsString"]
        at, there = _moment("EventTime", request["EventTime"]), self._store.get(group.name, identifier)
        is_hard = request.get("DeletionMode") == "HardDelete"
        if there is not None and at <= there.at:
            if is_hard:
                raise ServiceError("ValidationError", "EventTime: it is not later than that of the record")
            return {}
        if is_hard:
            self._store.drop(group.name, identifier)
        else:
            lives = group.lives(request.get("TtlDuration"))
            self._store.put(group.name, identifier, Kept(at=at, expires=at + lives if lives else None, texts=None))
        return {}

    def _answer(self, group: Group, identifier: str, names: Sequence[str] | None, request: Document) -> Document | None:
        kept = self._store.get(group.name, identifier)
        if kept is None or kept.texts is None:
            return None
        if strange := [name for name in names or () if name not in group.kinds]:
            raise ServiceError("ValidationError", f"Feature {strange[0]} does not exist in {group.name}")
        record = [
            {"FeatureName": name, "ValueAsString": text}
            for name, text in kept.texts.items()
            if names is None or name in names
        ]
        told = request.get("ExpirationTimeResponse") == "Enabled" and kept.expires is not None
        return {"Record": record, **({"ExpiresAt": f"{kept.expires:%FT%TZ}"} if told else {})}

    def _group(self, request: Document) -> Group:
        named = request["FeatureGroupName"]
        group = self._groups.find(named)
        if group is None:
            raise ServiceError("ResourceNotFound", f"Feature group {named} does not exist", 404)
        if not (group.properties.get("OnlineStoreConfig") or {}).get("EnableOnlineStore"):
            raise ServiceError("ValidationError", f"Feature group {named} has no online store")
        return group


def _texts(group: Group, record: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the texts of a record by feature, if they are as its group asks."""
    texts: dict[str, str] = {}
    for one in record:
        name, text = one["FeatureName"], one.get("ValueAsString")
        if name not in group.kinds:
            raise ServiceError("ValidationError", f"Feature {name} does not exist in {group.name}")
        if name in texts:
            raise ServiceError("ValidationError", f"Feature {name} is there twice")
        if text is None:
            raise ServiceError("ValidationError", f"Feature {name} has no value, or one that the laptop does not keep")
        _check(name, text, group.kinds[name])
        texts[name] = text
    for name in (group.person, group.time):
        if name not in texts:
            raise ServiceError("ValidationError", f"Missing required feature: {name}")
    return texts


def _check(name: str, text: str, kind: str) -> None:
    if kind == "Integral" and not (_WHOLE.fullmatch(text) and _LEAST <= int(text) <= _MOST):
        raise ServiceError("ValidationError", f"Feature {name}: {text!r} is not Integral")
    if kind == "Fractional":
        try:
            float(text)
        except ValueError as error:
            raise ServiceError("ValidationError", f"Feature {name}: {text!r} is not Fractional") from error


def _moment(name: str, text: str) -> datetime:
    """Return a moment as the store takes it: ISO 8601 in UTC, to the second or the millisecond."""
    if not _MOMENT.fullmatch(text):
        raise ServiceError("ValidationError", f"{name}: {text!r} is no time such as 2026-03-01T00:00:00Z")
    return datetime.fromisoformat(text)
