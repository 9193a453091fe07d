"""Up to which time each source has been read: one item a source, which only moves forward."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from glue_jobs.shared import aws

MOVED_ON: Final = "ConditionalCheckFailedException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of one source.

    Attributes:
        table: name of the table that keeps it.
        source: name of the source.
    """

    table: str
    source: str

    def read(self) -> datetime | None:
        """Return up to which time the source has been read, or None before its first run."""
        found = aws.dynamodb().get_item(TableName=self.table, Key={"source": self.source}, ConsistentRead=True)
        item = found.get("Item")
        return datetime.fromisoformat(item["read_to"]) if item else None

    def advance(self, to: datetime, *, run_id: str) -> bool:
        """Keep that the source has been read up to a time; return False if another run has read further.

        Call it only after the rows have landed: a run that dies before repeats them, and none skips any.
        """
        values: dict[str, Any] = {":to": _text(to), ":run": run_id, ":at": _text(datetime.now(UTC))}
        try:
            aws.dynamodb().update_item(
                TableName=self.table,
                Key={"source": self.source},
                UpdateExpression="SET read_to = :to, run_id = :run, advanced_at = :at",
                ConditionExpression="attribute_not_exists(read_to) OR read_to < :to",
                ExpressionAttributeValues=values,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != MOVED_ON:
                raise
            return False
        return True


def _text(at: datetime) -> str:
    """Return a time as a text that sorts as the time does."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
