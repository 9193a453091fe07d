"""Calls of vendors in a form of their own: the contract says how they are signed and how they become events.

No code here knows a vendor. A call is let in by its signature instead of a write key; what it says is then judged by
the contract like every other event.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from c360_core.canonical import whole_number
from c360_core.contracts import Contracts, Signature, Source, Webhook
from c360_core.digests import digest
from c360_core.exact_json import AmbiguousObject, encode_bytes, is_ambiguous
from c360_core.moments import moment_text
from lambdas.collector.credentials import EventSender
from lambdas.shared.problem import ProblemDetails

MAX_EVENT_ID: Final = 64  # characters, in the contract of events
# Ids that we make of a delivery or of an event's content begin with it.
ID_PREFIX: Final = "h_"
MOST_IDENTIFIERS: Final = 20
# Epoch milliseconds are at least this, and seconds below it until the year 5138.
_LEAST_MILLISECONDS: Final = 100_000_000_000
# No body of a call has this form, so that nobody gets a signature for one by a challenge.
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_.~+/=-]{1,512}")
_PLACE: Final = re.compile(r"([{](?:body|timestamp|id)[}])")
_SIGNATURE: Final = r"([A-Za-z0-9+/=_-]+)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One call, before anything in it is believed.

    Attributes:
        headers: by name in small letters.
        body: the bytes as sent.
    """

    headers: Mapping[str, str]
    body: bytes


def webhook_of(contracts: Contracts, name: str) -> tuple[Source, Webhook]:
    """Return the source of an address, and how it calls.

    Raises:
        ProblemDetails: 404, no source calls there.
    """
    source = contracts.sources.get(name)
    webhook = source.server.webhook if source else None
    if source is None or webhook is None:
        raise ProblemDetails(
            status=HTTPStatus.NOT_FOUND,
            code="UNKNOWN_PATH",
            field="path",
            detail="No source calls this address.",
            fix="Call /v1/hooks/ and the name of a source whose contract has a webhook.",
        )
    return source, webhook


def secrets_of(source: Source, senders: Mapping[str, EventSender]) -> list[bytes]:
    """Return the secrets that a source's calls may be signed with: the present one, and the one before it."""
    return [sender.signing_secret or key.encode() for key, sender in senders.items() if sender.source == source.name]


def authenticate_delivery(signature: Signature, delivery: Delivery, secrets: Iterable[bytes], *, now: datetime) -> None:
    """Let a call in whose signature is right and fresh.

    Raises:
        ProblemDetails: 401, the signature is missing, wrong or too old.
    """
    timestamp = _found(delivery.headers.get(signature.timestamp_header or "", ""), signature.timestamp_prefix)
    if signature.timestamp_header is not None and not _is_fresh(timestamp, signature.tolerance_seconds, now):
        raise _unsigned(
            signature.timestamp_header, "The time of signing is missing, or too far from now.", "Correct the clock."
        )
    given = re.findall(re.escape(signature.prefix) + _SIGNATURE, delivery.headers.get(signature.header, ""))
    places = {
        "{body}": delivery.body,
        "{timestamp}": timestamp.encode(errors="replace"),
        "{id}": delivery.headers.get(signature.id_header or "", "").encode(errors="replace"),
    }
    signed = b"".join(places.get(part, part.encode()) for part in _PLACE.split(signature.signed))
    expected = [sign(secret, signed, signature) for secret in secrets]
    if not any(hmac.compare_digest(_comparable(one, signature), other) for one in given for other in expected):
        raise _unsigned(
            signature.header,
            "The signature is missing or does not fit the body.",
            f"Sign `{signature.signed}` with {signature.algorithm} under the source's secret, in {signature.encoding}.",
        )


def sign(secret: bytes, signed: bytes, signature: Signature) -> bytes:
    """Return the signature of some bytes, without its prefix."""
    hashed = hmac.digest(secret, signed, getattr(hashlib, signature.algorithm))
    return hashed.hex().encode() if signature.encoding == "hex" else base64.b64encode(hashed)


def _comparable(given: str, signature: Signature) -> bytes:
    return (given.lower() if signature.encoding == "hex" else given).encode()


def _found(header: str, prefix: str) -> str:
    match = re.search(re.escape(prefix) + r"([^,;\s]+)", header)
    return match[1] if match else ""


def _is_fresh(timestamp: str, tolerance_seconds: int, now: datetime) -> bool:
    if not re.fullmatch(r"[0-9]{1,15}", timestamp):
        return False
    return abs(now.timestamp() * 1000 - _milliseconds(int(timestamp))) <= tolerance_seconds * 1000


def _milliseconds(number: int) -> int:
    return number if number >= _LEAST_MILLISECONDS else number * 1000


def _epoch(number: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=_milliseconds(number))


def _unsigned(field: str, detail: str, fix: str) -> ProblemDetails:
    return ProblemDetails(
        status=HTTPStatus.UNAUTHORIZED,
        code="BAD_SIGNATURE",
        field=field,
        detail=f"{detail} Nothing was stored.",
        fix=fix,
    )


# ---- the vendor verifies the address


def challenge_of(webhook: Webhook, fields: object) -> str | None:
    """Return the value by which a vendor verifies the address, out of a query or a body; None if this is no such call.

    Raises:
        ProblemDetails: 400, the value has no form that we send back.
    """
    value = fields.get(webhook.challenge_field) if webhook.challenge_field and isinstance(fields, Mapping) else None
    if value is None:
        return None
    if not isinstance(value, str) or not _CHALLENGE.fullmatch(value):
        raise ProblemDetails(
            status=HTTPStatus.BAD_REQUEST,
            code="BAD_CHALLENGE",
            field=webhook.challenge_field,
            detail="The challenge is no text of a form that is sent back.",
            fix="Send up to 512 letters, digits and the marks of base64.",
        )
    return value


def challenge_answer(webhook: Webhook, value: str, secrets: list[bytes]) -> dict[str, str] | str:
    """Return the answer to a challenge: a document, or the bare text."""
    if webhook.challenge_signed and secrets:
        value = webhook.signature.prefix + sign(secrets[0], value.encode(), webhook.signature).decode()
    return {webhook.challenge_answer: value} if webhook.challenge_answer else value


# ---- from a call to events


def events_of_call(
    webhook: Webhook, source: Source, delivery: Delivery, body: Any, *, received_at: datetime
) -> list[Any]:
    """Return the events of a call as they go on the stream; what cannot be translated goes there as it came.

    Raises:
        ProblemDetails: 400, the body has no list of events where the contract says.
    """
    found = _events(webhook, body)
    delivered = delivery.headers.get(webhook.signature.id_header or "", "")
    return [
        _envelope(webhook, source, sent, received_at, f"{delivered}|{place}" if delivered else None)
        for place, sent in enumerate(found)
    ]


def _events(webhook: Webhook, body: Any) -> list[Any]:
    if webhook.events is None:
        return [body]
    found = None if isinstance(body, AmbiguousObject) else _at(body, webhook.events)
    if not isinstance(found, list):
        raise ProblemDetails(
            status=HTTPStatus.BAD_REQUEST,
            code="MISSING_FIELD",
            field=webhook.events,
            detail="The body has no list of events there. Nothing of it was stored.",
            fix="Send what the source's contract says.",
        )
    return found


def _envelope(webhook: Webhook, source: Source, sent: Any, received_at: datetime, delivered: str | None) -> Any:
    event_id = _event_id(webhook, source, sent, delivered)
    stamped = {"event_id": event_id, "source": source.name, "received_at": moment_text(received_at)}
    if not isinstance(sent, Mapping) or is_ambiguous(sent):
        return {**stamped, "body": sent}
    theirs = _at(sent, webhook.event_type)
    ours = webhook.types.get(theirs) if isinstance(theirs, str) else None
    return {
        **stamped,
        "event_type": ours or theirs,
        "schema_version": 1,
        "occurred_at": _moment(_at(sent, webhook.occurred_at), received_at),
        "identifiers": _identifiers(webhook, source, sent),
        "payload": dict(sent) if ours is None else _mapped(sent, webhook.payload[ours]),
    }


def _event_id(webhook: Webhook, source: Source, sent: Any, delivered: str | None) -> str:
    """Return the vendor's id of an event, or else one that follows from the delivery or the content.

    A call that comes again gives the same ids, so that its events are duplicates.
    """
    said = _at(sent, webhook.event_id) if webhook.event_id else None
    number = None if isinstance(said, str) else whole_number(said)
    text = said if isinstance(said, str) else str(number) if number is not None else ""
    if 0 < len(text) <= MAX_EVENT_ID:
        return text
    return f"{ID_PREFIX}{digest(f'{source.name}|{text or delivered or encode_bytes(sent).decode()}')}"


def _moment(said: Any, received_at: datetime) -> Any:
    """Return a time as text; one that cannot be read stays, and the contract refuses it."""
    if said is None:
        return moment_text(received_at)
    number = None if isinstance(said, str) else whole_number(said)
    try:
        return said if number is None else moment_text(_epoch(number))
    except OverflowError:
        return said


def _identifiers(webhook: Webhook, source: Source, sent: Mapping[str, Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for kind in source.identifiers:
        said = _at(sent, webhook.identifiers[kind]) if kind in webhook.identifiers else None
        number = None if isinstance(said, str) else whole_number(said)
        value = said if number is None else str(number)
        if value:
            found[str(kind)] = value if isinstance(value, list) else [value]
    return found


def _mapped(sent: Mapping[str, Any], paths: Mapping[str, str]) -> dict[str, Any]:
    values = {name: _at(sent, path) for name, path in paths.items()}
    return {name: value for name, value in values.items() if value is not None}


def _at(document: Any, path: str) -> Any:
    for name in path.split("."):
        fields = document.fields if isinstance(document, AmbiguousObject) else document
        document = fields.get(name) if isinstance(fields, Mapping) else None
    return document
