"""A stream inside the private network, written from outside of it: a function there takes the records.

The brokers of MSK are reached only from the network of an environment, which has no way in. People and their commands
call the function with their own rights instead.
"""

import base64
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from c360_aws import kafka_streams
from c360_aws.kinesis import error_code
from c360_aws.stream_writer import StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

logger = logging.getLogger(__name__)

# Lambda takes 6 MB of JSON, and base64 makes four bytes of three.
BYTES_PER_CALL: Final = 3_500_000
PERMANENT: Final = kafka_streams.PERMANENT | {
    "AccessDeniedException",
    "InvalidRequestContentException",
    "RequestTooLargeException",
    "ResourceNotFoundException",
    "ValueError",
}


class RelayError(RuntimeError):
    """The function did not do what was asked; the message has its reason, and `code` the name of the error."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySender:
    """Sends records to a topic by way of the function.

    Attributes:
        client: of Lambda.
        function: name of the function.
        stream: name of the topic.
    """

    client: "LambdaClient"
    function: str
    stream: str

    @property
    def permanent(self) -> frozenset[str]:
        """Errors after which another attempt would be refused as well."""
        return PERMANENT

    def send(self, records: Sequence[StreamRecord]) -> Sequence[str]:
        """Send records in as many calls as they need; return the error code of each, empty where it was accepted."""
        return [code for part in _parts(records) for code in self._send(part)]

    def partitions(self) -> Sequence[int]:
        """Return the partitions of the topic.

        Raises:
            RelayError: the function did not answer.
        """
        return [int(number) for number in self._ask({})["partitions"]]

    def put(self, record: StreamRecord, *, partition: int) -> None:
        """Put a record into a partition.

        Raises:
            RelayError: it is not there.
        """
        (code,) = self._ask({"records": [_entry(record)], "partition": partition})["codes"]
        if code:
            raise RelayError(f"partition {partition} of {self.stream} refused a record: {code}", code)

    def _send(self, records: Sequence[StreamRecord]) -> Sequence[str]:
        try:
            return [str(code) for code in self._ask({"records": [_entry(record) for record in records]})["codes"]]
        except RelayError as error:
            logger.warning("%s", error)
            return [error.code] * len(records)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        payload = json.dumps({"stream": self.stream, **request}).encode()
        try:
            answer = self.client.invoke(FunctionName=self.function, Payload=payload)
        except (ClientError, BotoCoreError) as error:
            raise RelayError(f"{self.function} cannot be called: {error}", error_code(error)) from error
        said: dict[str, Any] = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            kind = str(said.get("errorType", answer["FunctionError"]))
            raise RelayError(f"{self.function} failed: {kind}: {said.get('errorMessage', '')}", kind)
        return said


def _parts(records: Sequence[StreamRecord]) -> Iterator[Sequence[StreamRecord]]:
    part: list[StreamRecord] = []
    size = 0
    for record in records:
        if part and size + record.size > BYTES_PER_CALL:
            yield part
            part, size = [], 0
        part.append(record)
        size += record.size
    if part:
        yield part


def _entry(record: StreamRecord) -> dict[str, str]:
    return {"key": record.key, "data": base64.b64encode(record.data).decode()}
