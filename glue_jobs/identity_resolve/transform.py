"""Between frames and the domain: rows of the lake to values of `c360_core.identity` and back."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from c360_aws.kinesis import StreamRecord
from c360_core.identity.matching import MatchGroup, match_groups_from_output
from c360_core.identity.records import IdentityRecord, record_from_row
from c360_core.identity.resolve import IdentifierRow, MapRow, Resolution


def run_version(started_at: str) -> int:
    """Return the version of a run: when it started, in epoch milliseconds.

    Raises:
        ValueError: not an ISO 8601 time with a zone.
    """
    try:
        moment = datetime.fromisoformat(started_at)
    except ValueError as error:
        raise ValueError(
            f"--started_at {started_at!r}: write an ISO 8601 time, such as 2026-03-01T09:30:00Z"
        ) from error
    if moment.tzinfo is None:
        raise ValueError(f"--started_at {started_at!r}: has no zone; end it with Z")
    return round(moment.timestamp() * 1000)


def records(frame: DataFrame) -> list[IdentityRecord]:
    """Return the records of curated.identity_records."""
    return [record_from_row(row) for row in _rows(frame, "loaded_at", "updated_at")]


def identity_map(frame: DataFrame) -> list[MapRow]:
    """Return all rows of curated.identity_map, open and closed."""
    return [MapRow(**row) for row in _rows(frame, "valid_from", "valid_to")]


def identifier_map(frame: DataFrame) -> list[IdentifierRow]:
    """Return the rows of curated.identifier_map."""
    return [IdentifierRow(**row) for row in _rows(frame)]


def match_groups(output: DataFrame) -> list[MatchGroup]:
    """Return the groups of the matcher's output."""
    return match_groups_from_output(_rows(output))


def _rows(frame: DataFrame, *times: str) -> list[dict[str, Any]]:
    """Collect a frame; times come as microseconds, because Spark hands out times without their zone."""
    shown = [F.unix_micros(name).alias(name) if name in times else F.col(name) for name in frame.columns]
    rows = [row.asDict() for row in frame.select(shown).collect()]
    return [{name: _moment(value) if name in times else value for name, value in row.items()} for row in rows]


def _moment(microseconds: int | None) -> datetime | None:
    if microseconds is None:
        return None
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)


def changed_map_rows(spark: SparkSession, resolution: Resolution, table: str) -> DataFrame:
    """Return the rows of the identity map that the run opened or closed."""
    rows = [asdict(row) for row in (*resolution.opened, *resolution.closed)]
    return spark.createDataFrame(rows, spark.table(table).schema)


def identifier_rows(spark: SparkSession, resolution: Resolution, table: str) -> DataFrame:
    """Return the whole identifier map after the run."""
    return spark.createDataFrame([asdict(row) for row in resolution.identifiers], spark.table(table).schema)


def messages(resolution: Resolution) -> list[StreamRecord]:
    """Return the messages of the identity-changes stream, in the order to send them, keyed by what they are about."""
    return [
        StreamRecord(key=str(change.get("key") or change["person_id"]), data=json.dumps(change, default=str).encode())
        for change in resolution.changes
    ]


def restored(resolution: Resolution, before: Iterable[MapRow]) -> Sequence[str]:
    """Return the ids in use that were, or may have been, out of use before: they must not be aliases."""
    in_use = {person.person_id for person in resolution.persons}
    return sorted(in_use & {row.person_id for row in before if row.valid_to is not None})
