"""Kinesis as what carries a stream."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from c360_aws.stream_writer import StreamRecord

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

logger = logging.getLogger(__name__)

# Errors after which another attempt would be refused as well.
PERMANENT: Final = frozenset(
    {
        "ResourceNotFoundException",
        "AccessDeniedException",
        "InvalidArgumentException",
        "ValidationException",
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSNotFoundException",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KinesisSender:
    """Sends records to a stream of Kinesis.

    Attributes:
        client: of Kinesis.
        stream: name of the stream.
    """

    client: "KinesisClient"
    stream: str

    @property
    def permanent(self) -> frozenset[str]:
        """Errors after which another attempt would be refused as well."""
        return PERMANENT

    def send(self, records: Sequence[StreamRecord]) -> Sequence[str]:
        """Send one request; return the error code of each record, empty where it was accepted."""
        entries: list[PutRecordsRequestEntryTypeDef] = [
            {"Data": record.data, "PartitionKey": record.key} for record in records
        ]
        try:
            answers = self.client.put_records(StreamName=self.stream, Records=entries)["Records"]
        except (ClientError, BotoCoreError) as error:
            code = error_code(error)
            logger.warning("stream %s refused %d records: %s", self.stream, len(records), code)
            return [code] * len(records)
        return [answer.get("ErrorCode") or "" for answer in answers]


def error_code(error: ClientError | BotoCoreError) -> str:
    """Return the code of an error: the service's, such as `ResourceNotFoundException`, or the name of the client's."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__
