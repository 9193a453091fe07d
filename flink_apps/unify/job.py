"""Wires `unify` to its streams and its lake tables, as the application's properties say, and starts it."""

import os
from collections.abc import Mapping
from typing import Any, Final

from c360_core.contracts import Contracts, load
from c360_core.names import Stream, Table, Zone
from c360_core.projections import flink_type
from c360_core.segment import load as load_segments
from c360_core.segment import profile_fields
from flink_apps.shared import job
from flink_apps.shared.configuration import standard_options
from flink_apps.shared.properties import ApplicationProperties, StreamSettings
from flink_apps.shared.tables import JSON_FORMAT, lake_catalog, lake_table, stream_sink, stream_source
from flink_apps.unify.pipeline import IDENTITY_CHANGE_COLUMNS, LakeTables, build, profile_change_columns

NAME: Final = "c360-unify"
ENDPOINT_VARIABLE: Final = "AWS_ENDPOINT_URL"
BATCH_MILLISECONDS: Final = 1_000
BATCH_ROWS: Final = 20_000


def main() -> None:
    """Start the application."""
    properties = ApplicationProperties.load(os.environ)
    contracts = load()
    profiles = contracts.product(Table.PROFILES).table
    environment = job.table_environment(options())
    for statement in stream_tables(contracts, properties.streams()):
        environment.execute_sql(statement)
    lake = properties.lake(Zone.CURATED)
    environment.execute_sql(lake_catalog(lake, endpoint=os.environ.get(ENDPOINT_VARIABLE)))
    lake_tables = LakeTables(
        profiles=lake_table(lake.databases[Zone.CURATED], Table.PROFILES),
        segment_membership=lake_table(lake.databases[Zone.CURATED], Table.SEGMENT_MEMBERSHIP),
    )
    job.submit(build(environment, profiles, load_segments(profile_fields(profiles)), lake_tables))


def options() -> Mapping[str, str]:
    """Return the Flink options: a little patience, so that many events of one person make one message."""
    return {
        **standard_options(name=NAME, state_ttl_hours=0),  # sums over a lifetime: to forget a part is to be wrong
        "table.exec.mini-batch.enabled": "true",
        "table.exec.mini-batch.allow-latency": f"{BATCH_MILLISECONDS} ms",
        "table.exec.mini-batch.size": str(BATCH_ROWS),
    }


def stream_tables(contracts: Contracts, streams: StreamSettings) -> list[str]:
    """Return the definitions of the tables that are streams."""
    interactions = contracts.product(Table.INTERACTIONS).table
    common: dict[str, Any] = {"streams": streams, "format_options": JSON_FORMAT}
    return [
        stream_source(
            "interactions",
            [(field.name, flink_type(field)) for field in interactions.fields if not field.lake_only],
            stream=Stream.INTERACTIONS,
            group=NAME,
            **common,
        ),
        stream_source(
            "identity_changes", IDENTITY_CHANGE_COLUMNS, stream=Stream.IDENTITY_CHANGES, group=NAME, **common
        ),
        stream_sink(
            "profile_changes",
            profile_change_columns(contracts.product(Table.PROFILES).table),
            stream=Stream.PROFILE_CHANGES,
            key="person_id",
            **common,
        ),
    ]
