"""Tracked mails: SES changes the links of a mail and adds a picture, so that it sees who follows and who opens."""

import html
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote, unquote

PREFIX: Final = "/_aws/ses"
_FOLLOWED: Final = re.compile(rf"{PREFIX}/L0/(?P<link>.+)/(?P<message>[^/]+)")
_OPENED: Final = re.compile(rf"{PREFIX}/I0/(?P<message>[^/]+)")
_LINK: Final = re.compile(r"<a (?P<before>[^>]*?)href=\"(?P<link>[^\"]*)\"")
_APART: Final = "ses:no-track "
_PICTURE: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)

Scope = dict[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]
# Takes the id of the message and the link; None where the message was opened. Says whether there is such a message.
Seen = Callable[[str, str | None], Awaitable[bool]]


def tracked(body: str, message_id: str, *, endpoint: str, links: bool, opening: bool) -> str:
    """Return the HTML of a mail as SES sends it.

    Args:
        body: as the template makes it.
        message_id: SES's own.
        endpoint: where tracked links lead.
        links: whether links are tracked; one with `ses:no-track` never is.
        opening: whether opening is.
    """

    def change(found: "re.Match[str]") -> str:
        link = html.unescape(found["link"])
        before = found["before"].replace(_APART, "")
        if not links or _APART in found["before"]:
            return f'<a {before}href="{found["link"]}"'
        return f'<a {before}href="{endpoint}{PREFIX}/L0/{quote(link, safe="")}/{quote(message_id, safe="")}"'

    changed = _LINK.sub(change, body)
    picture = f'<img alt="" src="{endpoint}{PREFIX}/I0/{quote(message_id, safe="")}">'
    return changed.replace("</body>", f"{picture}</body>") if opening else changed


def served(app: Asgi, seen: Seen) -> Asgi:
    """Return an application that also answers tracked links and pictures."""

    async def serving(scope: Scope, receive: Any, send: Any) -> None:
        path = scope.get("raw_path", b"").decode("latin-1").partition("?")[0] if scope["type"] == "http" else ""
        if found := _FOLLOWED.fullmatch(path):
            link = unquote(found["link"])
            known = await seen(unquote(found["message"]), link)
            await _answer(send, 302 if known else 404, (b"location", link.encode()))
        elif found := _OPENED.fullmatch(path):
            known = await seen(unquote(found["message"]), None)
            await _answer(send, 200 if known else 404, (b"content-type", b"image/gif"), _PICTURE)
        else:
            await app(scope, receive, send)

    return serving


async def _answer(send: Any, status: int, header: tuple[bytes, bytes], body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": [header]})
    await send({"type": "http.response.body", "body": body})
