"""Starts Flink for the tests of `clean`, and reads the output."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StreamTableEnvironment, TableEnvironment
from pyflink.table.expressions import col

from flink_apps.shared.configuration import set_options, standard_options

ROOT = Path(__file__).resolve().parents[3]
JAR = ROOT / "build" / "java" / "flink" / "pyflink-dependencies.jar"


class KnownSecret:
    """A secret that needs no service; in this module because Flink's workers import it."""

    def read(self) -> bytes:
        return b"0123456789abcdef"


def cluster_configuration() -> Configuration:
    """Return the options that the service sets, never the code under test."""
    configuration = Configuration()
    for key, value in {
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "pipeline.jars": JAR.as_uri(),
        "parallelism.default": "1",
        "execution.checkpointing.interval": "500 ms",
        # The default restarts forever, so that a test would hang.
        "restart-strategy.type": "none",
    }.items():
        configuration.set_string(key, value)
    return configuration


def new_environment() -> StreamTableEnvironment:
    """Return a fresh streaming table environment with the options of our applications."""
    environment = StreamExecutionEnvironment.get_execution_environment(cluster_configuration())
    tables = StreamTableEnvironment.create(environment)
    set_options(tables, standard_options(name="test", state_ttl="24 h"))
    return tables


def rows_of(environment: TableEnvironment, table: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield these columns of a table's rows; times must be left out, PyFlink cannot hand them over."""
    with environment.from_path(table).select(*map(col, columns)).execute().collect() as rows:
        for row in rows:
            yield dict(zip(columns, row, strict=True))
