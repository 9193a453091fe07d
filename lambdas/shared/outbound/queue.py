"""The queue of a receiver in SQS, and the batches that Lambda makes of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.utilities.data_classes import SQSEvent
from botocore.exceptions import ClientError

from c360_aws.observability import logger_for
from lambdas.shared.outbound.batch import QueuedEvent, Taken

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

REASON: Final = "reason"
LONGEST_REASON: Final = 256

logger = logger_for("outbound")


@dataclass(frozen=True, slots=True, kw_only=True)
class SqsQueue:
    """The queue of a receiver.

    Attributes:
        url: of the queue.
        dead_letters: URL of the queue for what no repetition helps.
    """

    client: "SQSClient"
    url: str
    dead_letters: str

    def hide(self, message: QueuedEvent, seconds: int) -> None:
        """Let a message come again after so many seconds.

        Where SQS does not take that, the message comes again when the queue's own timeout has passed: sooner or later
        than wanted, but it does come.
        """
        try:
            self.client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=message.handle, VisibilityTimeout=seconds
            )
        except ClientError as error:
            logger.warning("the queue keeps its own timeout: %s", error, extra={"message_id": message.message_id})

    def set_aside(self, message: QueuedEvent, reason: str) -> None:
        """Put a message into the dead-letter queue, with the reason as an attribute.

        Raises:
            ClientError: SQS refused; the batch fails, and comes again.
        """
        self.client.send_message(
            QueueUrl=self.dead_letters,
            MessageBody=message.body,
            MessageAttributes={REASON: {"DataType": "String", "StringValue": reason[:LONGEST_REASON]}},
        )


def queue_of(event: dict[str, Any]) -> str:
    """Return the ARN of the queue that a batch is from: Lambda does not mix queues."""
    return str(next(SQSEvent(event).records).event_source_arn)


def messages_of(event: dict[str, Any]) -> Iterator[QueuedEvent]:
    """Yield the messages of a batch."""
    for record in SQSEvent(event).records:
        yield QueuedEvent(
            message_id=record.message_id,
            handle=record.receipt_handle,
            body=record.body,
            attempt=int(record.attributes.approximate_receive_count or 1),
        )


def answer_of(taken: Taken) -> Mapping[str, Any]:
    """Return what tells Lambda the messages that it must leave in the queue."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in taken.waiting]}
