"""What the vendors' servers share: a server in a thread, tokens that expire after some calls, and busy answers."""

import json
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from twin.engines.databases import Certificate

Document = dict[str, Any]


class Refused(Exception):  # noqa: N818  # an answer, and no error of the server
    """An answer that is no success."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, dict(headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a vendor's system; the names of its headers are in small letters.

    Attributes:
        body: a document, or the fields of a form.
        content: the body as it was sent.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Document
    content: bytes


class VendorServer(ABC):
    """A vendor's system on this machine.

    Args:
        port: where it listens; 0 for a free one.
        calls_per_token: a token is refused after so many calls; None for never.
        busy: so many calls of data are answered by 429 first.
        page: records of a page.
        certificate: that it shows over HTTPS; None for plain HTTP.

    Attributes:
        requests: method and path of each call that was answered, in order.
        statuses: of the answers.
        is_down: answer 503 to everything.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        calls_per_token: int | None = None,
        busy: int = 0,
        page: int = 2,
        certificate: Certificate | None = None,
    ) -> None:
        self.page, self.busy, self.is_down = page, busy, False
        self.requests: list[tuple[str, str]] = []
        self.statuses: list[int] = []
        self._calls_per_token, self._tokens, self._left = calls_per_token, 0, 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self._scheme = "http"
        if certificate is not None:
            self._scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.chain, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def address(self) -> str:
        """Where it is."""
        return f"{self._scheme}://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name=type(self).__name__, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    # ---- what a vendor implements

    @abstractmethod
    def answer(self, call: Call) -> Any:
        """Return a document, or a text; raise `Refused` for anything but success."""

    # ---- what it may use

    def new_token(self) -> str:
        """Give out a token; the one before it is good no more."""
        self._tokens += 1
        self._left = -1 if self._calls_per_token is None else self._calls_per_token
        return f"token-{self._tokens}"

    def is_good(self, headers: Mapping[str, str]) -> bool:
        """Say whether a call has the present token, which this call uses up a little."""
        if headers.get("authorization") != f"Bearer token-{self._tokens}" or self._left == 0:
            return False
        self._left -= 1
        return True

    def must_wait(self) -> bool:
        """Say whether this call comes too soon."""
        if self.busy == 0:
            return False
        self.busy -= 1
        return True

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Keep the test's output clean."""

            def do_GET(self) -> None:
                self._do("GET")

            def do_POST(self) -> None:
                self._do("POST")

            def do_PUT(self) -> None:
                self._do("PUT")

            def do_DELETE(self) -> None:
                self._do("DELETE")

            def _do(self, method: str) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                status, answered, headers = vendor._respond(
                    method, self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(size)
                )
                data = answered.encode() if isinstance(answered, str) else json.dumps(answered).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        return Handler

    def _respond(
        self, method: str, target: str, headers: Mapping[str, str], content: bytes
    ) -> tuple[int, Any, Mapping[str, str]]:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with self._lock:
            self.requests.append((method, parts.path))
            status, answered, more = self._answered(method, parts.path, query, headers, content)
            self.statuses.append(status)
        return status, answered, more

    def _answered(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], content: bytes
    ) -> tuple[int, Any, Mapping[str, str]]:
        if self.is_down:
            return 503, "Service Unavailable", {}
        is_form = headers.get("content-type") == "application/x-www-form-urlencoded"
        text = content.decode()
        body = {k: v[0] for k, v in parse_qs(text).items()} if is_form else json.loads(text or "{}")
        call = Call(method=method, path=path, query=query, headers=headers, body=body, content=content)
        try:
            return 200, self.answer(call), {}
        except Refused as refused:
            return refused.status, refused.body, refused.headers
