"""The demonstration tries the way past the edge, where there is an edge."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from twin.emulator.emulator import Emulator
from twin.scenario import edge
from twin.scenario.deployment import Credentials, Deployment
from twin.settings import TwinSettings

OWN = {"CollectorApiUrl": "https://abc.execute-api.us-east-1.amazonaws.com/"}


def deployment(tmp_path: Path, outputs: dict[str, str]) -> Deployment:
    return Deployment(emulator=Emulator(settings=TwinSettings(home=tmp_path, port=1), process=None), outputs=outputs)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that were asked: one of them answers as if it had no edge."""
    found: list[str] = []

    def post(url: str, **given: Any) -> httpx.Response:
        assert given["headers"] == {"x-api-key": "right"}
        found.append(url)
        return httpx.Response(200 if url.endswith("/v1/t") else 403)

    monkeypatch.setattr(httpx, "post", post)
    monkeypatch.setattr(Deployment, "credentials", lambda *_: Credentials(key="right"))
    return found


def test_every_path_is_tried_with_a_right_key_and_an_open_one_is_found(tmp_path: Path, asked: list[str]) -> None:
    [check] = edge.checks(deployment(tmp_path, OWN))

    assert len(asked) == len(edge.PATHS)
    assert all("/_aws/execute-api/abc/$default/" in url for url in asked)
    assert (check.expected, check.actual, check.passed) == (len(edge.PATHS), len(edge.PATHS) - 1, False)


def test_without_an_edge_there_is_nothing_to_try(tmp_path: Path, asked: list[str]) -> None:
    assert edge.checks(deployment(tmp_path, {})) == []
    assert asked == []
