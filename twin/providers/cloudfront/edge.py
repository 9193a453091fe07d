"""The way to a distribution of the emulator, and from it to an API of the emulator.

MiniStack serves a distribution under its own host name, which leads nowhere on a laptop, and passes requests on to
origins as the distribution says: behaviours, methods, the managed policies, custom headers. It refuses to call an
origin that has a name of AWS's. So here a path leads to the distribution, and an origin that is an API of the emulator
is called within it.
"""

import http
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from twin.providers.cloudfront.web_acl import Answer, Firewall

PREFIX: Final = re.compile(r"/_aws/cloudfront/(?P<label>[a-z0-9]+)(?P<path>/.*)")
API: Final = re.compile(r"(?P<id>[a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com(\.cn)?")
_REPLACED: Final = (b"host", b"x-forwarded-proto")

Scope = dict[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]
Fetched = tuple[int, str, dict[str, Any], bytes]
Fetch = Callable[..., Awaitable[Fetched]]
View = Callable[..., Awaitable[Answer]]


def install(firewall: Firewall) -> None:
    """Put the way to distributions and the way from them into the emulator."""
    from ministack import app
    from ministack.services import cloudfront

    app.app = reached_by_path(app.app)
    cloudfront._fetch_from_origin = calling_apis(cloudfront._fetch_from_origin)
    cloudfront.handle_viewer_request = guarded(cloudfront.handle_viewer_request, firewall, _web_acl)


def reached_by_path(app: Asgi) -> Asgi:
    """Return an application that also serves distributions by path: `/_aws/cloudfront/<label>/<path>`."""

    async def serving(scope: Scope, receive: Any, send: Any) -> None:
        found = PREFIX.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        await app(scope if found is None else _at_the_edge(scope, found), receive, send)

    return serving


def _at_the_edge(scope: Scope, found: "re.Match[str]") -> Scope:
    """Return a request as it would come in under the distribution's host name, over TLS as all of this machine is."""
    raw = PREFIX.fullmatch(scope.get("raw_path", found[0].encode()).decode("latin-1"))
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in _REPLACED]
    host = f"{found['label']}.cloudfront.net".encode()
    return {
        **scope,
        "path": found["path"],
        "raw_path": (found if raw is None else raw)["path"].encode("latin-1"),
        "headers": [*kept, (b"host", host), (b"x-forwarded-proto", b"https")],
    }


@dataclass(frozen=True, slots=True)
class _Request:
    """What the edge sends to an origin, in the order in which MiniStack states it."""

    origin: Mapping[str, Any]
    method: str
    uri: str
    query: str
    headers: dict[str, str]
    body: bytes
    viewer_is_https: bool
    address: str
    forwarded_for: str
    distribution: str


def calling_apis(fetch: Fetch) -> Fetch:
    """Return what gets an answer from an origin, also from one that is an API of the emulator."""

    async def fetching(*stated: Any) -> Fetched:
        request = _Request(*stated)
        api = API.fullmatch(request.origin["domain_name"])
        return await fetch(*stated) if api is None else await _call_api(api["id"], request)

    return fetching


async def _call_api(api: str, request: _Request) -> Fetched:
    from ministack import app
    from ministack.services import cloudfront

    sent = cloudfront._origin_request_headers(request.origin, request.headers, request.address, request.forwarded_for)
    path = f"{request.origin.get('origin_path') or ''}{request.uri}"
    answer = await app._handle_execute_api_request(
        f"{api}.execute-api.{app._MINISTACK_HOST}",
        unquote(path),
        request.method,
        {name.lower(): value for name, value in sent.items()},
        request.body,
        parse_qs(request.query, keep_blank_values=True),
        raw_path=path,
        raw_query_string=request.query,
    )
    if answer is None:
        raise cloudfront.OriginUnreachable(f"no API {api} is deployed")
    status, headers, content = answer
    return status, http.HTTPStatus(status).phrase, cloudfront._multidict_from_pairs(headers.items()), content


def guarded(view: View, firewall: Firewall, web_acl_of: Callable[[Mapping[str, Any]], str]) -> View:
    """Return what serves a distribution after its web ACL let the request through."""

    async def viewing(distribution: Mapping[str, Any], *request: Any) -> Answer:
        arn, address = web_acl_of(distribution), str(request[-1])
        refused = firewall.refusal(arn, address) if arn else None
        return await view(distribution, *request) if refused is None else refused

    return viewing


def _web_acl(distribution: Mapping[str, Any]) -> str:
    from ministack.services import cloudfront

    return str(cloudfront._opt_text(cloudfront._dist_config_el(distribution), "WebACLId") or "")
