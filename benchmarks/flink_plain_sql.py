"""The honest peer of `clean`: parse, de-duplicate, and write the same stream and the same lake table, in plain SQL.

It has no contract: it keeps what parses, takes the first identifier as the key without hashing it, and counts no
visits. What it shares with `clean` is what any job here has to do.
"""

import os
from typing import Final

from c360_core.names import Stream, TableName, Zone
from flink_apps.clean.tables import interactions_table
from flink_apps.shared.configuration import standard_options
from flink_apps.shared.job import submit, table_environment
from flink_apps.shared.properties import ApplicationProperties
from flink_apps.shared.tables import lake_catalog, lake_table, stream_source

ENDPOINT_VARIABLE: Final = "AWS_ENDPOINT_URL"
COLUMNS: Final = (
    ("event_id", "STRING"),
    ("event_type", "STRING"),
    ("source", "STRING"),
    ("schema_version", "INT"),
    ("occurred_at", "TIMESTAMP_LTZ(3)"),
    ("received_at", "TIMESTAMP_LTZ(3)"),
    ("trace_id", "STRING"),
    ("replay_id", "STRING"),
    ("identifiers", "STRING"),
    ("payload", "STRING"),
)
FORMAT: Final = {
    "format": "json",
    "json.timestamp-format.standard": "ISO-8601",
    "json.ignore-parse-errors": "true",
}
ONCE: Final = """
SELECT *, COALESCE(
  'loyalty_id:' || JSON_VALUE(identifiers, '$.loyalty_id[0]'), 'device_id:' || JSON_VALUE(identifiers, '$.device_id[0]')
) AS customer_key
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY source, event_id ORDER BY arrived_at) AS arrival FROM `plain`
  WHERE event_id IS NOT NULL
) WHERE arrival = 1
"""
STREAMED: Final = """
  event_id, event_type, source, schema_version, occurred_at, received_at, trace_id, replay_id, customer_key,
  identifier_keys, session_id, session_start, order_id, amount, currency, payload
"""
PLAIN: Final = """
  event_id, event_type, source, schema_version, occurred_at, received_at, trace_id, replay_id, customer_key,
  ARRAY[customer_key], CAST(NULL AS STRING), FALSE, JSON_VALUE(payload, '$.order_id'),
  CAST(JSON_VALUE(payload, '$.total') AS DECIMAL(14, 2)), JSON_VALUE(payload, '$.currency'), payload
"""


def main() -> None:
    """Start the job."""
    properties = ApplicationProperties.load(os.environ)
    streams, lake = properties.streams(), properties.lake(Zone.RAW)
    environment = table_environment(
        standard_options(name="plain-sql", state_ttl=f"{properties.tuning().state_ttl_hours} h")
    )
    source = stream_source(
        "plain", COLUMNS, stream=Stream.EVENTS, streams=streams, group="plain-sql", format_options=FORMAT,
        extra_columns=("`arrived_at` AS PROCTIME()",),
    )  # fmt: skip
    catalog = lake_catalog(lake, endpoint=os.environ.get(ENDPOINT_VARIABLE))
    for statement in (source, interactions_table(streams), catalog):
        environment.execute_sql(statement)
    environment.create_temporary_view("once", environment.sql_query(ONCE))
    statements = environment.create_statement_set()
    kept = lake_table(lake.databases[Zone.RAW], TableName.INTERACTIONS)
    statements.add_insert_sql(f"INSERT INTO `interactions` ({STREAMED}) SELECT {PLAIN} FROM once")  # noqa: S608  # our own names
    statements.add_insert_sql(
        f"INSERT INTO {kept} ({STREAMED}, identifiers) SELECT {PLAIN}, identifiers FROM once"  # noqa: S608
    )
    submit(statements)


if __name__ == "__main__":
    main()
