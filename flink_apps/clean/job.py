"""The `clean` job: reads the property groups and starts the dataflow."""

import logging
import os
from typing import Any, Final

from c360_core.names import TableName, Zone
from flink_apps.clean.pipeline import Tables, build
from flink_apps.clean.tables import events_table, interactions_table
from flink_apps.shared.configuration import standard_options
from flink_apps.shared.job import submit, table_environment
from flink_apps.shared.properties import ApplicationProperties
from flink_apps.shared.secrets import AwsSecret
from flink_apps.shared.tables import lake_catalog, lake_table

LOGGER: Final = logging.getLogger("clean")

APPLICATION: Final = "clean"
ENDPOINT_VARIABLE: Final = "AWS_ENDPOINT_URL"


def main() -> None:
    """Read the property groups and start the job."""
    properties = ApplicationProperties.load(os.environ)
    tuning = properties.tuning()
    identity = properties.identity()
    environment = table_environment(standard_options(name=APPLICATION, state_ttl=f"{tuning.state_ttl_hours} h"))
    statements = build(
        environment,
        define_tables(environment, properties, endpoint=os.environ.get(ENDPOINT_VARIABLE)),
        secret=AwsSecret(arn=identity.hash_secret_arn, region=identity.region),
        session_gap_minutes=tuning.session_gap_minutes,
        run_id=APPLICATION,
    )
    submit(statements)


def define_tables(environment: Any, properties: ApplicationProperties, *, endpoint: str | None) -> Tables:
    """Define the streams and the lake; return the names of the dataflow's tables."""
    streams, lake = properties.streams(), properties.lake(Zone.RAW, Zone.QUARANTINE)
    for statement in (events_table(streams), interactions_table(streams), lake_catalog(lake, endpoint=endpoint)):
        LOGGER.info("%s", statement)
        environment.execute_sql(statement)
    return Tables(
        source="`events`",
        interactions="`interactions`",
        lake_interactions=lake_table(lake.databases[Zone.RAW], TableName.INTERACTIONS),
        duplicates=lake_table(lake.databases[Zone.RAW], TableName.DUPLICATES),
        rejected=lake_table(lake.databases[Zone.QUARANTINE], TableName.REJECTED),
    )
