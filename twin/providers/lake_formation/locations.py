"""Registered locations: Trino reads and writes below them as the role of their registration, as Athena does on AWS."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from twin.engines.trino import storage_mappings
from twin.principals import RoleSession

LOCATION_TYPE: Final = "AWS::LakeFormation::Resource"
SERVICE: Final = "lakeformation.amazonaws.com"
SESSION: Final = "data-access"


class RegisteredLocations:
    """The roles of the registered locations, in the file that Trino looks at again and again.

    Args:
        path: the file.
        assume: opens a session of a role as a pair of keys without a token, by the role's ARN.
    """

    def __init__(self, *, path: Path, assume: Callable[[str], RoleSession]) -> None:
        self._path = path
        self._assume = assume
        self._sessions: dict[str, RoleSession] = {}
        self._lock = threading.Lock()

    def register(self, properties: Mapping[str, Any]) -> None:
        """Use a location's role from now on; a registration with the service's own role changes nothing here.

        Args:
            properties: the resolved properties of the registration.

        Raises:
            ServiceError: Lake Formation may not assume the role.
        """
        if "RoleArn" in properties:
            session = self._assume(str(properties["RoleArn"]))
            with self._lock:
                self._sessions[_prefix(properties)] = session
                self._write()

    def deregister(self, properties: Mapping[str, Any]) -> None:
        """Use the location's role no longer."""
        with self._lock:
            self._sessions.pop(_prefix(properties), None)
            self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(storage_mappings(self._sessions)), encoding="utf-8")
        draft.replace(self._path)


def _prefix(properties: Mapping[str, Any]) -> str:
    return f"s3://{str(properties['ResourceArn']).rpartition(':')[2].rstrip('/')}/"
