"""The operations of AWS End User Messaging SMS that the platform and its operators use.

A number of AWS's own simulator fails; every other number gets its messages.
"""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from twin.emulator.wire import ServiceError

Document = dict[str, Any]
# AWS's simulator numbers of France, one of which gets its messages.
SUCCESS: Final = "+33755512501"
FAILURE: Final = "+33755512502"


@dataclass
class SmsVoice:
    """Takes text messages, keeps them, and reports what becomes of them.

    Args:
        has_configuration_set: whether one with this name is deployed.
        tell: puts a report on the default bus.
    """

    has_configuration_set: Callable[[str], bool]
    tell: Callable[[Mapping[str, Any]], None]
    outbox: list[Document] = field(default_factory=list)
    _opted_out: dict[str, datetime] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send_text_message(self, request: Document) -> Document:
        """Take a message.

        Raises:
            ServiceError: the number is opted out, or the configuration set is not deployed.
        """
        name, number = request.get("ConfigurationSetName"), str(request["DestinationPhoneNumber"])
        if name is not None and not self.has_configuration_set(str(name)):
            raise ServiceError("ResourceNotFoundException", f"configuration set {name} does not exist")
        with self._lock:
            if number in self._opted_out:
                raise ServiceError(
                    "ConflictException",
                    "Destination phone number is opted out",
                    fields={"Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"},
                )
            message_id = str(uuid.uuid4())
            self.outbox.append({**request, "MessageId": message_id})
        at = datetime.now(UTC)
        for status in ("SENT", "CARRIER_UNREACHABLE" if number == FAILURE else "DELIVERED"):
            self.tell(_report(request, message_id, status, at))
        return {"MessageId": message_id}

    def put_opted_out_number(self, request: Document) -> Document:
        """Opt a number out, as the service does by itself when the person answers STOP."""
        number = str(request["OptedOutNumber"])
        with self._lock:
            at = self._opted_out.setdefault(number, datetime.now(UTC))
        return {
            "OptOutListName": request["OptOutListName"],
            "OptedOutNumber": number,
            "OptedOutTimestamp": at,
            "EndUserOptedOut": False,
        }

    def delete_opted_out_number(self, request: Document) -> Document:
        """Let a number get messages again.

        Raises:
            ServiceError: it is not opted out.
        """
        number = str(request["OptedOutNumber"])
        with self._lock:
            at = self._opted_out.pop(number, None)
        if at is None:
            raise ServiceError("ResourceNotFoundException", f"{number} is not opted out")
        return {
            "OptOutListName": request["OptOutListName"],
            "OptedOutNumber": number,
            "OptedOutTimestamp": at,
            "EndUserOptedOut": False,
        }

    def describe_opted_out_numbers(self, request: Document) -> Document:
        """Return the numbers that are opted out."""
        with self._lock:
            held = dict(self._opted_out)
        asked = request.get("OptedOutNumbers") or sorted(held)
        found = [
            {"OptedOutNumber": number, "OptedOutTimestamp": held[number], "EndUserOptedOut": False}
            for number in asked
            if number in held
        ]
        return {"OptOutListName": request["OptOutListName"], "OptedOutNumbers": found}


def _report(request: Document, message_id: str, status: str, at: datetime) -> Document:
    milliseconds = int(at.timestamp() * 1000)
    return {
        "eventType": f"TEXT_{status}",
        "eventVersion": "1.0",
        "eventTimestamp": milliseconds,
        "isFinal": status != "SENT",
        "originationPhoneNumber": "+12065550152",
        "destinationPhoneNumber": request["DestinationPhoneNumber"],
        "isInternationalSend": False,
        "messageId": message_id,
        "messageRequestTimestamp": milliseconds,
        "messageEncoding": "GSM",
        "messageType": request.get("MessageType", "TRANSACTIONAL"),
        "messageStatus": status,
        "messageStatusDescription": f"Message is {status.lower()}",
        "context": dict(request.get("Context") or {}),
        "totalMessageParts": 1,
        "totalMessagePrice": 0.00581,
        "totalCarrierFee": 0.00302,
    }
