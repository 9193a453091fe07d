"""The tables of `unify` that are streams."""

from typing import Any, Final

from c360_core.contracts import Contracts
from c360_core.names import Stream, Table
from c360_core.projections import flink_type
from flink_apps.shared.properties import StreamSettings
from flink_apps.shared.tables import JSON_FORMAT, stream_sink, stream_source
from flink_apps.unify.pipeline import IDENTITY_CHANGE_COLUMNS, profile_change_columns

NAME: Final = "c360-unify"


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
