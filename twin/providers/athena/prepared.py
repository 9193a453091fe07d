"""The prepared statements of workgroups: those that the template deploys, and those that clients make beside them."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from twin.emulator.wire import ServiceError

Document = dict[str, Any]
_LISTED: Final = ("StatementName", "LastModifiedTime")


class PreparedStatements:
    """Keeps prepared statements. Names do not depend on case.

    Args:
        deployed: gives the resolved properties of the deployed AWS::Athena::PreparedStatement resources.
    """

    def __init__(self, deployed: Callable[[], list[Document]]) -> None:
        self._deployed = deployed
        self._made: dict[tuple[str, str], Document] = {}
        self._since = datetime.now(UTC)
        self._lock = threading.Lock()

    def find(self, workgroup: str, name: str) -> Document:
        """Return a statement.

        Raises:
            ServiceError: `ResourceNotFoundException`.
        """
        found = self._all(workgroup).get(name.lower())
        if found is None:
            message = f"PreparedStatement {name} was not found in workgroup {workgroup}"
            raise ServiceError("ResourceNotFoundException", message)
        return found

    def listed(self, workgroup: str) -> list[Document]:
        """Return name and age of each statement of a workgroup."""
        found = sorted(self._all(workgroup).items())
        return [{key: statement[key] for key in _LISTED} for _, statement in found]

    def has(self, workgroup: str, name: str) -> bool:
        """Say whether there is such a statement."""
        return name.lower() in self._all(workgroup)

    def create(self, workgroup: str, name: str, query: str, description: str | None) -> None:
        """Keep a new statement.

        Raises:
            ServiceError: there is one of this name.
        """
        with self._lock:
            if self.has(workgroup, name):
                raise ServiceError("InvalidRequestException", f"PreparedStatement {name.lower()} already exists")
            self._keep(workgroup, name, query, description)

    def update(self, workgroup: str, name: str, query: str, description: str | None) -> None:
        """Replace a statement.

        Raises:
            ServiceError: there is none of this name, or a template made it.
        """
        with self._lock:
            self.find(workgroup, name)
            self._refuse_deployed(workgroup, name)
            self._keep(workgroup, name, query, description)

    def delete(self, workgroup: str, name: str) -> None:
        """Forget a statement.

        Raises:
            ServiceError: there is none of this name, or a template made it.
        """
        with self._lock:
            self.find(workgroup, name)
            self._refuse_deployed(workgroup, name)
            del self._made[workgroup, name.lower()]

    def _refuse_deployed(self, workgroup: str, name: str) -> None:
        if (workgroup, name.lower()) not in self._made:
            raise ServiceError(
                "InvalidRequestException",
                f"the laptop twin leaves PreparedStatement {name} to the stack that deployed it; change the template",
            )

    def _keep(self, workgroup: str, name: str, query: str, description: str | None) -> None:
        self._made[workgroup, name.lower()] = _statement(workgroup, name, query, description, datetime.now(UTC))

    def _all(self, workgroup: str) -> dict[str, Document]:
        made = {name: statement for (group, name), statement in self._made.items() if group == workgroup}
        deployed = {
            stated["StatementName"].lower(): _statement(
                workgroup, stated["StatementName"], stated["QueryStatement"], stated.get("Description"), self._since
            )
            for stated in self._deployed()
            if stated["WorkGroup"] == workgroup
        }
        return {**made, **deployed}


def _statement(workgroup: str, name: str, query: str, description: str | None, at: datetime) -> Document:
    described = {} if description is None else {"Description": description}
    return {
        "StatementName": name.lower(),
        "WorkGroupName": workgroup,
        "QueryStatement": query,
        **described,
        "LastModifiedTime": at,
    }
