"""What the relay does: hands the records of one request to a topic, without trying again; or looks at one there.

The writer is outside, with its order, retries and pace; the relay is its sender (`c360_aws.stream_relay`).
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypedDict

from c360_aws import kafka_streams
from c360_aws.kafka_streams import Brokers, KafkaSender
from c360_aws.stream_writer import StreamRecord
from c360_core.names import Stream, stream_name

if TYPE_CHECKING:
    from kafka import KafkaProducer


# What commands write: events that were rejected, and the end of a rebuild.
WRITTEN: Final = (Stream.EVENTS, Stream.PROFILE_CHANGES)
# Whose dead letters name a position and not the record.
READ: Final = (Stream.PROFILE_CHANGES,)


class Answer(TypedDict):
    """What the relay says: the error of each record, empty where it was accepted; and the stream's partitions."""

    codes: list[str]
    partitions: list[int]


class Found(TypedDict):
    """What the relay says of a position: the record there in base64, or nothing."""

    records: list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayRequest:
    """What is asked of the relay.

    Attributes:
        stream: name of the topic.
        records: what goes there; none, to learn the partitions only.
        partition: where all of them go; None, where the key of each leads.
        offset: of the record in that partition that is asked for; None, if none is.
    """

    stream: str
    records: Sequence[StreamRecord]
    partition: int | None
    offset: int | None

    @classmethod
    def of(cls, event: Mapping[str, Any], *, environment: str) -> Self:
        """Read a request.

        Raises:
            ValueError: it names a stream that no command writes, or is not whole.
        """
        streams = [stream_name(environment, stream) for stream in WRITTEN]
        if event.get("stream") not in streams:
            raise ValueError(f"stream: expected one of {', '.join(streams)}")
        partition, offset = (None if event.get(name) is None else int(event[name]) for name in ("partition", "offset"))
        readable = [stream_name(environment, stream) for stream in READ]
        if offset is not None and (event["stream"] not in readable or partition is None):
            raise ValueError(f"offset: expected with a partition, and one of the streams {', '.join(readable)}")
        return cls(
            stream=str(event["stream"]),
            records=[_record(each, number) for number, each in enumerate(event.get("records", ()))],
            partition=partition,
            offset=offset,
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


def looked_up(request: RelayRequest, brokers: Brokers) -> Found:
    """Return the record at the position that is asked for; none, if its time is over."""
    partition, offset = request.partition or 0, request.offset or 0
    found = kafka_streams.read_one(brokers, request.stream, partition=partition, offset=offset)
    if found is None:
        return {"records": []}
    return {"records": [{"key": found.key, "data": base64.b64encode(found.data).decode()}]}
