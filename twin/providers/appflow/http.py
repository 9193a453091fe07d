"""Calls of a vendor's HTTP interface, as patient as a connector: a vendor that is busy or away is asked again."""

import base64
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

LOGGER: Final = logging.getLogger("twin.appflow")
ATTEMPTS: Final = 4
FIRST_WAIT: Final = 0.2  # seconds; twice as long before each further attempt
LONGEST_WAIT: Final = 5.0
TIMEOUT: Final = 10.0
BUSY: Final = (429, 500, 502, 503, 504)
UNAUTHORIZED: Final = 401
LOOPBACK: Final = ("localhost", "127.0.0.1")

Sleep = Callable[[float], None]


class VendorError(RuntimeError):
    """A vendor refused, or did not answer; the message says what it said."""


class UnauthorizedError(VendorError):
    """The vendor does not know the token, or does not any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a vendor answered: a document, or the text of another content."""

    text: str

    @property
    def document(self) -> Any:
        """The document.

        Raises:
            VendorError: the vendor answered something else.
        """
        try:
            return json.loads(self.text)
        except ValueError as error:
            raise VendorError(f"the vendor answered no JSON: {self.text[:100]!r}") from error


class Http:
    """Calls one vendor.

    Args:
        base: address of its system; on the laptop only one on this machine.
        sleep: waits so many seconds.
    """

    def __init__(self, base: str, *, sleep: Sleep = time.sleep) -> None:
        host = urlsplit(base).hostname
        if host not in LOOPBACK:
            raise VendorError(f"the laptop twin asks vendors on this machine alone, and {base} is elsewhere")
        self.base = base.rstrip("/")
        self._sleep = sleep

    def get(
        self, path: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for a path, or for the address that an earlier page named."""
        url = path if path.startswith("http") else f"{self.base}{path}"
        joined = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url
        return self._call(urllib.request.Request(joined, headers=dict(headers or {})))  # noqa: S310  # of this machine

    def post(
        self, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str] | None = None, *, form: bool = False
    ) -> Answer:
        """Send a document, or a form."""
        content = "application/x-www-form-urlencoded" if form else "application/json"
        data = (urlencode(body or {}) if form else json.dumps(body or {})).encode()
        url = path if path.startswith("http") else f"{self.base}{path}"
        given = {**(headers or {}), "Content-Type": content}
        return self._call(urllib.request.Request(url, data=data, headers=given))  # noqa: S310  # of this machine

    def _call(self, request: urllib.request.Request) -> Answer:
        wait = FIRST_WAIT
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310  # of this machine
                    return Answer(text=answer.read().decode())
            except urllib.error.HTTPError as error:
                said = error.read().decode(errors="replace")[:300]
                if error.code == UNAUTHORIZED:
                    raise UnauthorizedError(f"401 {said}") from error
                if error.code not in BUSY or attempt == ATTEMPTS:
                    raise VendorError(f"{error.code} {said}") from error
                wait = float(error.headers.get("Retry-After") or wait)
            except OSError as error:
                if attempt == ATTEMPTS:
                    raise VendorError(f"{self.base} does not answer: {error}") from error
            LOGGER.info("%s: asked again in %s s", request.full_url.partition("?")[0], wait)
            self._sleep(min(wait, LONGEST_WAIT))
            wait *= 2
        raise VendorError(f"{self.base} does not answer")


def basic(username: str, password: str) -> str:
    """Return the header of basic authentication."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
