"""The history of what a bought product says: from the rows of its revisions to rows with the time for which they hold.

A row of the reference table names all revisions that said so (`revisions`), so the table holds everything that was ever
said, and the history follows from it whatever the order in which revisions arrive: an older one that comes late splits
the time of the row that stood for it. A revision that comes again changes nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from pyspark.sql import Column, DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from c360_core.contracts import Reference, Source
from c360_core.identity.join_keys import join_key
from c360_core.identity.normalise import region_of
from c360_core.names import JoinedBy, Revisions
from glue_jobs.shared import lake

AT: Final = "_at"
SAID: Final = "_said"
VALIDITY: Final = ("valid_from", "valid_to", "is_current", "revisions")


def keep(spark: SparkSession, table: str, rows: DataFrame, source: Source, made_at: Column) -> None:
    """Bring the reference table up to what it and the rows of revisions say together.

    Args:
        spark: the session.
        table: catalog.database.table.
        rows: the good rows of revisions, each key at most once.
        source: the contract of the product.
        made_at: when the revision of a row was made.
    """
    reference, key = source.server.reference, source.table.key if source.table else None
    if reference is None or key is None:
        raise ValueError(f"contract {source.name} keeps no reference table; its server is not data_exchange")
    said = _with_keys(rows.withColumn(AT, made_at), source, reference).localCheckpoint()
    lake.reconcile(
        spark, table, entity=key, keys=(key, "valid_from"), wanted=partial(_wanted, new=said, key=key, kind=reference)
    )


def _wanted(stored: DataFrame, *, new: DataFrame, key: str, kind: Reference) -> DataFrame:
    """Return the rows of all products' keys that the new ones may change, as the table should have them."""
    columns = [name for name in stored.columns if name not in VALIDITY]
    before = stored if kind.revisions is Revisions.FULL else stored.join(new.select(key), key, "left_semi")
    known = before.select(*columns, F.explode("revisions").alias(AT))
    # What a revision says when it comes again counts: the same, or what was missing the first time.
    old = known.join(new.select(key, AT), [key, AT], "left_anti")
    statements = old.unionByName(new.select(*columns, AT))
    return history(statements, key=key, columns=columns, revisions=kind.revisions)


def history(statements: DataFrame, *, key: str, columns: Sequence[str], revisions: Revisions) -> DataFrame:
    """Return what holds from when to when.

    Args:
        statements: `columns` and `_at`: what each revision says of each key, at most once.
        key: the product's key.
        columns: what a row says, with the key.
        revisions: in a product of full revisions, a row that a revision leaves out has ended.
    """
    statements = statements.withColumn(SAID, F.to_json(F.struct(*columns), {"ignoreNullFields": "false"}))
    by_time = Window.partitionBy(key).orderBy(AT)
    # When the next revision says something at all: in a product of changes, of this key.
    if revisions is Revisions.FULL:
        times = [row[AT] for row in statements.select(AT).distinct().orderBy(AT).collect()]
        statements = statements.join(F.broadcast(_following(statements, times)), AT)
    else:
        statements = statements.withColumn("_next", F.lead(AT).over(by_time))
    continues = (F.lag(SAID).over(by_time) == F.col(SAID)) & (F.lag("_next").over(by_time) == F.col(AT))
    begun = F.when(F.coalesce(continues, F.lit(False)), 0).otherwise(1)  # noqa: FBT003  # a SQL literal
    runs = statements.withColumn("_begun", begun).withColumn("_run", F.sum("_begun").over(by_time))
    ended = F.max_by("_next", AT)
    return runs.groupBy(key, "_run").agg(
        *[F.first(name).alias(name) for name in columns if name != key],
        F.min(AT).alias("valid_from"),
        ended.alias("valid_to"),
        ended.isNull().alias("is_current"),
        F.sort_array(F.collect_list(AT)).alias("revisions"),
    )


def _following(statements: DataFrame, times: Sequence[datetime]) -> DataFrame:
    """Return each revision's time with that of the next one."""
    pairs = list(zip(times, [*times[1:], None], strict=True))
    return statements.sparkSession.createDataFrame(pairs, f"{AT} TIMESTAMP, _next TIMESTAMP")


def _with_keys(rows: DataFrame, source: Source, reference: Reference) -> DataFrame:
    """Return the product's columns with the keys of its joins, and the time of the revision."""
    table = source.table
    names = list(table.file_columns) if table else []
    country = next((field.name for field in table.fields if field.identity_role == "country"), None) if table else None
    keys = [
        _key(by, columns, country, source.default_country).alias(f"{by}_key") for by, columns in reference.joins.items()
    ]
    return rows.select(*names, *keys, AT)


def _key(by: JoinedBy, columns: Mapping[str, str], country: str | None, otherwise: str) -> Column:
    parts = F.struct(*[F.col(column).alias(part) for part, column in columns.items()])
    read = F.udf(partial(_join_key, by=by, otherwise=otherwise), "STRING")
    return read(parts, F.lit(None).cast("string") if country is None else F.col(country))


def _join_key(parts: Row, country: str | None, *, by: JoinedBy, otherwise: str) -> str | None:
    return join_key(by, parts.asDict(), region=region_of(country, otherwise))
