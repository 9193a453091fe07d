"""Converts rows of the lake to values of `c360_core.identity` and back."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from c360_aws.stream_writer import StreamRecord
from c360_core.identity.announcements import IDENTIFIER, UPSERT, LatestChange, Message, subject
from c360_core.identity.match_groups import MatchGroup, match_groups_from_output
from c360_core.identity.records import IdentityRecord, record_from_row
from c360_core.identity.resolve import MapRow, Resolution
from c360_core.survivorship import ATTRIBUTES

# The columns of a person in a message; a deletion has none of them.
_PERSON_COLUMNS: Final = (*(name for names in ATTRIBUTES for name in names), "record_count")


def run_version(started_at: str) -> int:
    """Return the version of a run: when it started, in epoch milliseconds.

    Raises:
        ValueError: `started_at` is no ISO 8601 time with a zone.
    """
    try:
        moment = datetime.fromisoformat(started_at)
    except ValueError as error:
        raise ValueError(
            f"--started_at {started_at!r}: write an ISO 8601 time, such as 2026-03-01T09:30:00Z"
        ) from error
    if moment.tzinfo is None:
        raise ValueError(f"--started_at {started_at!r} has no zone; end it with Z")
    return round(moment.timestamp() * 1000)


def records(frame: DataFrame) -> list[IdentityRecord]:
    """Return the records of curated.identity_records."""
    return [record_from_row(row) for row in _rows(frame, "loaded_at", "updated_at")]


def identity_map(frame: DataFrame) -> list[MapRow]:
    """Return all rows of curated.identity_map, open and closed."""
    return [MapRow(**row) for row in _rows(frame, "valid_from", "valid_to")]


def latest_changes(frame: DataFrame) -> Iterator[LatestChange]:
    """Yield the rows of curated.latest_identity_changes, one partition at a time: the driver never holds all."""
    published, birth_date = F.col("told_at").isNotNull(), F.col("birth_date").cast("string")
    for row in frame.withColumns({"published": published, "birth_date": birth_date}).toLocalIterator():
        yield LatestChange(message=_message(row.asDict()), published=row["published"])


def _message(row: dict[str, Any]) -> Message:
    head = {name: row[name] for name in ("kind", "op", "person_id", "version")}
    if row["kind"] == IDENTIFIER:
        return {**head, "key": row["subject"]}
    names = _PERSON_COLUMNS if row["op"] == UPSERT else ()
    return {**head, "survivor_id": row["survivor_id"], **{name: row[name] for name in names}}


def changes_from_identifier_map(identifier_map: DataFrame) -> Iterator[LatestChange]:
    """Yield the rows of curated.identifier_map as unpublished changes.

    Before the table of latest changes existed, runs kept no other trace of what they had published.
    """
    for row in identifier_map.toLocalIterator():
        head = {"kind": IDENTIFIER, "op": UPSERT, "key": row["identifier_key"]}
        yield LatestChange(message={**head, "person_id": row["person_id"], "version": row["version"]}, published=False)


def match_groups(output: DataFrame) -> list[MatchGroup]:
    """Return the groups of the matcher's output."""
    return match_groups_from_output(_rows(output))


def _rows(frame: DataFrame, *times: str) -> list[dict[str, Any]]:
    """Collect a frame; read times as microseconds, because Spark returns datetimes without a zone."""
    shown = [F.unix_micros(name).alias(name) if name in times else F.col(name) for name in frame.columns]
    rows = [row.asDict() for row in frame.select(shown).collect()]
    return [{name: _moment(value) if name in times else value for name, value in row.items()} for row in rows]


def _moment(microseconds: int | None) -> datetime | None:
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def map_rows(spark: SparkSession, rows: Iterable[MapRow], table: str) -> DataFrame:
    """Return rows of curated.identity_map."""
    return spark.createDataFrame([asdict(row) for row in rows], spark.table(table).schema)


def change_rows(spark: SparkSession, resolution: Resolution, table: str) -> DataFrame:
    """Return the messages of the run as unpublished rows of curated.latest_identity_changes."""
    return spark.createDataFrame([_row(change) for change in resolution.changes], spark.table(table).schema)


def _row(message: Message) -> dict[str, Any]:
    born = message.get("birth_date")
    return {**message, "subject": subject(message), "birth_date": date.fromisoformat(born) if born else None}


def identifier_rows(latest: DataFrame) -> DataFrame:
    """Return the whole identifier map, from the latest changes."""
    in_use = (F.col("kind") == IDENTIFIER) & (F.col("op") == UPSERT)
    return latest.where(in_use).select(F.col("subject").alias("identifier_key"), "person_id", "version")


def messages(resolution: Resolution) -> Iterator[StreamRecord]:
    """Yield the records for the stream identity-changes, in the order to send them, keyed by their subject."""
    for change in resolution.changes:
        yield StreamRecord(key=subject(change), data=json.dumps(change, default=str).encode())
