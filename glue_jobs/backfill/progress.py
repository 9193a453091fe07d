"""How far a backfill has come: one item each in a table of DynamoDB, which only moves forward."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from c360_core.backfill import KEY, Hour, Span
from c360_core.moments import moment, moment_text
from glue_jobs.shared import aws

REFUSED: Final = "ConditionalCheckFailedException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of one backfill.

    Attributes:
        table: name of the table that keeps it.
        backfill_id: its id.
    """

    table: str
    backfill_id: str

    def begin(self, span: Span, *, settled: datetime, run_id: str) -> datetime:
        """Note that it begins, unless it has begun before; return before which time interactions belong to it.

        The first run decides that for all that go on with it: otherwise one that goes on after midnight would find
        other hours.
        """
        values = {
            "source": span.source,
            "first_day": span.first.isoformat(),
            "last_day": span.last.isoformat(),
            "arrived_before": moment_text(span.end(settled=settled)),
            "sent": 0,
        }
        self._update({**values, "begun_at": _now(), "run_id": run_id}, only="attribute_not_exists(arrived_before)")
        return moment(self.read()["arrived_before"])

    def read(self) -> Mapping[str, Any]:
        """Return the item, empty before it has begun."""
        found = aws.dynamodb().get_item(TableName=self.table, Key={KEY: self.backfill_id}, ConsistentRead=True)
        item: Mapping[str, Any] = found.get("Item", {})
        return item

    def found(self, records: int) -> None:
        """Keep how many interactions it has, all in all."""
        self._update({"records": records, "counted_at": _now()})

    def done(self, hour: Hour, *, run_id: str) -> bool:
        """Keep that an hour is whole on the stream; return False if another run has come further.

        Call it only when the stream has taken every record of it: a run that dies before repeats the hour.
        """
        return self._update(
            {"done": hour.name, "run_id": run_id, "moved_at": _now()},
            add={"sent": hour.records},
            only="attribute_not_exists(done) OR done < :done",
        )

    def complete(self) -> None:
        """Keep that all is on the stream."""
        self._update({"completed_at": _now()})

    def _update(
        self, values: Mapping[str, Any], *, add: Mapping[str, int] | None = None, only: str | None = None
    ) -> bool:
        """Set attributes and add to others; return False if the condition does not hold."""
        names = {f"#{name}": name for name in (*values, *(add or {}))}  # `source` and others are reserved words
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
        if add:
            expression += " ADD " + ", ".join(f"#{name} :{name}" for name in add)
        try:
            aws.dynamodb().update_item(
                TableName=self.table,
                Key={KEY: self.backfill_id},
                UpdateExpression=expression,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={f":{name}": value for name, value in {**values, **(add or {})}.items()},
                **({"ConditionExpression": only} if only else {}),
            )
        except ClientError as error:
            if only is None or error.response["Error"]["Code"] != REFUSED:
                raise
            return False
        return True


def _now() -> str:
    return moment_text(datetime.now(UTC))
