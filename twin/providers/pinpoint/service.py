"""The one operation of Pinpoint that lives on for push messages and that the platform uses.

Apple and Google are not there: every token is a device that gets its messages, unless its name begins with what AWS
would say of it.
"""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from twin.emulator.wire import ServiceError

Document = dict[str, Any]
SERVICES: Final = frozenset({"APNS", "GCM"})
# What becomes of a message to a token that begins so.
FAILURES: Final = {"gone": ("PERMANENT_FAILURE", 410), "busy": ("THROTTLED", 429)}
_TAKEN: Final = ("SUCCESSFUL", 200)
_MOST: Final = 100


@dataclass
class Push:
    """Takes push messages and keeps those that devices get.

    Args:
        services_of: the services whose channels an application has; None where there is no such application.
    """

    services_of: Callable[[str], frozenset[str] | None]
    outbox: list[Document] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send_messages(self, request: Document) -> Document:
        """Take a message for up to a hundred devices, and say of each what became of it.

        Raises:
            ServiceError: the application is not deployed, or there are too many devices, or none.
        """
        services, message = self.services_of(str(request["ApplicationId"])), request["MessageRequest"]
        if services is None:
            raise ServiceError("NotFoundException", "the application does not exist", 404)
        addresses = message.get("Addresses") or {}
        if not 0 < len(addresses) <= _MOST:
            raise ServiceError("BadRequestException", f"a request has 1 to {_MOST} addresses")
        found = {token: self._send(token, one["ChannelType"], services, message) for token, one in addresses.items()}
        return {
            "MessageResponse": {
                "ApplicationId": request["ApplicationId"],
                "RequestId": str(uuid.uuid4()),
                "Result": found,
            }
        }

    def _send(self, token: str, service: str, services: frozenset[str], message: Document) -> Document:
        if service not in services:
            return {"DeliveryStatus": "PERMANENT_FAILURE", "StatusCode": 400, "StatusMessage": "no such channel"}
        status, code = next((way for name, way in FAILURES.items() if token.startswith(name)), _TAKEN)
        message_id = str(uuid.uuid4())
        if code == _TAKEN[1]:
            shown = message["MessageConfiguration"][f"{service}Message"]
            with self._lock:
                self.outbox.append({"token": token, "service": service, "message": shown, "message_id": message_id})
        return {"DeliveryStatus": status, "StatusCode": code, "MessageId": message_id}
