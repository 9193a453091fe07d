"""Comprehend without a socket: the laptop's stand-in behind the methods of boto3's client, and what may go wrong."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from twin.emulator.wire import ServiceError
from twin.providers.comprehend.service import Comprehend


def client_error(code: str, message: str = "") -> ClientError:
    """Return the error that boto3 raises for an error of the service."""
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


@dataclass
class MemoryComprehend:
    """The client; `calls` has what it was asked.

    Attributes:
        spoils: a request with such a text fails as a whole, with this code.
        fails: documents with such a text fail in an answer, with these codes one after the other.
        next_errors: codes with which the next requests fail.
    """

    service: Comprehend = field(default_factory=Comprehend)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    spoils: dict[str, str] = field(default_factory=dict)
    fails: dict[str, list[str]] = field(default_factory=dict)
    next_errors: list[str] = field(default_factory=list)

    def batch_detect_dominant_language(self, **request: Any) -> dict[str, Any]:
        """Name languages."""
        return self._answer("batch_detect_dominant_language", request)

    def batch_detect_sentiment(self, **request: Any) -> dict[str, Any]:
        """Score texts."""
        answer = self._answer("batch_detect_sentiment", request)
        failing = dict(self._failing(request["TextList"]))
        answer["ResultList"] = [one for one in answer["ResultList"] if one["Index"] not in failing]
        answer["ErrorList"] += [
            {"Index": index, "ErrorCode": code, "ErrorMessage": "so"} for index, code in failing.items()
        ]
        return answer

    def detect_pii_entities(self, **request: Any) -> dict[str, Any]:
        """Find personal data."""
        return self._answer("detect_pii_entities", request)

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """Return the requests of an operation."""
        return [request for name, request in self.calls if name == operation]

    def scored(self) -> list[str]:
        """Return the texts that were sent to be scored, in order."""
        return [text for request in self.asked("batch_detect_sentiment") for text in request["TextList"]]

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        self.calls.append((operation, request))
        if self.next_errors:
            raise client_error(self.next_errors.pop(0))
        texts = request.get("TextList", ())
        for text, code in self.spoils.items():
            if operation == "batch_detect_sentiment" and text in texts:
                raise client_error(code, text)
        try:
            found: dict[str, Any] = getattr(self.service, operation)(request)
        except ServiceError as error:
            raise client_error(error.code, error.message) from error
        return found

    def _failing(self, texts: list[str]) -> Iterator[tuple[int, str]]:
        for index, text in enumerate(texts):
            if self.fails.get(text):
                yield index, self.fails[text].pop(0)
