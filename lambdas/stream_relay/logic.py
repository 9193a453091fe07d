"""What the relay does: hands the records of one request to a topic, without trying again.

The writer is outside, with its order, retries and pace; the relay is its sender (`c360_aws.stream_relay`).
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict

from c360_aws.kafka_streams import KafkaSender
from c360_aws.stream_writer import StreamRecord
from c360_core.names import Stream, stream_name

if TYPE_CHECKING:
    from kafka import KafkaProducer


# What commands write: events that were rejected, and the end of a rebuild.
WRITTEN: Final = (Stream.EVENTS, Stream.PROFILE_CHANGES)


class Answer(TypedDict):
    """What the relay says: the error of each record, empty where it was accepted; and the stream's partitions."""

    codes: list[str]
    partitions: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayRequest:
    """What is asked of the relay.

    Attributes:
        stream: name of the topic.
        records: what goes there; none, to learn the partitions only.
        partition: where all of them go; None, where the key of each leads.
    """

    stream: str
    records: Sequence[StreamRecord]
    partition: int | None

    @classmethod
    def of(cls, event: Mapping[str, Any], *, environment: str) -> Self:
        """Read a request.

        Raises:
            ValueError: it names a stream that no command writes, or is not whole.
        """
        streams = [stream_name(environment, stream) for stream in WRITTEN]
        if event.get("stream") not in streams:
            raise ValueError(f"stream: expected one of {', '.join(streams)}")
        partition = event.get("partition")
        return cls(
            stream=str(event["stream"]),
            records=[_record(each, number) for number, each in enumerate(event.get("records", ()))],
            partition=None if partition is None else int(partition),
        )


def _record(entry: Mapping[str, Any], number: int) -> StreamRecord:
    try:
        return StreamRecord(key=str(entry["key"]), data=base64.b64decode(entry["data"], validate=True))
    except (KeyError, TypeError, binascii.Error) as error:
        # Its content stays out of the message: it is personal data.
        raise ValueError(f"records[{number}]: expected `key`, and `data` in base64") from error


def relay(request: RelayRequest, producer: "KafkaProducer") -> Answer:
    """Send the records once; return what became of each, and the partitions of the stream."""
    sender = KafkaSender(producer=producer, stream=request.stream, partition=request.partition)
    codes = list(sender.send(request.records)) if request.records else []
    return {"codes": codes, "partitions": sorted(producer.partitions_for(request.stream) or ())}
