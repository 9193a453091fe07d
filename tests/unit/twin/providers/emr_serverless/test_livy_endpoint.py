"""The way to the Livy endpoint: a path leads there, who has signed is asked for, and everything else goes past it."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from twin.emulator.wire import ServiceError
from twin.providers.emr_serverless import endpoint

CALLER = "arn:aws:sts::123456789012:assumed-role/Analyst/ada"


class Livy:
    """Notes what it is asked, and refuses a path."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def answer(self, *asked: Any) -> tuple[int, dict[str, Any]]:
        self.asked.append(asked)
        if asked[3] == "/refused":
            raise ServiceError("AccessDeniedException", "no", 403)
        return 201, {"id": 0}


def send(path: str, body: bytes, livy: Livy, headers: Mapping[str, str]) -> tuple[int, Any]:
    """Send a request in two parts; return status and document, or what the emulator itself has answered."""
    parts = [{"body": body[:3], "more_body": True}, {"body": body[3:]}]
    sent: list[dict[str, Any]] = []

    async def emulator(_scope: Any, _receive: Any, answer: Any) -> None:
        await answer({"type": "http.response.start", "status": 404})
        await answer({"type": "http.response.body", "body": b'"the emulator"'})

    async def receive() -> dict[str, Any]:
        return parts.pop(0)

    async def answer(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(endpoint.reached_by_path(emulator, livy)(scope, receive, answer))  # type: ignore[arg-type]
    return sent[0]["status"], json.loads(sent[1]["body"])


SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAOFADA/20260301/us-east-1/emr-serverless/aws4_request, ..."}


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"AKIAOFADA": {"userArn": CALLER}}
    monkeypatch.setattr("ministack.core.iam_evaluator.resolve_caller_identity", known.get)


def test_a_path_leads_to_the_application_with_who_has_signed() -> None:
    livy = Livy()
    assert send("/_aws/livy/00f1/sessions", b'{"kind": "pyspark"}', livy, SIGNED) == (201, {"id": 0})
    assert livy.asked == [(CALLER, "POST", "00f1", "/sessions", {"kind": "pyspark"})]


def test_a_refusal_has_the_words_and_the_status_of_aws() -> None:
    assert send("/_aws/livy/00f1/refused", b"", Livy(), SIGNED) == (403, {"msg": "AccessDeniedException: no"})


@pytest.mark.parametrize("headers", [{}, {"Authorization": SIGNED["Authorization"].replace("ADA", "EVE")}])
def test_who_has_not_signed_or_is_not_known_gets_nothing(headers: dict[str, str]) -> None:
    livy = Livy()
    status, said = send("/_aws/livy/00f1/sessions", b"{}", livy, headers)
    assert (status, "not signed" in said["msg"], livy.asked) == (403, True, [])


def test_any_other_path_is_the_emulators() -> None:
    assert send("/lake/object", b"", Livy(), SIGNED) == (404, "the emulator")
