"""Whatever is sent to the profile API, it answers: no request makes a 5xx."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from lambdas.profile_api import handler
from tests.factories.profiles import PERSON, profile
from tests.fakes.wire import LambdaContext, http_event
from tests.unit.lambdas.conftest import EVENTS, TABLE, Cloud

REQUESTS: Final = 2_000
SEED: Final = 20260301
ODD_TEXTS: Final = (
    "",
    " ",
    "+",
    "%",
    "%2B",
    "%zz",
    "%ff",
    "%00",
    "\u00e9",
    "\u200b",
    "\ufeff",
    "\U0001f600",
    "\x00",
    "\n",
    "a" * 1100,
    "\u00e9" * 2100,
    "9" * 5000,
    "-1",
    "1e9",
    "null",
    "..",
    "//",
    "\u0663",
    "RVZFTlQj",
    "RVZFTlQj" + "QUFB" * 400,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-23:59",
    "2026-03-01T12:00:00Z",
    "cy+news@example.com",
    "ada.lovelace@mail.org",
    "@" * 3000,
    ("a." * 3000) + "com",
    "ann@" + "a-" * 2000 + ".com",
    "ann@xn--" + "a" * 3000,
    "+14155550123",
    "+" * 3000 + "1",
    "(" * 3000 + "1",
    "4155550123.0",
    PERSON,
)
NAMES: Final = ("email", "phone", "crm_id", "cookie_id", "ip", "parts", "limit", "cursor", "\u00e9", "", "shoe_size")
PIECES: Final = ("timeline", "decisions", "segments", "consents", "marketing", "email", "any", "push", "p_1", "shoes")
FIELDS: Final = ("granted", "decided_at", "wording_version", "shoe_size")
ODD_VALUES: Final = (None, True, False, 0, -1, 1.5, 1e300, 10**30, [], {}, [[]], "\ud800", "v" * 33, "v3")
ODD_BODIES: Final = (None, "", "{", "[" * 50_000, "null", "3", '"a"', b"\xff", b"", "{}", '{"granted": 1e999}')


def _text(rng: random.Random) -> str:
    if rng.random() < 0.7:
        return rng.choice(ODD_TEXTS)
    return "".join(chr(rng.choice((rng.randrange(0x20, 0x7F), rng.randrange(0xA0, 0xD800)))) for _ in range(9))


def _path(rng: random.Random) -> str:
    pieces = [PERSON if rng.random() < 0.6 else _text(rng)] if rng.random() < 0.8 else []
    pieces += [rng.choice(PIECES) if rng.random() < 0.8 else _text(rng) for _ in range(rng.choice((0, 1, 1, 3)))]
    return "/v1/customers" + "".join(f"/{piece}" for piece in pieces)


def _query(rng: random.Random) -> tuple[dict[str, str], str]:
    pairs = [(rng.choice(NAMES), _text(rng)) for _ in range(rng.choice((0, 1, 1, 2, 3)))]
    raw = "&".join(rng.choice((f"{name}={value}", f"{name}", f"={value}", f"{name}={value}")) for name, value in pairs)
    return dict(pairs), rng.choice(("", raw))


def _body(rng: random.Random) -> Any:
    if rng.random() < 0.4:
        return rng.choice(ODD_BODIES)
    value: Callable[[], Any] = lambda: rng.choice(ODD_VALUES) if rng.random() < 0.5 else _text(rng)  # noqa: E731
    document = {rng.choice(FIELDS): value() for _ in range(rng.randrange(4))}
    return json.dumps(document if rng.random() < 0.5 else {**document, "granted": rng.random() < 0.5})


def test_no_request_makes_a_server_error(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ENVIRONMENT": "dev",
        "SINGLE_VIEW_TABLE": TABLE,
        "EVENTS_STREAM_NAME": EVENTS,
        "HASH_SECRET_ARN": cloud.secrets.create_secret(Name="hash", SecretString="0123456789abcdef")["ARN"],
        "LINK_TEMPLATES": "{}",
    }.items():
        monkeypatch.setenv(name, value)
    cloud.put_profile(profile(), now=datetime.now(UTC))
    rng = random.Random(SEED)  # the same requests every time
    found: dict[int, int] = {}

    for number in range(REQUESTS):
        query, raw_query = _query(rng)
        method = rng.choice(("GET", "GET", "PUT", "PUT", "DELETE", "HEAD"))
        path = f"/v1/customers/{PERSON}/consents/marketing/email" if rng.random() < 0.2 else _path(rng)
        event = http_event(method, path, query=query, raw_query=raw_query, body=_body(rng))
        answer = handler.handle(event, LambdaContext())
        status = answer["statusCode"]
        assert status < 500, f"request {number}: {method} {path[:80]!r} {raw_query[:80]!r}"
        answer["body"].encode()
        if status >= 400:
            document = json.loads(answer["body"])
            assert document["field"], f"request {number}: {document}"
            assert document["fix"], f"request {number}: {document}"
        found[status] = found.get(status, 0) + 1

    assert {200, 400, 404, 422} <= found.keys()  # the requests reach every part
