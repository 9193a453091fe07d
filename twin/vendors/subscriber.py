"""A subscriber of webhooks: it takes each event once, from whoever signs with a secret that it knows."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from twin.vendors.server import Call, Document, Refused, VendorServer


class WebhookSubscriber(VendorServer):
    """A subscriber that verifies calls after the Standard Webhooks specification, with nothing of the platform's code.

    Args:
        secrets: with which calls may be signed, in base64.

    Attributes:
        secrets: the same.
        events: that were told, by their ids, in order.
        told: how often each was told.
        unsigned: calls whose signature was wrong.
    """

    def __init__(self, *, secrets: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(**settings)
        self.secrets = list(secrets)
        self.events: dict[str, Document] = {}
        self.told: dict[str, int] = {}
        self.unsigned = 0

    def answer(self, call: Call) -> Any:
        """Take an event, unless it is known already."""
        if self.must_wait():
            raise Refused(429, {"error": "busy"}, {"Retry-After": "1"})
        event_id = call.headers.get("webhook-id", "")
        if not self._is_signed(call, event_id):
            self.unsigned += 1
            raise Refused(401, {"error": "the signature is wrong"})
        self.events.setdefault(event_id, call.body)
        self.told[event_id] = self.told.get(event_id, 0) + 1
        return {}

    def _is_signed(self, call: Call, event_id: str) -> bool:
        signed = f"{event_id}.{call.headers.get('webhook-timestamp', '')}.".encode() + call.content
        given = call.headers.get("webhook-signature", "").split()
        expected = (hmac.digest(base64.b64decode(secret), signed, hashlib.sha256) for secret in self.secrets)
        return any(f"v1,{base64.b64encode(one).decode()}" in given for one in expected)
