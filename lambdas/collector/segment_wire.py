"""Translates Segment's wire format, which Segment's and RudderStack's libraries speak, into our envelope.

What cannot be translated stays as it came: the contract then says what is wrong with it.
"""

import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from c360_core import contracts
from c360_core.canonical import decimal_of, money_text, product, whole_number
from c360_core.contracts import Source
from c360_core.exact_json import UnreadableNumber
from c360_core.moments import moment, moment_text
from c360_core.names import CUSTOM_EVENT, IDENTITIES_JOINED, IdentifierType, Unplanned

Message = Mapping[str, Any]
Payload = dict[str, Any]

# Fields that apply to every message of a batch when the batch has them.
SHARED_FIELDS: Final = ("context", "anonymousId", "userId")


_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Previous(StrEnum):
    """What the former id of an alias is, as far as its form says."""

    VISITOR = "visitor"
    ADDRESS = "address"
    UNCLEAR = "unclear"


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
    name, payload = _event(message, kind if isinstance(kind, str) else "", receipt.source)
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


def _event(message: Message, kind: str, source: Source) -> tuple[str, Payload]:
    properties = _mapping(message.get("properties"))
    if kind == "track":
        return _tracked(str(message.get("event") or ""), properties, source)
    translate = _KINDS.get(kind)
    return translate(message) if translate else (kind, dict(properties))


def _page_viewed(message: Message) -> tuple[str, Payload]:
    """Return a view of a page; one that a server reports with a name and no address is as good as a screen."""
    properties = _mapping(message.get("properties"))
    page = _over(properties, _mapping(_mapping(message.get("context")).get("page")))
    name = _first(message, "name") or _first(properties, "name")
    if page.get("url") is None and name is not None:
        return _screen_viewed(message)
    return "page_viewed", _known({"url": page.get("url"), "title": page.get("title") or name})


def _screen_viewed(message: Message) -> tuple[str, Payload]:
    properties = _mapping(message.get("properties"))
    category = message.get("category") or _first(properties, "category")
    name = message.get("name") or _first(properties, "name", "title") or category
    return "screen_viewed", _known({"name": name, "category": category})


def _group_joined(message: Message) -> tuple[str, Payload]:
    traits = message.get("traits")
    return "group_joined", _known(
        {
            "group_id": _identifier(message.get("groupId")),
            "name": _first(_mapping(traits), "name"),
            "traits": traits or None,
        }
    )


def _identities_joined(message: Message) -> tuple[str, Payload]:
    return IDENTITIES_JOINED, _known({"previous": _previous_kind(message)})


def _identified(message: Message) -> tuple[str, Payload]:
    traits, context = _traits(message), _mapping(message.get("context"))
    return "identified", _known(
        {
            "first_name": _first(traits, "firstName", "first_name"),
            "last_name": _first(traits, "lastName", "last_name"),
            "time_zone": context.get("timezone"),
            "language": context.get("locale"),
        }
    )


_KINDS: Final[Mapping[str, Callable[[Message], tuple[str, Payload]]]] = {
    "page": _page_viewed,
    "screen": _screen_viewed,
    "identify": _identified,
    "group": _group_joined,
    "alias": _identities_joined,
}


def _tracked(event: str, properties: Message, source: Source) -> tuple[str, Payload]:
    """Return our event type and payload for an event name of the e-commerce vocabulary, of our own, or of neither."""
    name = re.sub(r"[^a-z0-9]+", "_", event.lower()).strip("_")
    translate = _ECOMMERCE.get(name)
    if translate:
        return translate(properties)
    known = contracts.load().events
    if source.unplanned is Unplanned.KEEP and event and (name == CUSTOM_EVENT or name not in known):
        # With its name as sent: `clean` would have only the one that is a type of ours.
        return CUSTOM_EVENT, {"name": event, "properties": dict(properties)}
    return name, dict(properties)


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
            "lines": lines or None,
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
        *_previous(message, source),
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


def _previous(message: Message, source: Source) -> list[tuple[IdentifierType, Any]]:
    """Return what an alias says that the user was called before: a visitor, an address, or a visitor or an account.

    Libraries make visitors' ids as UUIDs, and sites may make their own. An id that is neither a UUID nor an address
    stands for a visitor and for an account: the one that it is not is an identifier that nobody has.
    """
    previous = message.get("previousId") if message.get("type") == "alias" else None
    match _previous_kind(message):
        case Previous.ADDRESS:
            kinds = [IdentifierType.EMAIL]
        case Previous.VISITOR:
            kinds = [_anonymous_type(source)]
        case _:
            kinds = [_user_type(previous, source), _anonymous_type(source)]
    return [(kind, previous) for kind in kinds]


def _previous_kind(message: Message) -> "Previous | None":
    """Return what an alias names, or None where it names nothing; without a former id it is about the visitor."""
    previous = _identifier(message.get("previousId"))
    if previous is None:
        return Previous.VISITOR if _identifier(message.get("anonymousId")) is not None else None
    if isinstance(previous, str) and "@" in previous:
        return Previous.ADDRESS
    return Previous.VISITOR if isinstance(previous, str) and _UUID.fullmatch(previous) else Previous.UNCLEAR


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
