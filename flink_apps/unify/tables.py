"""The stream tables of `unify`."""

from typing import Final

from c360_core.contracts import Contracts
from c360_core.names import ConsumerGroup, Stream, TableName
from flink_apps.shared.properties import StreamProperties
from flink_apps.shared.tables import JSON_FORMAT, RAW_FORMAT, Column, stream_sink, stream_source
from flink_apps.unify.pipeline import profile_change_columns

NAME: Final = ConsumerGroup.UNIFY.value
RECORD_COLUMNS: Final[tuple[Column, ...]] = (("body", "BYTES"),)


def stream_tables(contracts: Contracts, streams: StreamProperties) -> list[str]:
    """Return the definitions of the stream tables: two sources of unparsed records, and one sink."""
    sources = {"interaction_records": Stream.INTERACTIONS, "identity_change_records": Stream.IDENTITY_CHANGES}
    return [
        *(
            stream_source(table, RECORD_COLUMNS, stream=stream, streams=streams, group=NAME, format_options=RAW_FORMAT)
            for table, stream in sources.items()
        ),
        stream_sink(
            "profile_changes",
            profile_change_columns(contracts.product(TableName.PROFILES).table),
            stream=Stream.PROFILE_CHANGES,
            streams=streams,
            key="person_id",
            format_options=JSON_FORMAT,
        ),
    ]
