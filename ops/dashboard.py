"""Flink's own account of a running application: the dashboard's API, behind an address that the service signs."""

import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

TIMEOUT_SECONDS: Final = 20.0
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
SOURCE: Final = "Source: IcebergSource-"  # then the full name of the table, then what is done with its rows


class DashboardError(RuntimeError):
    """Flink did not answer, or not as expected; the message says what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A part of the running job: its name, and its status, such as RUNNING or FINISHED."""

    name: str
    status: str

    def reads_table(self, table: str) -> bool:
        """Say whether it reads an Iceberg table of this name."""
        return re.match(rf"{SOURCE}\S*\.{re.escape(table)}\b", self.name) is not None


@dataclass(frozen=True, slots=True)
class FlinkDashboard:
    """One visit to the dashboard.

    The first request exchanges the signed address, which works for three minutes, for a cookie.
    """

    url: str
    _opener: urllib.request.OpenerDirector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPCookieProcessor(CookieJar())]
        if urlsplit(self.url).hostname in LOOPBACK:
            handlers.append(urllib.request.ProxyHandler({}))
        object.__setattr__(self, "_opener", urllib.request.build_opener(*handlers))
        self._open(self.url)

    def tasks(self) -> tuple[Task, ...]:
        """Return the parts of the job that runs; none where no job runs.

        Raises:
            DashboardError: the dashboard does not answer.
        """
        jobs = self._get("jobs/overview")["jobs"]
        running = next((str(job["jid"]) for job in jobs if job["state"] == "RUNNING"), None)
        if running is None:
            return ()
        return tuple(Task(name=str(one["name"]), status=str(one["status"])) for one in self._vertices(running))

    def _vertices(self, job: str) -> list[dict[str, Any]]:
        return list(self._get(f"jobs/{job}")["vertices"])

    def _get(self, path: str) -> dict[str, Any]:
        parts = urlsplit(self.url)
        answer = self._open(urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/{path}", "", "")))
        try:
            document: dict[str, Any] = json.loads(answer)
        except ValueError as error:
            raise DashboardError(f"the Flink dashboard answered {path} with something that is not JSON") from error
        return document

    def _open(self, url: str) -> bytes:
        try:
            with self._opener.open(url, timeout=TIMEOUT_SECONDS) as response:
                answer: bytes = response.read()
                return answer
        except (urllib.error.URLError, OSError) as error:
            # The address is a key to the dashboard: only its path is shown.
            raise DashboardError(f"the Flink dashboard did not answer {urlsplit(url).path}: {error}") from error
