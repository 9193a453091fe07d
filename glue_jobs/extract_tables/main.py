"""Glue job: read a table of a database and land its rows as files of its source.

Arguments: environment, connection, landing_bucket, progress_table (from the template), source and mode (of the run),
accept_deletions (of a run by hand).

`increment` reads the rows that changed since the last progress, less an overlap, up to the database's own time at the
start. `comparison` compares all keys with the raw table: a row that is gone from the database lands again with the time
of that finding, and a row that no increment brought lands late. The progress moves after the rows have landed.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import TimestampType

from c360_core import contracts
from c360_core.contracts import DatabaseTable, Source, Table
from c360_core.names import Zone
from glue_jobs.extract_tables.database import WITHOUT_ZONE, Database, DatabaseError, account, moment_of
from glue_jobs.extract_tables.landing import Landing
from glue_jobs.extract_tables.progress import Progress
from glue_jobs.shared import lake, runtime

LOG = logging.getLogger("extract_tables")
TIME_FORMAT: Final = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"
REPEATED_HOUR: Final = timedelta(hours=1)  # when clocks are put back, an hour of local times comes twice
FEW_DELETIONS: Final = 100
MOST_GONE_SHARE: Final = 0.5


class Mode(StrEnum):
    """What a run does."""

    INCREMENT = "increment"
    COMPARISON = "comparison"


class TooManyGoneError(RuntimeError):
    """More than half of a source's rows are gone: a wrong view or database is likelier than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractArguments:
    """Arguments from the template (the first four) and from the run."""

    environment: str
    connection: str
    landing_bucket: str
    progress_table: str
    source: str
    mode: str
    accept_deletions: str = ""


class Extraction:
    """One run for one source."""

    def __init__(self, spark: SparkSession, arguments: ExtractArguments, *, run_id: str) -> None:
        """Find the contract, and connect.

        Raises:
            DatabaseError: the source is not read from a database, or the table lacks columns of the contract.
        """
        self._spark, self._arguments, self._run_id = spark, arguments, run_id
        self._source, self._place = _source(arguments.source)
        self._progress = Progress(table=arguments.progress_table, source=self._source.name)
        self._database = Database(spark, account(arguments.connection), self._place.engine, source=self._source.name)
        self._types = self._column_types()

    def increment(self) -> Mapping[str, int]:
        """Land what changed since the last progress; return how many rows landed."""
        since = self._progress.read()
        until = self._database_time()
        rows = self._read(self._changed(since, until))
        landed = self._land(rows, until, name="rows")
        if not self._progress.advance(until, run_id=self._run_id):
            LOG.warning("%s: another run has read further than %s", self._source.name, until)
        return {"landed": landed}

    def compare(self) -> Mapping[str, int]:
        """Land rows that are gone, marked so, and rows that no increment brought; return how many.

        Raises:
            TooManyGoneError: more than half of the rows are gone, and nobody said that this is right.
        """
        since, now = self._progress.read(), self._database_time()
        key = F.col(self._key)
        # The raw table first: a row that is inserted between the two reads is in neither or in the database alone.
        stored = self._stored().where(F.col(self._place.deleted_column).isNull())
        known = stored.select(key.cast("string").alias("key")).localCheckpoint()
        # In one query, whose result is of one moment.
        there = self._keys().localCheckpoint()
        gone = known.join(there, "key", "left_anti").localCheckpoint()
        self._stop_if_too_many(gone.count(), known.count())
        marked = stored.join(gone, key.cast("string") == gone["key"], "left_semi").withColumn(
            self._place.deleted_column, F.lit(now)
        )
        counts = {"gone": self._land(marked.select(*self._table.file_columns), now, name="gone"), "late": 0}
        if since is not None:
            missing = there.join(known, "key", "left_anti").localCheckpoint()
            if not missing.isEmpty():
                late = self._read(self._changed(None, since))
                late = late.join(missing, F.col(self._key).cast("string") == missing["key"], "left_semi")
                counts["late"] = self._land(late, now, name="late")
        return counts

    # ---- the database

    @property
    def _table(self) -> Table:
        if self._source.table is None:
            raise ValueError(f"contract {self._source.name} has no table; add its columns")
        return self._source.table

    @property
    def _key(self) -> str:
        return str(self._table.key)

    @property
    def _columns(self) -> Sequence[str]:
        return [name for name in self._table.file_columns if name != self._place.deleted_column]

    @property
    def _name(self) -> str:
        quoted = self._database.dialect.quoted
        schema = self._place.schema or self._place.database
        return f"{quoted(schema)}.{quoted(self._place.table)}"

    def _column_types(self) -> Mapping[str, str]:
        """Return the database's types of the contract's columns, by the contract's names."""
        schema, table = self._place.schema or self._place.database, self._place.table
        columns = "SELECT column_name AS name, CAST(data_type AS CHAR(64)) AS kind FROM information_schema.columns"
        found = self._database.query(f"{columns} WHERE table_schema = '{schema}' AND table_name = '{table}'")
        with self._database.explained():
            types = {str(row["name"]): str(row["kind"]).strip().lower() for row in found.collect()}
        if not types:
            raise DatabaseError(
                f"source {self._source.name}: connection {self._arguments.connection} shows no {schema}.{table}; let "
                "its user read it, or correct `table` in the contract"
            )
        if missing := [name for name in self._columns if name not in types]:
            raise DatabaseError(
                f"source {self._source.name}: {schema}.{table} has no column {', '.join(missing)}; add it to the table "
                "or a view, or take it out of the contract"
            )
        without = [name for name in self._columns if types[name] in WITHOUT_ZONE]
        if without and self._source.file_format.zone is None:
            raise DatabaseError(
                f"source {self._source.name}: {schema}.{table} has times without a zone ({', '.join(without)}); name "
                "the zone that they are in: `fileFormat.zone` in the contract"
            )
        return types

    def _zone(self, column: str) -> str | None:
        return self._source.file_format.zone if self._types[column] in WITHOUT_ZONE else None

    def _database_time(self) -> datetime:
        """Return the database's own time: its clock dated the rows, and ours may differ."""
        frame = self._database.query("SELECT CURRENT_TIMESTAMP(6) AS at")
        with self._database.explained():
            [row] = frame.select(F.unix_micros(F.col("at").cast("timestamp")).alias("at")).collect()
        return moment_of(row["at"])

    def _changed(self, since: datetime | None, until: datetime) -> str:
        """Return the condition on rows that changed after a time and not after another; None for all before it."""
        dialect, column = self._database.dialect, self._place.incremental_column
        zone, quoted = self._zone(column), dialect.quoted(column)
        conditions = [f"{quoted} <= {dialect.moment(until, zone)}"]
        if since is not None:
            begin = since - timedelta(minutes=self._place.overlap_minutes)
            begin -= REPEATED_HOUR if zone not in {None, "UTC"} else timedelta()
            conditions.append(f"{quoted} > {dialect.moment(begin, zone)}")
        elif zone not in {None, "UTC"}:
            conditions = [f"{quoted} <= {dialect.moment(until + REPEATED_HOUR, zone)}"]
        return " AND ".join(conditions)

    def _read(self, condition: str) -> DataFrame:
        """Return rows with the columns of the contract, times as texts in UTC, and nothing in the deletion's column."""
        dialect = self._database.dialect
        selected = ", ".join(
            dialect.column(name, zoned=self._types[name] not in WITHOUT_ZONE) for name in self._columns
        )
        sql = f"SELECT {selected} FROM {self._name} WHERE {condition}"  # noqa: S608  # names by the contract
        rows = self._database.query(sql, parts=self._parts(sql))
        return rows.select(
            *[
                (F.lit(None).cast("string") if name == self._place.deleted_column else self._value(rows, name)).alias(
                    name
                )
                for name in self._table.file_columns
            ]
        )

    def _value(self, rows: DataFrame, name: str) -> Any:
        column = F.col(name)
        if not isinstance(rows.schema[name].dataType, TimestampType):
            return column
        zone = self._zone(name)
        return F.to_utc_timestamp(column, zone) if zone else column

    def _parts(self, sql: str) -> Sequence[str]:
        """Return the conditions that divide a read into ranges of the partition column."""
        name = self._place.partition_column
        if name is None:
            return ()
        quoted = self._database.dialect.quoted(name)
        ends = f"SELECT MIN({quoted}) AS least, MAX({quoted}) AS most FROM ({sql}) bounds"  # noqa: S608  # as above
        found = self._database.query(ends)
        is_time = isinstance(found.schema["least"].dataType, TimestampType)
        bounds = [F.unix_micros(end) if is_time else F.col(end) for end in ("least", "most")]
        with self._database.explained():
            [(least, most)] = found.select(*bounds).collect()
        if least is None or least == most:
            return ()
        cuts = [self._literal(cut, is_time=is_time) for cut in cut_points(least, most, self._place.partitions)]
        inner = [f"{quoted} >= {low} AND {quoted} < {high}" for low, high in pairwise(cuts)]
        return [f"{quoted} < {cuts[0]} OR {quoted} IS NULL", *inner, f"{quoted} >= {cuts[-1]}"]

    def _literal(self, value: Any, *, is_time: bool) -> str:
        if is_time:
            return self._database.dialect.moment(moment_of(value), None)
        return f"DATE '{value.isoformat()}'" if isinstance(value, date) else format(Decimal(value), "f")

    def _keys(self) -> DataFrame:
        quoted = self._database.dialect.quoted(self._key)
        with self._database.explained():
            keys = self._database.query(f"SELECT {quoted} FROM {self._name}")  # noqa: S608  # names by the contract
            return keys.select(F.col(self._key).cast("string").alias("key")).localCheckpoint()

    # ---- the lake

    def _stored(self) -> DataFrame:
        return lake.current(self._spark, lake.table_name(self._arguments.environment, Zone.RAW, self._source.name))

    def _stop_if_too_many(self, gone: int, known: int) -> None:
        if gone <= max(FEW_DELETIONS, known * MOST_GONE_SHARE) or self._arguments.accept_deletions == "yes":
            return
        raise TooManyGoneError(
            f"source {self._source.name}: {gone} of {known} rows are gone from {self._name}, which looks like a wrong "
            "view or an emptied table; nothing was marked. If it is right, start the state machine with "
            '{"mode": "comparison", "accept_deletions": "yes"}'
        )

    def _land(self, rows: DataFrame, at: datetime, *, name: str) -> int:
        times = [
            F.date_format(name, TIME_FORMAT).alias(name) if isinstance(kind.dataType, TimestampType) else F.col(name)
            for name, kind in ((each.name, each) for each in rows.schema.fields)
        ]
        landing = Landing(
            bucket=self._arguments.landing_bucket,
            source=self._source.name,
            delivery=f"{at:%Y%m%dT%H%M%S}-{name}-{self._run_id}",
            columns=tuple(self._table.file_columns),
            region=runtime.region(),
        )
        with self._database.explained():
            return sum(rows.select(*times).rdd.mapPartitionsWithIndex(landing.write).collect())


def cut_points(least: Any, most: Any, parts: int) -> Sequence[Any]:
    """Return the inner ends of ranges of equal width; fewer where the values do not allow so many."""
    if isinstance(least, date):
        days = cut_points(least.toordinal(), most.toordinal(), parts)
        return [date.fromordinal(day) for day in days]
    low, high = int(least), int(most)
    cuts = {low + (high - low + 1) * part // parts for part in range(1, parts)}
    return sorted(cut for cut in cuts if low < cut <= high) or [high]


def _source(name: str) -> tuple[Source, DatabaseTable]:
    found = {source.name: (source, table) for source, table in contracts.load().database_sources()}
    if name not in found:
        raise DatabaseError(f"source {name} is not read from a database; there are {', '.join(sorted(found))}")
    return found[name]


def extract(spark: SparkSession, arguments: ExtractArguments, *, run_id: str) -> Mapping[str, int]:
    """Do what the run is for; return how many rows landed, by kind."""
    modes: Mapping[Mode, Callable[[Extraction], Mapping[str, int]]] = {
        Mode.INCREMENT: Extraction.increment,
        Mode.COMPARISON: Extraction.compare,
    }
    return modes[Mode(arguments.mode)](Extraction(spark, arguments, run_id=run_id))


def main() -> None:
    """Read the arguments, read the database, log the counts."""
    runtime.start_logging("extract_tables")
    arguments = runtime.read_arguments(ExtractArguments)
    counts = extract(runtime.spark_session(), arguments, run_id=runtime.glue_run_id())
    LOG.info("%s, %s: %s", arguments.source, arguments.mode, json.dumps(counts))


if __name__ == "__main__":
    main()
