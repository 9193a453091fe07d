"""The account-level suppression list of SES: addresses that SES no longer writes to."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from twin.emulator.wire import ServiceError

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressed:
    """Why an address is on the list, and since when."""

    address: str
    reason: str
    at: datetime

    def document(self) -> Document:
        """Return it as SES shows it."""
        return {"EmailAddress": self.address, "Reason": self.reason, "LastUpdateTime": self.at}


@dataclass
class SuppressionList:
    """The operations of SES on the list. Addresses are kept in lower case, as SES does."""

    _entries: dict[str, Suppressed] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reason(self, address: str) -> str | None:
        """Return why an address is on the list, or None."""
        with self._lock:
            found = self._entries.get(address.lower())
        return None if found is None else found.reason

    def put_suppressed_destination(self, request: Document) -> Document:
        """Put an address on the list; one that is there gets the new reason."""
        address = str(request["EmailAddress"]).lower()
        with self._lock:
            self._entries[address] = Suppressed(address=address, reason=str(request["Reason"]), at=datetime.now(UTC))
        return {}

    def get_suppressed_destination(self, request: Document) -> Document:
        """Return an address of the list.

        Raises:
            ServiceError: it is not on it.
        """
        return {"SuppressedDestination": self._named(request).document()}

    def delete_suppressed_destination(self, request: Document) -> Document:
        """Take an address off the list.

        Raises:
            ServiceError: it is not on it.
        """
        found = self._named(request)
        with self._lock:
            self._entries.pop(found.address, None)
        return {}

    def list_suppressed_destinations(self, request: Document) -> Document:
        """Return the addresses of the list, of the given reasons and times."""
        with self._lock:
            entries = sorted(self._entries.values(), key=lambda entry: (entry.at, entry.address))
        return {"SuppressedDestinationSummaries": [entry.document() for entry in entries if _is_asked(entry, request)]}

    def _named(self, request: Document) -> Suppressed:
        address = str(request["EmailAddress"]).lower()
        with self._lock:
            found = self._entries.get(address)
        if found is None:
            raise ServiceError(
                "NotFoundException", f"Email address {address} does not exist on your suppression list.", 404
            )
        return found


def _is_asked(entry: Suppressed, request: Mapping[str, Any]) -> bool:
    reasons, since, until = (request.get(name) for name in ("Reasons", "StartDate", "EndDate"))
    return (
        (not reasons or entry.reason in reasons)
        and (since is None or entry.at >= since)
        and (until is None or entry.at < until)
    )
