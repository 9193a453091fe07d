"""Closes a database: revokes the permissions that leave it, and its tables, to IAM alone."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from c360_aws.lake_permissions import OpenPermission, open_permissions

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_lakeformation import LakeFormationClient

ATTEMPTS: Final = 6
FIRST_PAUSE_SECONDS: Final = 0.5


class StillOpenError(RuntimeError):
    """Permissions were granted again, or could not be revoked; the message names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseCloser:
    """Revokes the group's permissions on databases.

    Attributes:
        glue: lists tables.
        lake_formation: lists and revokes permissions.
        sleep: waits some seconds.
    """

    glue: "GlueClient"
    lake_formation: "LakeFormationClient"
    sleep: Callable[[float], None] = time.sleep

    def close(self, database: str) -> list[OpenPermission]:
        """Revoke what the group holds on a database and its tables, one after the other; return what it held.

        A database that is closed already stays as it is.

        Raises:
            StillOpenError: the group holds permissions afterwards.
            ClientError: the database does not exist, or the function may not revoke.
        """
        found = self._open(database)
        for permission in found:
            self._revoke(permission)
        if found and (left := self._open(database)):
            names = "; ".join(str(permission) for permission in left)
            raise StillOpenError(f"everybody whom IAM allows still has permissions ({names}); deploy again")
        return found

    def _open(self, database: str) -> list[OpenPermission]:
        return open_permissions(database, glue=self.glue, lake_formation=self.lake_formation)

    def _revoke(self, permission: OpenPermission) -> None:
        """Revoke permissions; wait while somebody else changes the same resource.

        What is not held any more, or lies on a table that was dropped, needs no revoking.
        """
        faults = self.lake_formation.exceptions
        for attempt in range(ATTEMPTS):
            try:
                self.lake_formation.revoke_permissions(
                    Principal=permission.entry["Principal"],
                    Resource=permission.entry["Resource"],
                    Permissions=permission.entry["Permissions"],
                    PermissionsWithGrantOption=permission.entry.get("PermissionsWithGrantOption", []),
                )
            except (faults.InvalidInputException, faults.EntityNotFoundException):
                return  # `close` looks again whether it is still held
            except faults.ConcurrentModificationException:
                if attempt == ATTEMPTS - 1:
                    raise
                self.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
            else:
                return
