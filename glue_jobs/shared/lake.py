"""Iceberg tables of the lake: their names, and how jobs read and write them."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812  # the usual name in Spark code

from c360_core.names import Zone, database_name

CATALOG: Final = "glue_catalog"
COMMIT_ATTEMPTS: Final = 4
CONFLICTS: Final = ("CommitFailedException", "ValidationException")

LOG = logging.getLogger(__name__)


def table_name(environment: str, zone: Zone, table: str) -> str:
    """Return `catalog.database.table`."""
    return f"{CATALOG}.{database_name(environment, zone)}.{table}"


def shaped_like(frame: DataFrame, table: str) -> DataFrame:
    """Return the frame with exactly the table's columns, in their order and types; missing columns are null."""
    columns = set(frame.columns)
    fields = frame.sparkSession.table(table).schema.fields
    picked = [(F.col(f.name) if f.name in columns else F.lit(None)).cast(f.dataType).alias(f.name) for f in fields]
    return frame.select(picked)


def append_missing(frame: DataFrame, table: str, key: str) -> None:
    """Append the rows whose key is not in the table yet.

    It appends and does not MERGE, because other writers append to the same table all the time, and a MERGE would fail
    with a conflict each time.
    """
    known = frame.sparkSession.table(table).select(key)
    _commit(
        lambda: (
            shaped_like(frame, table)
            .join(known, key, "left_anti")
            .select(frame.sparkSession.table(table).columns)
            .writeTo(table)
            .append()
        )
    )


def upsert(
    frame: DataFrame, table: str, keys: Sequence[str], *, newer: str | None = None, ignore: Sequence[str] = ()
) -> None:
    """Insert new rows and update changed ones; equal rows are not written.

    Args:
        frame: at most one row per key.
        table: catalog.database.table.
        keys: columns that identify a row.
        newer: column that must not decrease, for example the source's time of change.
        ignore: columns whose difference alone is no change, for example the load time.
    """
    spark = frame.sparkSession
    columns = spark.table(table).columns
    compared = [name for name in columns if name not in {*keys, *ignore}]
    same = " AND ".join(f"t.`{name}` <=> s.`{name}`" for name in compared) or "true"
    when = f"NOT ({same})" + (f" AND (t.`{newer}` IS NULL OR s.`{newer}` >= t.`{newer}`)" if newer else "")
    view = "upsert_rows"
    shaped_like(frame, table).createOrReplaceTempView(view)
    on = " AND ".join(f"t.`{name}` = s.`{name}`" for name in keys)
    statement = (
        f"MERGE INTO {table} t USING {view} s ON {on} "  # names come from the contracts
        f"WHEN MATCHED AND {when} THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    try:
        _commit(lambda: spark.sql(statement))
    finally:
        spark.catalog.dropTempView(view)


def replace(frame: DataFrame, table: str) -> None:
    """Replace all rows of the table in one commit, so that readers see either the old or the new rows."""
    _commit(lambda: shaped_like(frame, table).writeTo(table).overwrite(F.lit(True)))  # noqa: FBT003  # a SQL literal


def reconcile(
    spark: SparkSession,
    table: str,
    *,
    entity: str,
    keys: Sequence[str],
    wanted: Callable[[DataFrame], DataFrame],
) -> None:
    """Make the rows of some entities what they should be, in one commit; equal rows are not written.

    Args:
        spark: the session.
        table: catalog.database.table.
        entity: column of what the rows describe; rows of other entities than the wanted ones stay.
        keys: columns that identify a row.
        wanted: returns the rows that should be there from those that are; it is asked again after another writer's
            commit.
    """
    _commit(lambda: _reconcile(spark, table, entity, keys, wanted))


def _reconcile(
    spark: SparkSession, table: str, entity: str, keys: Sequence[str], wanted: Callable[[DataFrame], DataFrame]
) -> None:
    stored = current(spark, table)
    rows = shaped_like(wanted(stored), table).localCheckpoint()
    outdated = stored.join(rows.select(entity), entity, "left_semi").join(rows.select(*keys), list(keys), "left_anti")
    gone = F.lit(True), F.lit(False)  # noqa: FBT003  # SQL literals
    # Only what differs: a MERGE would rewrite the files of rows that it finds equal.
    changed = rows.subtract(stored.select(*rows.columns)).withColumn("_gone", gone[1])
    source = changed.unionByName(outdated.select(*rows.columns).withColumn("_gone", gone[0])).localCheckpoint()
    if source.isEmpty():
        return
    sets = ", ".join(f"t.`{name}` = s.`{name}`" for name in rows.columns)
    names = ", ".join(f"`{name}`" for name in rows.columns)
    values = ", ".join(f"s.`{name}`" for name in rows.columns)
    on = " AND ".join(f"t.`{name}` = s.`{name}`" for name in keys)
    view = "wanted_rows"
    source.createOrReplaceTempView(view)
    try:
        spark.sql(
            f"MERGE INTO {table} t USING {view} s ON {on} "  # noqa: S608  # names come from the contracts
            f"WHEN MATCHED AND s._gone THEN DELETE WHEN MATCHED THEN UPDATE SET {sets} "
            f"WHEN NOT MATCHED AND NOT s._gone THEN INSERT ({names}) VALUES ({values})"
        )
    finally:
        spark.catalog.dropTempView(view)


def delete(frame: DataFrame, table: str, keys: Sequence[str]) -> None:
    """Delete the rows whose keys are in the frame, in one commit."""
    spark, view = frame.sparkSession, "deleted_rows"
    frame.createOrReplaceTempView(view)
    on = " AND ".join(f"t.`{name}` = s.`{name}`" for name in keys)
    try:
        _commit(lambda: spark.sql(f"MERGE INTO {table} t USING {view} s ON {on} WHEN MATCHED THEN DELETE"))
    finally:
        spark.catalog.dropTempView(view)


def delete_where(spark: SparkSession, table: str, where: str) -> None:
    """Delete the rows that match a condition, in one commit."""
    _commit(lambda: spark.sql(f"DELETE FROM {table} WHERE {where}"))  # noqa: S608  # SQL of the caller's own


def expire_snapshots(spark: SparkSession, table: str, *, older_than: datetime) -> None:
    """Forget all snapshots that are older, but the current one, and delete the files that only they need."""
    catalog, _, name = table.partition(".")
    moment = older_than.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")
    spark.sql(
        f"CALL {catalog}.system.expire_snapshots(table => '{name}', older_than => TIMESTAMP '{moment}', "
        "retain_last => 1)"
    ).collect()


def update(spark: SparkSession, table: str, change: str, where: str) -> None:
    """Update the rows that match a condition, in one commit; both are SQL, and `change` follows SET."""
    _commit(lambda: spark.sql(f"UPDATE {table} SET {change} WHERE {where}"))  # noqa: S608  # SQL of the caller's own


def update_from(frame: DataFrame, table: str, keys: Sequence[str], columns: Sequence[str], *, only: str) -> None:
    """Update columns of the rows whose keys are in the frame, in one commit.

    Args:
        frame: at most one row per key.
        table: catalog.database.table.
        keys: columns that identify a row.
        columns: the columns to update.
        only: SQL over `t`: which rows may be touched at all. Rows that others append meanwhile make no conflict if they
            cannot be such.
    """
    spark, view = frame.sparkSession, "updated_rows"
    frame.createOrReplaceTempView(view)
    on = " AND ".join([*(f"t.`{name}` = s.`{name}`" for name in keys), only])
    changes = ", ".join(f"t.`{name}` = s.`{name}`" for name in columns)
    try:
        _commit(
            lambda: spark.sql(f"MERGE INTO {table} t USING {view} s ON {on} WHEN MATCHED THEN UPDATE SET {changes}")
        )
    finally:
        spark.catalog.dropTempView(view)


def current(spark: SparkSession, table: str) -> DataFrame:
    """Return the current table, not that of a cached plan."""
    spark.catalog.refreshTable(table)
    return spark.table(table)


def _commit(write: Callable[[], object]) -> None:
    """Write; retry if another writer committed in between."""
    for attempt in range(1, COMMIT_ATTEMPTS + 1):
        try:
            write()
        except Py4JJavaError as error:
            if attempt == COMMIT_ATTEMPTS or not any(name in str(error.java_exception) for name in CONFLICTS):
                raise
            LOG.warning("commit conflict, attempt %d of %d", attempt, COMMIT_ATTEMPTS)
        else:
            return
