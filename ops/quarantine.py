"""The table of rejected rows, read and marked in the deployed Athena workgroup."""

import base64
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import awswrangler
from botocore.exceptions import BotoCoreError, ClientError

from c360_core.moments import moment, moment_text
from c360_core.names import Querier, TableName, Zone, database_name, workgroup_name
from c360_core.replay import JudgedRow, RejectedRow

ROWS_PER_FRAME: Final = 500
ATTEMPTS: Final = 6
FIRST_PAUSE_SECONDS: Final = 1.0
# `clean` commits to the same table all the time. Iceberg refuses one of two commits that may touch the same rows.
COMMIT_CONFLICT: Final = "ICEBERG_COMMIT_ERROR"
# Athena reads times in texts to the millisecond; the table is finer.
FINER_THAN_TEXT: Final = timedelta(seconds=1)


# How Athena says that whoever asks may not: a column or a table that is closed to somebody is not there for them.
REFUSAL: Final = re.compile(
    r"access.?denied|permission.?denied|not.authorized|insufficient (lake formation )?permission|"
    r"(column|table).{1,200}(cannot be resolved|does not exist)|(COLUMN|TABLE)_NOT_FOUND",
    re.IGNORECASE,
)


class RefusedError(RuntimeError):
    """Whoever asks may not see it; the message says who may."""


class ReplayFailedError(RuntimeError):
    """Something refused to work; the message says what was done and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows: all criteria hold together; a criterion without a value holds for every row.

    Attributes:
        since: received at this time or later.
        until: received before this time.
        rejected_ids: these rows alone.
        fixed_too: rows that were replayed before, too.
    """

    source: str | None = None
    code: str | None = None
    event_type: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    rejected_ids: tuple[str, ...] | None = None
    fixed_too: bool = False

    @property
    def is_everything(self) -> bool:
        """Say whether nothing narrows it."""
        return self == Selection(fixed_too=self.fixed_too)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineGroup:
    """Rejections of one source, for one reason, of one day.

    Attributes:
        rows: how many there are.
        open_rows: how many of them nothing has replaced yet.
        reason: one of their reasons; a reason names fields, never values.
    """

    source: str
    reason_code: str
    day: date
    rows: int
    open_rows: int
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "source": self.source,
            "reason_code": self.reason_code,
            "day": self.day.isoformat(),
            "rows": self.rows,
            "open": self.open_rows,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AthenaQuarantine:
    """The table `rejected`, asked and marked in the deployed Athena workgroup.

    Attributes:
        querier: in whose workgroup. Whoever may use one reads every result in it, and those of stewards hold bodies.
    """

    environment: str
    querier: Querier = Querier.STEWARDS
    pause: Callable[[float], None] = time.sleep

    @property
    def _database(self) -> str:
        return database_name(self.environment, Zone.QUARANTINE)

    @property
    def _workgroup(self) -> str:
        return workgroup_name(self.environment, self.querier)

    def read(self, selection: Selection) -> Iterator[RejectedRow]:
        """Yield the rows, oldest first."""
        sql, values = select_statement(selection)
        frames = awswrangler.athena.read_sql_query(
            sql,
            database=self._database,
            workgroup=self._workgroup,
            params=values,
            ctas_approach=False,
            chunksize=ROWS_PER_FRAME,
        )
        for frame in frames:
            for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
                yield rejected_row(row)

    def groups(self, selection: Selection) -> list[QuarantineGroup]:
        """Count the rows by source, reason code and day, the newest day first. No body is read.

        Raises:
            RefusedError: whoever asks may not read the table at all.
        """
        sql, values = summary_statement(selection)
        with refusals("the quarantine"):
            return [
                QuarantineGroup(
                    source=row["source"],
                    reason_code=row["reason_code"],
                    day=date.fromisoformat(row["day"]),
                    rows=int(row["records"]),
                    open_rows=int(row["open_records"]),
                    reason=row["example"],
                )
                for row in self._rows(sql, values)
            ]

    def show(self, selection: Selection, *, limit: int) -> list[RejectedRow]:
        """Return rows with their bodies, the newest first.

        Raises:
            RefusedError: whoever asks may not read bodies.
        """
        sql, values = select_statement(selection, newest=limit)
        with refusals("what was rejected"):
            return [rejected_row(row) for row in self._rows(sql, values)]

    def _rows(self, sql: str, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        frame = awswrangler.athena.read_sql_query(
            sql, database=self._database, workgroup=self._workgroup, params=dict(values), ctas_approach=False
        )
        yield from frame.astype(object).where(frame.notna(), None).to_dict("records")

    def mark(self, rows: Sequence[JudgedRow]) -> None:
        """Write `fixed_by` into the table.

        Raises:
            ReplayFailedError: other commits came first in every attempt.
        """
        sql, values = mark_statement(rows)
        for attempt in range(ATTEMPTS):
            if attempt:
                self.pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                awswrangler.athena.start_query_execution(
                    sql, database=self._database, workgroup=self._workgroup, params=values, wait=True
                )
            except awswrangler.exceptions.QueryFailed as error:
                if COMMIT_CONFLICT not in str(error):
                    raise ReplayFailedError(unmarked(rows, str(error))) from error
            else:
                return
        raise ReplayFailedError(unmarked(rows, "others changed the table at the same time, in every attempt"))


def unmarked(rows: Sequence[JudgedRow], why: str) -> str:
    """Say what a failed mark means."""
    return (
        f"{len(rows)} rows could not be marked ({why}). Their events may be on the stream already. "
        "Run the same command again: what arrives twice is dropped by its event id"
    )


def select_statement(selection: Selection, *, newest: int | None = None) -> tuple[str, dict[str, Any]]:
    """Return the query and its values. The body travels as base64: no line end or quote in it can change.

    Args:
        selection: which rows.
        newest: so many at most, and the newest first; otherwise all, the oldest first.
    """
    where, values = _conditions(selection)
    order = (
        "held.received_at, json_extract_scalar(held.body, '$.occurred_at'), held.rejected_id"
        if newest is None
        else f"held.received_at DESC, held.rejected_id LIMIT {newest:d}"
    )
    sql = (
        "SELECT held.rejected_id, held.source, held.reason_code, held.reason, "  # noqa: S608  # our own words; values apart
        "to_iso8601(held.received_at) AS received, to_base64(to_utf8(held.body)) AS body, held.fixed_by "
        f"FROM {TableName.REJECTED} AS held WHERE {where} ORDER BY {order}"
    )
    return sql, values


def summary_statement(selection: Selection) -> tuple[str, dict[str, Any]]:
    """Return the query that counts, and its values. It names no column that holds what was rejected.

    Raises:
        ValueError: the selection looks into bodies.
    """
    if selection.event_type is not None:
        raise ValueError("the type of an event is in its body, and a list reads no bodies; leave --event-type away")
    where, values = _conditions(replace(selection, fixed_too=True))
    sql = (
        "SELECT held.source, held.reason_code, "  # noqa: S608  # our own words; values apart
        "date_format(held.received_at AT TIME ZONE 'UTC', '%Y-%m-%d') AS day, count(*) AS records, "
        "count_if(held.fixed_by IS NULL) AS open_records, min(held.reason) AS example "
        f"FROM {TableName.REJECTED} AS held WHERE {where} "
        f"GROUP BY 1, 2, 3 {'' if selection.fixed_too else 'HAVING count_if(held.fixed_by IS NULL) > 0 '}"
        "ORDER BY 3 DESC, 1, 2"
    )
    return sql, values


def _conditions(selection: Selection) -> tuple[str, dict[str, Any]]:
    """Return the condition of a selection on the rows `held`, and its values."""
    criteria = {
        "source": ("held.source = :source", selection.source),
        "code": ("held.reason_code = :code", selection.code),
        "event_type": ("json_extract_scalar(held.body, '$.event_type') = :event_type", selection.event_type),
        "since": ("held.received_at >= from_iso8601_timestamp(:since)", _text(selection.since)),
        "until": ("held.received_at < from_iso8601_timestamp(:until)", _text(selection.until)),
        "ids": ("held.rejected_id IN (SELECT id FROM UNNEST(:ids) AS wanted (id))", _list(selection.rejected_ids)),
    }
    stated = {name: (text, value) for name, (text, value) in criteria.items() if value is not None}
    conditions = [text for text, _ in stated.values()] + ([] if selection.fixed_too else ["held.fixed_by IS NULL"])
    return " AND ".join(conditions) or "true", {name: value for name, (_, value) in stated.items()}


def mark_statement(rows: Sequence[JudgedRow]) -> tuple[str, dict[str, Any]]:
    """Return the statement that marks rows, and its values.

    The times keep the statement away from partitions without such rows, and from what `clean` is appending.
    """
    fixed = {judged.row.rejected_id: judged.fixed_by for judged in rows}
    times = [judged.row.received_at for judged in rows]
    first, last = min(times) - FINER_THAN_TEXT, max(times) + FINER_THAN_TEXT
    sql = (
        f"MERGE INTO {TableName.REJECTED} AS held "  # noqa: S608  # our own name; the rows go in as values
        "USING (SELECT * FROM UNNEST(:ids, :fixed_by) AS pair (rejected_id, fixed_by)) AS replayed "
        "ON held.rejected_id = replayed.rejected_id "
        "AND held.received_at BETWEEN from_iso8601_timestamp(:first) AND from_iso8601_timestamp(:last) "
        "WHEN MATCHED THEN UPDATE SET fixed_by = replayed.fixed_by"
    )
    values = {"ids": list(fixed), "fixed_by": list(fixed.values()), "first": _text(first), "last": _text(last)}
    return sql, values


def rejected_row(row: Mapping[str, Any]) -> RejectedRow:
    """Return a row of the query's result."""
    body = row["body"]
    return RejectedRow(
        rejected_id=row["rejected_id"],
        source=row["source"],
        reason_code=row["reason_code"],
        reason=row["reason"],
        received_at=moment(row["received"]),
        body=None if body is None else base64.b64decode(body).decode(),
        fixed_by=row["fixed_by"],
    )


@contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn AWS's refusal into a message that says who may see it, and leave all other errors alone."""
    try:
        yield
    except (ClientError, awswrangler.exceptions.QueryFailed) as error:
        if not is_refusal(error):
            raise
        raise RefusedError(
            f"you may not see {what}, or this environment has none: it is personal data. A Lake Formation "
            "administrator grants SELECT on the table `rejected` of the quarantine zone for the work, and revokes it "
            "afterwards; a grant without its column `body` is enough to list. The role also needs the permissions in "
            "docs/runbooks/events-are-rejected.md"
        ) from error


def is_refusal(error: Exception) -> bool:
    """Say whether AWS refused somebody who may not, rather than failed."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return REFUSAL.search(f"{code} {error}") is not None


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn what AWS and awswrangler raise into one clear message."""
    try:
        yield
    except (ClientError, BotoCoreError, awswrangler.exceptions.QueryFailed, awswrangler.exceptions.QueryCancelled) as e:
        raise ReplayFailedError(
            f"{e}. Check the credentials, the region, and the permissions in docs/runbooks/events-are-rejected.md; "
            "then run the same command again"
        ) from e


def _text(at: datetime | None) -> str | None:
    return None if at is None else moment_text(at)


def _list(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)
