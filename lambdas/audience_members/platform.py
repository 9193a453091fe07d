"""What the advertising platforms have in common: requests over HTTP, batches, what became of them, and faults."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from lambdas.audience_members.members import Member

Document = Mapping[str, Any]
TIMEOUT_SECONDS: Final = 60
_OK: Final = 200
_SERVER_FAULT: Final = 500
_TOO_MANY: Final = 429


class PlatformBusyError(RuntimeError):
    """The platform asks to wait, or cannot be reached: tell it again later."""


class PlatformRefusedError(RuntimeError):
    """The platform refuses a whole request; the message has its code. Somebody has to mend the account or us."""


class CredentialsError(RuntimeError):
    """The platform does not take our credentials, or the secret has none; the message names the secret."""


class Operation(StrEnum):
    """What a platform is told."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The place of a batch among those that are sent together.

    Attributes:
        number: of the session, a positive 63-bit number.
        batch: from 1.
        is_last: no batch comes after it.
        members: in all batches.
    """

    number: int
    batch: int
    is_last: bool
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a batch.

    Attributes:
        confirmed: members of whom it is done.
        refused: why not, of each that the platform refuses.
        request: whose outcome tells about all others; empty if there are none.
    """

    confirmed: Sequence[Member] = ()
    refused: Mapping[Member, str] = field(default_factory=dict)
    request: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a request: still open, done, or not done as a whole for a reason."""

    is_open: bool = False
    reason: str = ""


class Platform(Protocol):
    """An audience at a platform. Telling it the same again changes nothing there."""

    @property
    def most(self) -> int:
        """Members of a batch, at most."""

    def tell(self, operation: Operation, members: Sequence[Member], session: Session) -> Taken:
        """Add or remove a batch of members.

        Raises:
            PlatformBusyError: tell it again later.
            PlatformRefusedError: it takes nothing of the kind.
            CredentialsError: it does not know us.
        """

    def outcome(self, request: str) -> Outcome:
        """Return what became of a request; raises as `tell` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer over HTTP; a body that is no JSON object is empty."""

    status: int
    body: Document

    @property
    def is_good(self) -> bool:
        """Whether the request succeeded."""
        return self.status == _OK

    @property
    def is_busy(self) -> bool:
        """Whether the platform asks to wait, or has a fault of its own."""
        return self.status == _TOO_MANY or self.status >= _SERVER_FAULT


class Http(Protocol):
    """Sends requests."""

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the answer; raise PlatformBusyError when there is none."""


class HttpClient:
    """Sends requests, each over a connection of its own."""

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the answer.

        Raises:
            PlatformBusyError: there is none.
        """
        place = urlsplit(url)
        kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        connection = kind(place.hostname or "", place.port, timeout=TIMEOUT_SECONDS)
        target = f"{place.path}?{place.query}" if place.query else place.path
        try:
            connection.request(method, target, body=body, headers=dict(headers))
            response = connection.getresponse()
            return Answer(status=response.status, body=_document(response.read()))
        except (OSError, http.client.HTTPException) as error:
            raise PlatformBusyError(f"{place.hostname} gave no answer: {type(error).__name__}") from error
        finally:
            connection.close()


def _document(content: bytes) -> Document:
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def read_credentials(name: str, text: str, *fields: str) -> Mapping[str, str]:
    """Return the credentials in a secret, a JSON object.

    Args:
        name: of the secret, for messages.
        text: its value.
        fields: which it must have.

    Raises:
        CredentialsError: it is no object, or lacks a field.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    missing = [one for one in fields if not isinstance(found, dict) or not isinstance(found.get(one), str)]
    if not isinstance(found, dict) or missing:
        raise CredentialsError(f"secret {name}: expected a JSON object with {', '.join(fields)}; store one")
    return found
