"""An event of the bus as a call that its subscriber can verify, after the Standard Webhooks specification."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from c360_core.bus_events import ToldEvent, UnknownBusEventError, told_event
from lambdas.shared.outbound.https import Caller, UnreachableError, UnsafeAddressError
from lambdas.shared.outbound.port import RefusedError, UnavailableError, judge

DELIVERED: Final = "delivered"
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # how the specification marks a secret
LEAST_SECRET: Final = 24  # bytes, as the specification asks
VERSION: Final = "v1"
AGENT: Final = "customer-360-webhooks/1"


def secret_key(text: str) -> bytes:
    """Return the bytes of a secret: base64, with or without the prefix `whsec_`.

    Raises:
        ValueError: it is something else, or too short; the message never has the secret.
    """
    try:
        key = base64.b64decode(text.strip().removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(
            "the secret of a webhook is not base64; store `whsec_` and at least 24 bytes in base64"
        ) from None
    if len(key) < LEAST_SECRET:
        raise ValueError(f"the secret of a webhook has {len(key)} bytes; store at least {LEAST_SECRET} in base64")
    return key


def signature(keys: Sequence[bytes], *, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the header: a signature under each of the keys, so that a subscriber may know either."""
    signed = b".".join((event_id.encode(), str(timestamp).encode(), body))
    hashes = (hmac.digest(key, signed, hashlib.sha256) for key in keys)
    return " ".join(f"{VERSION},{base64.b64encode(one).decode()}" for one in hashes)


def body_of(event: ToldEvent) -> bytes:
    """Return the body: the same bytes however often the event is told."""
    document = {"type": str(event.kind), "timestamp": event.happened_at, "data": dict(event.data)}
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A subscriber.

    Attributes:
        secrets: returns the present secret, and the one before it as long as that is valid.
        clock: tells the present.
    """

    name: str
    url: str
    caller: Caller
    secrets: Callable[[], Sequence[str]]
    clock: Callable[[], datetime]

    def deliver(self, event: Mapping[str, Any]) -> str:
        """Tell an event. The id is the event's own, so that a subscriber knows it again; the time is the attempt's.

        Raises:
            RefusedError: the event is of no contract, or the subscriber does not take it.
            UnavailableError: the subscriber may take it later.
        """
        try:
            told = told_event(event)
        except UnknownBusEventError as error:
            raise RefusedError(str(error)) from error
        body, timestamp = body_of(told), int(self.clock().timestamp())
        keys = [secret_key(text) for text in self.secrets()]
        headers = {
            "content-type": "application/json",
            "user-agent": AGENT,
            "webhook-id": told.event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(keys, event_id=told.event_id, timestamp=timestamp, body=body),
        }
        try:
            answer = self.caller.call("POST", self.url, headers=headers, body=body)
        except (UnsafeAddressError, UnreachableError) as error:
            raise UnavailableError(str(error)) from error
        judge(answer, of=self.name)
        return DELIVERED
