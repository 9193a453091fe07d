"""The published Node libraries of Segment and RudderStack deliver every kind of message, and none is rejected."""

import hashlib
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest

from c360_core.interaction import Interaction, read_interaction
from lambdas.collector import handler
from lambdas.collector.credentials import EventSender
from lambdas.collector.settings import Settings
from tests.fakes.ports import MemoryStream
from tests.fakes.wire import LambdaContext, http_event
from twin.settings import ROOT

HERE = Path(__file__).parent
INSTALLED = ROOT / "build" / "senders"
KEY = "web-key"
SECRET = b"0123456789abcdef"
WAIT_SECONDS = 60
SETTINGS = Settings(
    environment="dev", events_stream_name="events", api_key_secrets='{"web_events": "arn"}', accept_previous_keys=False
)


@dataclass
class Door:
    """The collector behind a socket, and what it has said and stored."""

    address: str
    stream: MemoryStream
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def interactions(self) -> list[Interaction]:
        """Return what `clean` makes of the stream; it raises if it rejects one."""
        now = datetime.now(UTC)
        return [read_interaction(record.data, secret=SECRET, now=now) for record in self.stream.records]


@pytest.fixture(scope="session")
def libraries() -> Path:
    """Return the folder with the libraries, whose lock file pins each by its digest."""
    pinned = (HERE / "package-lock.json").read_bytes()
    folder = INSTALLED / hashlib.sha256(pinned).hexdigest()[:16]
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"npm cannot install the libraries here: {done.stderr.strip().splitlines()[-1:]}")
        (folder / "complete").touch()
    return folder


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    """Serve the collector's handler over HTTP, as the gateway does."""
    stream, lock = MemoryStream(), Lock()
    monkeypatch.setattr(handler, "_stream", lambda: stream)
    monkeypatch.setattr(handler, "_settings", lambda: SETTINGS)
    monkeypatch.setattr(handler, "_senders", lambda: {KEY: EventSender(source="web_events")})

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            with lock:
                answer = handler.handle(
                    http_event("POST", self.path, body=body, headers=dict(self.headers)), LambdaContext()
                )
                opened.answers.append((answer["statusCode"], json.loads(answer["body"])))
            self.send_response(answer["statusCode"])
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(answer["body"].encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    opened = Door(address=f"http://127.0.0.1:{server.server_address[1]}", stream=stream)
    Thread(target=server.serve_forever, daemon=True).start()
    yield opened
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("library", ["segment", "rudderstack"])
def test_every_kind_is_accepted(door: Door, libraries: Path, library: str) -> None:
    command = ["node", str(HERE / "deliver.mjs"), library, str(libraries), door.address, KEY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)

    assert done.returncode == 0, done.stderr
    sent = json.loads(done.stdout.splitlines()[-1])["sent"]
    assert {status for status, _ in door.answers} == {200}
    rejected = [result for _, answer in door.answers for result in answer["results"] if result["status"] != "accepted"]
    assert rejected == []
    interactions = door.interactions()
    assert len(interactions) == sent
    assert Counter(one.event_type for one in interactions) == {
        "identified": 2,
        "order_placed": 3,
        "order_returned": 1,
        "product_viewed": 1,
        "cart_updated": 1,
        "custom_event": 2,
        "page_viewed": 1,
        "screen_viewed": 2,
        "group_joined": 1,
        "identities_joined": 2,
    }
    assert sum(one.amount for one in interactions if one.amount is not None) == 3 * 12.5 - 12.5
    joined = [one for one in interactions if one.event_type == "identities_joined"]
    assert {len(set(one.identifier_keys)) for one in joined} == {2, 3}
