"""The pages behind the links of messages: plain HTML without scripts, and without a word about the person."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from aws_lambda_powertools.event_handler import Response

from lambdas.unsubscribe.logic import Answer

_BUTTON: Final = '<form method="post"><button>Stop these messages</button></form>'
_HEADERS: Final = MappingProxyType(
    {
        "Cache-Control": "no-store",
        # The link is a key: it must not reach another site, a search engine or a frame.
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    status: HTTPStatus
    title: str
    text: str
    more: str = ""


_PAGES: Final[Mapping[Answer, _Page]] = MappingProxyType(
    {
        Answer.ASK: _Page(
            status=HTTPStatus.OK,
            title="Stop these messages?",
            text="You will get no more messages of this kind at the address that this one was sent to.",
            more=_BUTTON,
        ),
        Answer.DONE: _Page(
            status=HTTPStatus.OK,
            title="You are unsubscribed",
            text="We send no more messages of this kind to your address. You can change that in your account.",
        ),
        Answer.DONE_BEFORE: _Page(
            status=HTTPStatus.OK,
            title="You were unsubscribed already",
            text="We send no messages of this kind to your address. You can change that in your account.",
        ),
        Answer.INVALID: _Page(
            status=HTTPStatus.BAD_REQUEST,
            title="This link is not complete",
            text="It was changed or cut off on its way. Open the link in the message again, or copy all of it.",
        ),
        Answer.EXPIRED: _Page(
            status=HTTPStatus.GONE,
            title="This link is too old",
            text="Use the link in a newer message, or change your choice in your account.",
        ),
    }
)
_BUSY: Final = _Page(
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    title="Please try again",
    text="We could not record your choice completely. Please press the button once more in a minute.",
    more=_BUTTON,
)


def page(answer: Answer) -> Response[str]:
    """Return the page for an answer."""
    return _response(_PAGES[answer])


def busy() -> Response[str]:
    """Return the page for an answer that could not be recorded."""
    return _response(_BUSY)


def _response(shown: _Page) -> Response[str]:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{shown.title}</title></head>'
        f"<body><h1>{shown.title}</h1><p>{shown.text}</p>{shown.more}</body></html>"
    )
    return Response(
        status_code=int(shown.status), content_type="text/html; charset=utf-8", body=html, headers=dict(_HEADERS)
    )
