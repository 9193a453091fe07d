"""A session on an application of EMR Serverless, by its Livy endpoint: what a PySpark kernel of EMR Studio uses, too.

Each request is signed for EMR Serverless, as whoever the AWS variables of the process say.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SERVICE: Final = "emr-serverless"
ROLE: Final = "emr-serverless.session.executionRoleArn"
_LOOK_SECONDS: Final = 0.5
_START_SECONDS: Final = 600.0
_STATEMENT_SECONDS: Final = 1_800.0
_REQUEST_SECONDS: Final = 60.0
_DEAD: Final = frozenset({"dead", "error", "killed", "shutting_down"})


class SessionFailedError(RuntimeError):
    """The endpoint refuses a request, or a session has not started; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What came of a statement.

    Attributes:
        text: what it has printed and shown.
        error: its error with the message; empty for none.
    """

    text: str
    error: str


def endpoint_of(application: str, region: str, emulator: str = "") -> str:
    """Return the address of an application's Livy endpoint.

    Args:
        application: its id.
        region: of the application.
        emulator: endpoint of the emulator that stands for AWS, where a path leads there and not a name; else empty.
    """
    if emulator:
        return f"{emulator.rstrip('/')}/_aws/livy/{application}"
    return f"https://{application}.livy.emr-serverless-services.{region}.amazonaws.com"


@dataclass(slots=True, kw_only=True)
class LivySession:
    """A session; `open` begins it.

    Attributes:
        endpoint: of the application.
        region: of the application.
        role: ARN of the role with which the session runs.
        credentials: of whoever asks.
    """

    endpoint: str
    region: str
    role: str
    credentials: Credentials
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    _number: int = field(default=-1, init=False)

    def open(self) -> None:
        """Begin the session and wait until it takes statements.

        Raises:
            SessionFailedError: it did not begin.
        """
        begun = self._ask("POST", "/sessions", {"kind": "pyspark", "conf": {ROLE: self.role}})
        self._number = begun["id"]
        deadline = self.now() + _START_SECONDS
        while (state := self._ask("GET", f"/sessions/{self._number}")["state"]) != "idle":
            if state in _DEAD:
                raise SessionFailedError(f"the session of Spark is {state}: see the application's logs")
            self._wait(deadline, "the session of Spark")

    def run(self, code: str) -> Output:
        """Run a statement and wait for its output.

        Raises:
            SessionFailedError: the session has ended.
        """
        at = f"/sessions/{self._number}/statements"
        number = self._ask("POST", at, {"code": code})["id"]
        deadline = self.now() + _STATEMENT_SECONDS
        while (statement := self._ask("GET", f"{at}/{number}"))["state"] not in ("available", "error", "cancelled"):
            self._wait(deadline, "a statement")
        output = statement["output"] or {}
        if output.get("status") == "ok":
            return Output(text=str(output["data"].get("text/plain", "")), error="")
        return Output(text="", error=f"{output.get('ename', statement['state'])}: {output.get('evalue', '')}")

    def close(self) -> None:
        """End the session."""
        self._ask("DELETE", f"/sessions/{self._number}")

    def _wait(self, deadline: float, what: str) -> None:
        if self.now() >= deadline:
            raise SessionFailedError(f"{what} takes too long")
        self.sleep(_LOOK_SECONDS)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        content = json.dumps(body).encode() if body is not None else b""
        signed = AWSRequest(
            method=method, url=f"{self.endpoint}{path}", data=content, headers={"Content-Type": "application/json"}
        )
        SigV4Auth(self.credentials, SERVICE, self.region).add_auth(signed)
        request = Request(str(signed.url), data=content or None, headers=dict(signed.headers), method=method)  # noqa: S310
        try:
            with urlopen(request, timeout=_REQUEST_SECONDS) as response:  # noqa: S310  # the endpoint of a deployment
                return json.loads(response.read() or b"{}")
        except HTTPError as error:
            said = error.read().decode(errors="replace")
            raise SessionFailedError(f"{method} {path}: {error.code} {said}") from error
