"""The smallest Flink job on these streams: it copies each record of the events topic to another topic."""

import os
from typing import Final

from c360_core.names import Stream
from flink_apps.shared.configuration import standard_options
from flink_apps.shared.job import submit, table_environment
from flink_apps.shared.properties import ApplicationProperties
from flink_apps.shared.tables import LINGER_MILLISECONDS, RAW_FORMAT, create_table, stream_source

COLUMNS: Final = [("body", "BYTES")]


def main() -> None:
    """Start the job."""
    streams = ApplicationProperties.load(os.environ).streams()
    environment = table_environment(standard_options(name="pass-through", state_ttl="1 h"))
    source = stream_source(
        "source", COLUMNS, stream=Stream.EVENTS, streams=streams, group="pass-through", format_options=RAW_FORMAT
    )
    sink = {
        "connector": "kafka",
        "topic": streams.names[Stream.INTERACTIONS],
        "properties.bootstrap.servers": str(streams.bootstrap_servers),
        "sink.delivery-guarantee": "at-least-once",
        "properties.linger.ms": str(LINGER_MILLISECONDS),
        "properties.compression.type": "zstd",
        **RAW_FORMAT,
    }
    for statement in (source, create_table("sink", COLUMNS, options=sink)):
        environment.execute_sql(statement)
    statements = environment.create_statement_set()
    statements.add_insert_sql("INSERT INTO sink SELECT body FROM source")
    submit(statements)


if __name__ == "__main__":
    main()
