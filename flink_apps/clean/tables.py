"""The tables of `clean`: two streams and the lake."""

from collections.abc import Mapping
from typing import Final

from c360_core import contracts
from c360_core.names import Stream
from c360_core.names import Table as TableName
from flink_apps.shared.properties import StreamProvider, StreamSettings
from flink_apps.shared.tables import (
    JSON_FORMAT,
    RAW_FORMAT,
    contract_columns,
    stream_sink,
    stream_source,
)

CONSUMER_GROUP: Final = "c360-clean"
EVENT_COLUMNS: Final = (("body", "BYTES"),)
# Where the record is in its stream: the same on every reading, so that a rejection keeps its id.
POSITION: Final[Mapping[StreamProvider, tuple[str, ...]]] = {
    StreamProvider.KAFKA: (
        "`record_partition` INT METADATA FROM 'partition' VIRTUAL",
        "`record_offset` BIGINT METADATA FROM 'offset' VIRTUAL",
        "`position` AS CAST(`record_partition` AS STRING) || ':' || CAST(`record_offset` AS STRING)",
    ),
    StreamProvider.KINESIS: (
        "`record_shard` VARCHAR(128) NOT NULL METADATA FROM 'shard-id' VIRTUAL",
        "`record_number` VARCHAR(128) NOT NULL METADATA FROM 'sequence-number' VIRTUAL",
        "`position` AS `record_shard` || ':' || `record_number`",
    ),
}
ARRIVAL: Final = "`arrived_at` AS PROCTIME()"


def events_table(streams: StreamSettings) -> str:
    """Return the definition of the events stream: records as they came."""
    return stream_source(
        "events",
        EVENT_COLUMNS,
        stream=Stream.EVENTS,
        streams=streams,
        group=CONSUMER_GROUP,
        format_options=RAW_FORMAT,
        extra_columns=(*POSITION[streams.provider], ARRIVAL),
    )


def interactions_table(streams: StreamSettings) -> str:
    """Return the definition of the interactions stream: the contract without what stays in the lake."""
    return stream_sink(
        "interactions",
        contract_columns(contracts.load().product(TableName.INTERACTIONS).table),
        stream=Stream.INTERACTIONS,
        streams=streams,
        key="customer_key",
        format_options=JSON_FORMAT,
    )
