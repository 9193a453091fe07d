"""Sends the positions of unreadable stream records to the dead-letter queue at once.

Lambda would send them there as well, but only after its retries, each of which holds up the whole shard.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from lambdas.shared.stream_batches import StreamRecord, time_text

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MESSAGES_PER_CALL: Final = 10
LONGEST_REASON: Final = 1_000
CONDITION: Final = "Unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record that cannot be read, and why."""

    record: StreamRecord
    fault: Exception

    @property
    def position(self) -> str:
        """Its position in the stream."""
        return self.record.position


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """The dead-letter queue of a function that reads a stream.

    Attributes:
        client: of SQS.
        url: of the queue.
        function_arn: of the function.
        request_id: of the invocation.
    """

    client: "SQSClient"
    url: str
    function_arn: str
    request_id: str

    def put(self, letters: Sequence[DeadLetter]) -> frozenset[str]:
        """Put the positions of records into the queue, each with its reason; the bodies stay on the stream.

        A batch that is delivered again because of other records puts its messages twice.

        Returns:
            The positions of the records whose positions are in the queue.

        Raises:
            ClientError: the queue refused a whole request.
        """
        return frozenset(
            position
            for start in range(0, len(letters), MESSAGES_PER_CALL)
            for position in self._send(letters[start : start + MESSAGES_PER_CALL])
        )

    def _send(self, letters: Sequence[DeadLetter]) -> Iterator[str]:
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(place), "MessageBody": json.dumps(self._message(letter))} for place, letter in enumerate(letters)
        ]
        answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
        return (letters[int(sent["Id"])].position for sent in answer.get("Successful", []))

    def _message(self, letter: DeadLetter) -> dict[str, Any]:
        """Return a message in the form of Lambda's own, so that one runbook covers both, with the reason added."""
        return {
            "version": "1.0",
            "timestamp": time_text(datetime.now(UTC)),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": self.function_arn,
                "condition": CONDITION,
                "approximateInvokeCount": 1,
            },
            "reason": str(letter.fault)[:LONGEST_REASON],
            **letter.record.batch_info(),
        }
