"""Trino reads each location in S3 with the keys of its registration, also of one that is made while it runs."""

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from twin.engines import trino
from twin.principals import RoleSession
from twin.settings import BUILD

PATIENCE_SECONDS = 20


class EmptyStore(BaseHTTPRequestHandler):
    """S3 without objects, which notes whose key asked for which bucket."""

    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        signed = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
        assert signed is not None
        self.asked.append((self.path.lstrip("/").partition("?")[0].partition("/")[0], signed[1]))
        body = b'<?xml version="1.0"?><ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>'
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def store() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (EmptyStore,), {"asked": []}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def session(name: str) -> RoleSession:
    return RoleSession(arn=name, access_key=f"key-of-{name}", secret_key="secret", token=None)


def test_a_location_is_read_with_the_keys_of_its_registration(store: ThreadingHTTPServer, tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = store.RequestHandlerClass.asked  # type: ignore[attr-defined]
    settings = trino.TrinoSettings(
        endpoint=f"http://localhost:{store.server_port}",
        warehouse="s3://lake/warehouse",
        folder=tmp_path,
        jars=BUILD / "java" / "trino",
        access_key="key-of-engine",
    )

    def register(**locations: str) -> None:
        content: Any = trino.storage_mappings({f"s3://{name}/": session(role) for name, role in locations.items()})
        trino.mappings_path(tmp_path).write_text(json.dumps(content), encoding="utf-8")

    register(lake="location")
    with trino.running(settings) as engine:

        def keys_used_for(bucket: str) -> set[str]:
            """Look into a bucket; return with whose key that was done."""
            asked.clear()
            table = f"{trino.SCRATCH_CATALOG}.{trino.SCRATCH_SCHEMA}.{bucket}"
            engine.run(f"CREATE TABLE {table} (a varchar) WITH (external_location = 's3://{bucket}/a', format = 'CSV')")
            engine.run(f"TABLE {table}")
            engine.run(f"DROP TABLE {table}")
            return {key for place, key in asked if place == bucket}

        assert keys_used_for("lake") == {"key-of-location"}
        assert keys_used_for("other") == {"key-of-engine"}
        register(lake="location", other="later")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (used := keys_used_for("other")) != {"key-of-later"} and time.monotonic() < deadline:
            time.sleep(0.5)
        assert used == {"key-of-later"}
