"""Translates Segment's wire format, which Segment's and RudderStack's libraries speak, into our envelope.

What cannot be translated stays as it came: the contract then says what is wrong with it.
"""

import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from c360_core.canonical import decimal_of, money_text, product, whole_number
from c360_core.contracts import Source
from c360_core.exact_json import UnreadableNumber
from c360_core.moments import moment, moment_text
from c360_core.names import IdentifierType

Message = Mapping[str, Any]
Payload = dict[str, Any]

# Fields that apply to every message of a batch when the batch has them.
SHARED_FIELDS: Final = ("context", "anonymousId", "userId")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """How a request arrived: its source, when we received it, and when it was sent by the sender's own clock."""

    source: Source
    received_at: datetime
    sent_at: str | None = None
    trace_id: str | None = None


def is_segment_message(message: Message) -> bool:
    """Return whether this is a Segment message, which has `type`, or our envelope, which has `event_type`."""
    return "type" in message and "event_type" not in message


def to_envelope(message: Message, receipt: Receipt) -> dict[str, Any]:
    """Return the event that a Segment message stands for.

    The time is corrected for the sender's clock: an event a minute before sending is dated a minute before receipt.
    """
    kind = message.get("type")
    name, payload = _event(message, kind if isinstance(kind, str) else "")
    return {
        "event_id": message.get("messageId"),
        "event_type": name,
        "source": receipt.source.name,
        "schema_version": 1,
        "occurred_at": _occurred_at(message, receipt),
        "received_at": moment_text(receipt.received_at),
        "trace_id": receipt.trace_id,
        "identifiers": _identifiers(message, receipt.source),
        "payload": payload,
    }


def _event(message: Message, kind: str) -> tuple[str, Payload]:
    properties = _mapping(message.get("properties"))
    if kind == "page":
        page = _over(properties, _mapping(_mapping(message.get("context")).get("page")))
        return "page_viewed", _known({"url": page.get("url"), "title": page.get("title")})
    if kind == "identify":
        return "identified", _identified(message)
    if kind == "track":
        return _tracked(str(message.get("event") or ""), properties)
    return kind, dict(properties)


def _identified(message: Message) -> Payload:
    traits, context = _traits(message), _mapping(message.get("context"))
    return _known(
        {
            "first_name": _first(traits, "firstName", "first_name"),
            "last_name": _first(traits, "lastName", "last_name"),
            "time_zone": context.get("timezone"),
            "language": context.get("locale"),
        }
    )


def _tracked(event: str, properties: Message) -> tuple[str, Payload]:
    """Return our event type and payload for an event name of the e-commerce vocabulary, or of our own."""
    name = re.sub(r"[^a-z0-9]+", "_", event.lower()).strip("_")
    translate = _ECOMMERCE.get(name)
    return translate(properties) if translate else (name, dict(properties))


def _product_viewed(properties: Message) -> tuple[str, Payload]:
    return "product_viewed", _known(
        {"product_id": properties.get("product_id"), "department": _first(properties, "department", "category")}
    )


def _cart_updated(properties: Message) -> tuple[str, Payload]:
    return "cart_updated", _known(
        {"product_id": properties.get("product_id"), "quantity": properties.get("quantity", 1)}
    )


def _cart_emptied(properties: Message) -> tuple[str, Payload]:
    return "cart_updated", _known({"product_id": properties.get("product_id"), "quantity": 0})


def _order_placed(properties: Message) -> tuple[str, Payload]:
    products = properties.get("products")
    lines = [_line(line) for line in products] if isinstance(products, list) else products
    return "order_placed", _known(
        {
            "order_id": properties.get("order_id"),
            "store_id": properties.get("affiliation"),
            "currency": properties.get("currency"),
            "total": _money(_first(properties, "total", "revenue", "value")),
            "discount": _money(properties.get("discount")),
            "lines": lines,
        }
    )


def _order_returned(properties: Message) -> tuple[str, Payload]:
    return "order_returned", _known(
        {
            "order_id": properties.get("order_id"),
            "currency": properties.get("currency"),
            "total": _money(_first(properties, "total", "revenue", "value")),
        }
    )


def _line(line: Any) -> Any:
    if not isinstance(line, Mapping):
        return line
    quantity = line.get("quantity", 1)
    return _known(
        {
            "product_id": line.get("product_id"),
            "quantity": quantity,
            "amount": _line_amount(line.get("price"), quantity),
            "department": line.get("category"),
        }
    )


_ECOMMERCE: Final[Mapping[str, Callable[[Message], tuple[str, Payload]]]] = {
    "product_viewed": _product_viewed,
    "product_added": _cart_updated,
    "product_removed": _cart_emptied,
    "order_completed": _order_placed,
    "order_refunded": _order_returned,
}


def _identifiers(message: Message, source: Source) -> dict[str, list[str]]:
    context, traits = _mapping(message.get("context")), _traits(message)
    device = _mapping(context.get("device"))
    user = message.get("userId")
    candidates = (
        (_user_type(user, source), user),
        (IdentifierType.EMAIL, traits.get("email")),
        (IdentifierType.PHONE, traits.get("phone")),
        (_anonymous_type(source), message.get("anonymousId")),
        (IdentifierType.DEVICE_ID, device.get("id")),
        (IdentifierType.PUSH_TOKEN, device.get("token")),
    )
    found: dict[str, list[str]] = {}
    for kind, said in candidates:
        value = _identifier(said)
        # Libraries send an empty text for an unknown value, and the contract says which types a source may send.
        if kind in source.identifiers and value is not None and value not in found.get(kind, []):
            found.setdefault(str(kind), []).append(value)
    return found


def _user_type(user: object, source: Source) -> IdentifierType:
    """Return the type of a site's user id: e-mail address if it looks like one, else the site's strongest type."""
    if isinstance(user, str) and "@" in user:
        return IdentifierType.EMAIL
    return next((kind for kind in IdentifierType if kind in source.identifiers), IdentifierType.LOYALTY_ID)


def _anonymous_type(source: Source) -> IdentifierType:
    visitors = (IdentifierType.DEVICE_ID, IdentifierType.COOKIE_ID)
    return source.partition_key if source.partition_key in visitors else IdentifierType.COOKIE_ID


def _occurred_at(message: Message, receipt: Receipt) -> Any:
    said = _first(message, "originalTimestamp", "timestamp")
    if said is None:
        return moment_text(receipt.received_at)
    try:
        happened = moment(said)
        sent = _first(message, "sentAt") or receipt.sent_at
        return moment_text(happened + (receipt.received_at - moment(sent)) if sent else happened)
    except (TypeError, ValueError, OverflowError):
        return said


def _traits(message: Message) -> Message:
    return _over(_mapping(message.get("traits")), _mapping(_mapping(message.get("context")).get("traits")))


def _over(upper: Message, lower: Message) -> Message:
    """Return both as one without copying: all messages share the batch's context, which may be as big as the body."""
    return ChainMap(dict(upper), lower if isinstance(lower, dict) else dict(lower))


def _money(value: Any) -> Any:
    amount = decimal_of(value)
    text = None if amount is None else money_text(amount)
    return value if text is None else text


def _line_amount(price: Any, quantity: Any) -> Any:
    """Return price times quantity, rounded once; anything that is no number stays, and the contract refuses it."""
    one, units = decimal_of(price), decimal_of(quantity)
    if one is None or units is None:
        return _money(price)
    amount = product(one, units)
    return money_text(amount) or amount


def _identifier(value: Any) -> Any:
    """Return an identifier as text, or None where there is none: many sites number their users.

    An unreadable number stays as it is; the contract refuses it and names the field.
    """
    if isinstance(value, str | UnreadableNumber):
        return value or None
    number = whole_number(value)
    return None if number is None else str(number)


def _first(source: Message, *names: str) -> Any:
    return next((source[name] for name in names if source.get(name) is not None), None)


def _known(values: Payload) -> Payload:
    return {name: value for name, value in values.items() if value is not None}


def _mapping(value: object) -> Message:
    return value if isinstance(value, Mapping) else {}
