"""The table of rejected rows, read and marked in the deployed Athena workgroup."""

import base64
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
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
class AthenaQuarantine:
    """The table `rejected`, asked and marked in the deployed Athena workgroup."""

    environment: str
    pause: Callable[[float], None] = time.sleep

    @property
    def _database(self) -> str:
        return database_name(self.environment, Zone.QUARANTINE)

    @property
    def _workgroup(self) -> str:
        return workgroup_name(self.environment, Querier.STEWARDS)

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


def select_statement(selection: Selection) -> tuple[str, dict[str, Any]]:
    """Return the query and its values. The body travels as base64: no line end or quote in it can change."""
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
    sql = (
        "SELECT held.rejected_id, held.source, held.reason_code, held.reason, "  # noqa: S608  # our own words; values apart
        "to_iso8601(held.received_at) AS received, to_base64(to_utf8(held.body)) AS body, held.fixed_by "
        f"FROM {TableName.REJECTED} AS held WHERE {' AND '.join(conditions) or 'true'} "
        "ORDER BY held.received_at, json_extract_scalar(held.body, '$.occurred_at'), held.rejected_id"
    )
    return sql, {name: value for name, (_, value) in stated.items()}


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
