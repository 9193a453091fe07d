"""Puts records on a Kinesis stream and tells which of them did not get there."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from c360_core.names import IdentifierType

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

logger = logging.getLogger(__name__)

RECORDS_PER_CALL: Final = 500
BYTES_PER_CALL: Final = 4_500_000
ATTEMPTS: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """One record: the key that keeps its order, and its bytes."""

    key: str
    data: bytes


class StreamUnavailableError(RuntimeError):
    """Records could not be stored; whoever has them must send them again."""


class EventStream(Protocol):
    """Where events go."""

    def publish(self, records: Sequence[StreamRecord]) -> tuple[int, ...]:
        """Store the records; return the indexes of those that could not be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KinesisEventStream:
    """An EventStream on Kinesis. Only what failed is sent again, so nothing that is stored is stored twice."""

    client: "KinesisClient"
    stream_name: str
    pause: Callable[[float], None] = time.sleep

    def publish(self, records: Sequence[StreamRecord]) -> tuple[int, ...]:
        """Store the records; return the indexes of those that could not be stored after all attempts."""
        waiting: list[int] = list(range(len(records)))
        for attempt in range(ATTEMPTS):
            if attempt:
                self.pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            waiting = [index for chunk in _chunks(records, waiting) for index in self._put(records, chunk)]
            if not waiting:
                break
        return tuple(waiting)

    def _put(self, records: Sequence[StreamRecord], chunk: Sequence[int]) -> list[int]:
        entries: list[PutRecordsRequestEntryTypeDef] = [
            {"Data": records[index].data, "PartitionKey": records[index].key} for index in chunk
        ]
        try:
            answer = self.client.put_records(StreamName=self.stream_name, Records=entries)
        except (ClientError, BotoCoreError) as error:
            logger.warning("stream %s refused %d records: %s", self.stream_name, len(chunk), _name(error))
            return list(chunk)
        return [index for index, result in zip(chunk, answer["Records"], strict=True) if result.get("ErrorCode")]


def _name(error: ClientError | BotoCoreError) -> str:
    """Return what an error is called: by the service, as `ResourceNotFoundException`, or by the client."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def event_record(event: Mapping[str, object], *, key: str) -> StreamRecord:
    """Return an event as a record of the stream: compact JSON in UTF-8."""
    return StreamRecord(key=key, data=json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode())


def _chunks(records: Sequence[StreamRecord], indexes: Sequence[int]) -> Iterator[list[int]]:
    chunk: list[int] = []
    size = 0
    for index in indexes:
        length = len(records[index].data) + len(records[index].key)
        if chunk and (len(chunk) == RECORDS_PER_CALL or size + length > BYTES_PER_CALL):
            yield chunk
            chunk, size = [], 0
        chunk.append(index)
        size += length
    if chunk:
        yield chunk


def partition_key(identifiers: Mapping[str, Sequence[str]], *, preferred: IdentifierType, otherwise: str) -> str:
    """Return the key that keeps the events of one device or customer in order.

    It is a hash, because partition keys are seen where clear identifiers must not be.

    Args:
        identifiers: clear values by type.
        preferred: the type that the source's contract names as partition key.
        otherwise: what to key by when there is no identifier.
    """
    for kind in (preferred, *IdentifierType):
        values = identifiers.get(kind)
        if isinstance(values, list | tuple) and values and isinstance(values[0], str):
            return _key(f"{kind}:{values[0]}")
    return _key(otherwise)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]
