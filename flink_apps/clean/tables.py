"""The tables of `clean`: two streams and the lake."""

from typing import Final

from c360_core import contracts
from c360_core.names import ConsumerGroup, Stream, TableName
from flink_apps.shared.properties import StreamProperties
from flink_apps.shared.tables import (
    JSON_FORMAT,
    RAW_FORMAT,
    contract_columns,
    stream_sink,
    stream_source,
)

CONSUMER_GROUP: Final = ConsumerGroup.CLEAN.value
EVENT_COLUMNS: Final = (("body", "BYTES"),)
ARRIVAL: Final = "`arrived_at` AS PROCTIME()"


def events_table(streams: StreamProperties) -> str:
    """Return the definition of the events stream: unparsed records."""
    return stream_source(
        "events",
        EVENT_COLUMNS,
        stream=Stream.EVENTS,
        streams=streams,
        group=CONSUMER_GROUP,
        format_options=RAW_FORMAT,
        extra_columns=(ARRIVAL,),
    )


def interactions_table(streams: StreamProperties) -> str:
    """Return the definition of the interactions stream: the contract without its lake-only columns."""
    return stream_sink(
        "interactions",
        contract_columns(contracts.load().product(TableName.INTERACTIONS).table),
        stream=Stream.INTERACTIONS,
        streams=streams,
        key="customer_key",
        format_options=JSON_FORMAT,
    )
