"""Events as nobody should send them, as text: what Python can write is not all that can come."""

import json
from datetime import datetime
from random import Random
from typing import Any, Final

from c360_core.interaction import Interaction, RejectedEventError, read_interaction
from tests.factories.events import event
from tests.factories.profiles import profile_change

SENDERS: Final = (
    ("web_events", "consent_changed"),
    ("web_events", "cart_updated"),
    ("web_events", "review_posted"),
    ("web_events", "page_viewed"),
    ("pos_transactions", "order_placed"),
    ("pos_transactions", "order_returned"),
    ("support_cases", "case_closed"),
    ("loyalty_members", "loyalty_points_changed"),
    ("web_events", "identified"),
    ("web_events", "identities_joined"),
    ("web_events", "group_joined"),
    ("web_events", "custom_event"),
    ("engagement_events", "decision_made"),
)
_IDENTIFIERS: Final = ("email", "device_id", "cookie_id")
_TEXTS: Final = (
    "",
    " ",
    "none",
    "12.5",
    "12",
    "-12.34",
    "0012.30",
    "1e3",
    "1_000.00",
    "NaN",
    "null",
    "١٢.٣٤",
    "Zoë 東京 🛒",
    "a\u0000b",
    "\u001f\u2028\ufeff",
    "'; DROP TABLE --",
    "$.x",
    "x" * 300,
    "2026-03-01T10:30:00+01:00",
    "2026-02-31T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "1969-12-31T23:59:59Z",
    "2026-03-01T09:30:00.123456789Z",
)
_LITERALS: Final = (
    "null",
    "true",
    "false",
    "NaN",
    "-Infinity",
    "-0",
    "-0.0",
    "0e5",
    "3.0",
    "3e0",
    "120.0",
    "3000000000",
    "2147483648",
    "9223372036854775807",
    "9223372036854775808",
    "1e30",
    "1e308",
    "1e400",
    "1e-400",
    "1e2147483648",
    "1E+99999999999999999999",
    "0.125",
    "2.675",
    "999999999999.99",
    "999999999999.995",
    "1e12",
    '"\\ud800"',
    '"\\udfff\\ud83d"',
    '"\\ud83d\\uded2"',
    '"\\u0000"',
    "[]",
    "{}",
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"":{"$":[{"a.b":null}]}}',
    '{"\\ud800":1}',
)
_MESSAGES: Final = {
    "page": {"properties": {"url": "https://shop.example.com/"}},
    "identify": {"traits": {"firstName": "Ada", "email": "ada@example.com"}},
    "track": {
        "event": "Order Completed",
        "properties": {
            "order_id": "o-1",
            "currency": "USD",
            "total": "12.34",
            "products": [{"product_id": "1", "quantity": 2, "price": 6.17}],
        },
    },
    "screen": {"name": "Home", "category": "start"},
    "group": {"groupId": "g-1", "traits": {"name": "Engines", "employees": 12}},
    "alias": {"previousId": "d-2"},
}

_MOMENT: Final = "2026-03-01T12:00:00.000Z"
# What `unify` tells of a person, by kind.
_CHANGES: Final[tuple[dict[str, Any], ...]] = (
    profile_change(),
    {"kind": "profile", "op": "delete", "identity_version": 7},
    {
        "kind": "event",
        "op": "upsert",
        "event_id": "e-1",
        "event_type": "order_placed",
        "occurred_at": _MOMENT,
        "source": "pos_transactions",
        "amount": 12.3,
        "currency": "USD",
        "session_id": "s-1",
    },
    {"kind": "consent", "purpose": "marketing", "channel": "email", "granted": True, "decided_at": _MOMENT},
    {"kind": "address_consent", "purpose": "marketing", "channel": "any", "granted": False, "decided_at": _MOMENT},
)


def literal(random: Random) -> str:
    """Return a JSON value, or what some parser takes for one."""
    kinds = (_integer, _decimal, _float, _price, _text, _nested, _known, _known)
    return random.choice(kinds)(random)


def _integer(random: Random) -> str:
    return random.choice(("", "-")) + str(random.randrange(1, 10)) * _length(random)


def _decimal(random: Random) -> str:
    return f"{random.randrange(10**6)}.{str(random.randrange(10)) * _length(random)}"


def _float(random: Random) -> str:
    return f"{random.uniform(-100, 100):.{random.randrange(1, 6)}f}e{random.randrange(-320, 320)}"


def _price(random: Random) -> str:
    return f"{random.randrange(-(10**6), 10**6)}.{random.randrange(10**4):0{random.randrange(1, 5)}d}"


def _text(random: Random) -> str:
    return json.dumps(random.choice(_TEXTS), ensure_ascii=random.random() < 0.5)


def _nested(random: Random) -> str:
    depth = random.choice((1, 2, 28, 29, 30, 31, 32, 100, 500, 1001, 3000))
    return "[" * depth + "1" + "]" * depth


def _known(random: Random) -> str:
    return random.choice(_LITERALS)


def event_text(random: Random) -> str:
    """Return an event as JSON, with up to three values replaced or added; half of the numbers are of unusual form."""
    source, event_type = random.choice(SENDERS)
    document = event(source, event_type, event_id=f"h-{random.getrandbits(64):016x}")
    if random.random() < 0.2:  # a share
        kind = random.choice(_IDENTIFIERS)
        values = document["identifiers"].setdefault(kind, [f"{random.getrandbits(32):08x}@example.com"])
        values.insert(random.randrange(2), random.choice(_TEXTS))
    return _with_literals(document, random, [document["payload"], document["payload"], document])


def accepted_events(seed: int, documents: int, *, now: datetime) -> dict[str, Interaction]:
    """Return the events that `clean` accepts of so many documents, by their ids."""
    random = Random(seed)
    events = {}
    for _ in range(documents):
        try:
            found = read_interaction(event_text(random).encode(), secret=b"0123456789abcdef", now=now)
        except RejectedEventError:
            continue
        events[found.event_id] = found
    return events


def message_text(random: Random) -> str:
    """Return a message of Segment's libraries as JSON, with up to three values replaced or added."""
    kind = random.choice(list(_MESSAGES))
    message = {
        "type": kind,
        "messageId": f"h-{random.getrandbits(64):016x}",
        "anonymousId": "d-1",
        "userId": "L0000001",
        "timestamp": "2026-03-01T09:30:00Z",
        **json.loads(json.dumps(_MESSAGES[kind])),
    }
    inner = message.get("properties", message)
    lines = inner.get("products", [inner])
    return _with_literals(message, random, [message, inner, lines[0]])


def change_text(random: Random) -> str:
    """Return a profile change as JSON, with up to three values replaced or added."""
    return _told(random.choice(_CHANGES), random)


def profile_text(random: Random) -> str:
    """Return a profile as `unify` tells it, as JSON, with up to three values replaced or added."""
    return _told(_CHANGES[0], random)


def _told(change: dict[str, Any], random: Random) -> str:
    known = {"person_id": f"p_{random.getrandbits(64):016x}", "sequence": random.randrange(1, 2**62)}
    return _with_literals(told := {**change, **known}, random, [told])


def damaged(text: str, random: Random) -> bytes:
    """Return a text as bytes; now and then cut off, or with a byte replaced."""
    data = bytearray(text.encode())
    match random.randrange(20):
        case 0:
            del data[random.randrange(len(data)) :]
        case 1:
            data[random.randrange(len(data))] = random.randrange(256)
    return bytes(data)


def _length(random: Random) -> int:
    return random.choice((1, 2, 5, 9, 10, 18, 19, 40, 63, 64, 65, 400, 1000, 1001, 4301))


def _with_literals(document: dict[str, Any], random: Random, places: list[dict[str, Any]]) -> str:
    literals: dict[str, str] = {}
    for number in range(random.randrange(4)):
        place = random.choice(places)
        names = [name for name in place if name not in {"event_type", "source", "event_id", "type"}]
        name = random.choice([*names, f"extra_{number}", "order_id", "currency", "csat"])
        place[name] = f"<{number}>"
        literals[f'"<{number}>"'] = literal(random)
    text = json.dumps(document)
    for place_holder, value in literals.items():
        text = text.replace(place_holder, value)
    return text
