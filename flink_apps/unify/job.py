"""Connects `unify` to its streams and lake tables by the application's properties, and starts it."""

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from c360_core.contracts import load
from c360_core.names import TableName, Zone
from c360_core.segment import load as load_segments
from c360_core.segment import profile_fields
from flink_apps.shared import job
from flink_apps.shared.configuration import standard_options
from flink_apps.shared.properties import ApplicationProperties
from flink_apps.shared.tables import lake_catalog, lake_table
from flink_apps.unify.pipeline import FOR_EVER, LakeTableNames, Memory, build
from flink_apps.unify.tables import NAME, stream_tables

ENDPOINT_VARIABLE: Final = "AWS_ENDPOINT_URL"
BATCH_MILLISECONDS: Final = 1_000
BATCH_ROWS: Final = 20_000
# Iceberg starts a reader per split of a table, up to 100, but the application only has as many slots as its
# parallelism. One split for everything gives one reader, however large the lake becomes.
ONE_SPLIT: Final = {"split-size": str(2**50), "split-file-open-cost": "0"}


def main() -> None:
    """Start the application."""
    properties = ApplicationProperties.load(os.environ)
    contracts = load()
    segments = load_segments(profile_fields(contracts.product(TableName.PROFILES).table))
    environment = job.table_environment(options())
    for statement in stream_tables(contracts, properties.streams()):
        environment.execute_sql(statement)
    lake = properties.lake(Zone.RAW, Zone.CURATED, Zone.QUARANTINE)
    environment.execute_sql(lake_catalog(lake, endpoint=os.environ.get(ENDPOINT_VARIABLE)))
    lake_tables = LakeTableNames(
        interactions=past(lake_table(lake.databases[Zone.RAW], TableName.INTERACTIONS)),
        identity_changes=past(lake_table(lake.databases[Zone.CURATED], TableName.LATEST_IDENTITY_CHANGES)),
        profiles=lake_table(lake.databases[Zone.CURATED], TableName.PROFILES),
        segment_membership=lake_table(lake.databases[Zone.CURATED], TableName.SEGMENT_MEMBERSHIP),
        rejected=lake_table(lake.databases[Zone.QUARANTINE], TableName.REJECTED),
    )
    times = properties.unify_tuning()
    timeline = timedelta(days=times.timeline_ttl_days)
    memory = Memory(repeats=timedelta(days=times.deduplication_days), timeline=timeline, oldest_entry=timeline)
    job.submit(build(environment, contracts, segments, lake_tables, memory))


def options() -> Mapping[str, str]:
    """Return the Flink options, with small batches, so that many events of one person give one message."""
    return {
        **standard_options(name=NAME, state_ttl=FOR_EVER),  # lifetime sums would be wrong if state expired
        "table.exec.mini-batch.enabled": "true",
        "table.exec.mini-batch.allow-latency": f"{BATCH_MILLISECONDS} ms",
        "table.exec.mini-batch.size": str(BATCH_ROWS),
    }


def past(table: str) -> str:
    """Return a lake table for a query that reads its current rows once, with one reader."""
    hint = ", ".join(f"'{key}' = '{value}'" for key, value in ONE_SPLIT.items())
    return f"{table} /*+ OPTIONS({hint}) */"
