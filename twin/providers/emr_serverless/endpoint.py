"""The way to an application's Livy endpoint, which has a host name of its own on AWS: here a path leads to it."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from twin.emulator.wire import ServiceError
from twin.providers.emr_serverless.livy import Livy

PREFIX: Final = re.compile(r"/_aws/livy/(?P<application>[^/]+)(?P<path>/.*)")

Scope = dict[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]


def install(livy: Livy) -> None:
    """Put the way into the emulator."""
    from ministack import app

    app.app = reached_by_path(app.app, livy)


def reached_by_path(app: Asgi, livy: Livy) -> Asgi:
    """Return an application that also serves Livy: `/_aws/livy/<application>/<path>`."""

    async def serving(scope: Scope, receive: Any, send: Any) -> None:
        found = PREFIX.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        if found is None:
            await app(scope, receive, send)
            return
        body = await _body(receive)
        status, document = await asyncio.to_thread(_answer, livy, scope, found, body)
        content = json.dumps(document).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return serving


def _answer(livy: Livy, scope: Scope, found: "re.Match[str]", body: bytes) -> tuple[int, dict[str, Any]]:
    try:
        asked = json.loads(body) if body else {}
        return livy.answer(_caller(scope), scope["method"], found["application"], found["path"], asked)
    except ServiceError as error:
        return error.status, {"msg": f"{error.code}: {error.message}"}


def _caller(scope: Scope) -> str:
    """Return who has signed a request, by the key in its signature.

    Raises:
        ServiceError: nobody has, or nobody who is known.
    """
    from ministack.core.iam_evaluator import resolve_caller_identity
    from ministack.core.router import extract_access_key_id

    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    identity = resolve_caller_identity(extract_access_key_id(headers, {})) or {}
    if not (caller := str(identity.get("userArn", ""))):
        raise ServiceError("MissingAuthenticationTokenException", "the request is not signed", 403)
    return caller


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)
