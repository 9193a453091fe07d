"""A batch of a stream as Lambda delivers it, from Kinesis or from Kafka: the one place that knows both shapes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.kafka_event import KafkaEvent, KafkaEventRecord
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamEvent, KinesisStreamRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

KAFKA: Final = frozenset({"aws:kafka", "SelfManagedKafka"})


class StreamRecord(Protocol):
    """A record of a batch."""

    @property
    def position(self) -> str:
        """Its position, which no other record of the batch has."""

    def data(self) -> bytes:
        """Return its bytes."""

    def batch_info(self) -> Mapping[str, Any]:
        """Return where it is in its stream, as Lambda's own messages to a failure destination say it."""


@dataclass(frozen=True, slots=True)
class _OfKinesis:
    record: KinesisStreamRecord

    @property
    def position(self) -> str:
        return self.record.kinesis.sequence_number

    def data(self) -> bytes:
        return self.record.kinesis.data_as_bytes()

    def batch_info(self) -> Mapping[str, Any]:
        arrived = time_text(datetime.fromtimestamp(self.record.kinesis.approximate_arrival_timestamp, UTC))
        place = {
            "shardId": self.record.event_id.partition(":")[0],
            "startSequenceNumber": self.position,
            "endSequenceNumber": self.position,
            "approximateArrivalOfFirstRecord": arrived,
            "approximateArrivalOfLastRecord": arrived,
            "batchSize": 1,
            "streamArn": self.record.event_source_arn,
        }
        return {"KinesisBatchInfo": place}


@dataclass(frozen=True, slots=True)
class _OfKafka:
    record: KafkaEventRecord
    cluster: str | None
    servers: str

    @property
    def position(self) -> str:
        return f"{self.record.topic}-{self.record.partition}:{self.record.offset}"

    def data(self) -> bytes:
        return self.record.decoded_value if self.record.get("value") is not None else b""

    def batch_info(self) -> Mapping[str, Any]:
        arrived = time_text(datetime.fromtimestamp(self.record.timestamp / 1000, UTC))
        offset = str(self.record.offset)
        place = {
            "firstRecordOffset": offset,
            "lastRecordOffset": offset,
            "firstRecordTimestamp": arrived,
            "lastRecordTimestamp": arrived,
        }
        return {
            "KafkaBatchInfo": {
                "batchSize": 1,
                "eventSourceArn": self.cluster,
                "bootstrapServers": self.servers,
                "payloadSize": len(self.data()),
                "recordsInfo": {f"{self.record.topic}-{self.record.partition}": place},
            }
        }


@dataclass(frozen=True, slots=True)
class StreamBatch:
    """A batch as it came.

    Attributes:
        event: what Lambda gave to the function.
    """

    event: dict[str, Any]

    def records(self) -> Iterator[StreamRecord]:
        """Yield the records, those of a shard or partition in their order."""
        if not self._of_kafka:
            yield from map(_OfKinesis, KinesisStreamEvent(self.event).records)
            return
        batch = KafkaEvent(self.event)
        for record in batch.records:
            yield _OfKafka(record, batch.event_source_arn, batch.bootstrap_servers)

    def answer(self, failures: Mapping[str, Exception], context: LambdaContext) -> PartialItemFailureResponse:
        """Return what tells Lambda the records that must be delivered again.

        Args:
            failures: the errors by the positions of the records.
            context: of the invocation.
        """
        kind = EventType.Kafka if self._of_kafka else EventType.KinesisDataStreams
        # One of its own for each batch: a processor keeps what has failed.
        processor = BatchProcessor(event_type=kind, raise_on_entire_batch_failure=False)
        return process_partial_response(
            event=self.event, record_handler=self._failing(failures), processor=processor, context=context
        )

    @property
    def _of_kafka(self) -> bool:
        return self.event.get("eventSource") in KAFKA

    def _failing(self, failures: Mapping[str, Exception]) -> Callable[[Any], None]:
        def fail_if(record: Any) -> None:
            read = _OfKafka(record, None, "") if self._of_kafka else _OfKinesis(record)
            fault = failures.get(read.position)
            if fault is not None:
                raise fault

        return fail_if


def time_text(moment: datetime) -> str:
    """Return a moment as Lambda's messages give it, in UTC with milliseconds."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
