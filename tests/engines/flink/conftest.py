"""One Flink for all tests here; runs in the Flink environment, with the jar that ships.

A test defines tables of literal rows, runs one job, and reads what the sinks hold.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyflink.common import Configuration
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import EnvironmentSettings, StreamTableEnvironment, TableEnvironment

from flink_apps.shared.configuration import set_options, standard_options

ROOT = Path(__file__).resolve().parents[3]
JAR = ROOT / "build" / "java" / "flink" / "pyflink-dependencies.jar"


def pytest_configure() -> None:
    """Tell the JVM that PyFlink starts where Python finds our code and its own, because thread mode runs inside it."""
    site_packages = next(Path(path) for path in sys.path if (Path(path) / "pyflink").is_dir())
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(site_packages)])
    if not JAR.exists():
        raise pytest.UsageError(f"{JAR.relative_to(ROOT)} is missing; build it with `python -m tools.build_flink`")


def cluster_configuration() -> Configuration:
    """Return what the service would set: never in the code under test."""
    configuration = Configuration()
    for key, value in {
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "pipeline.jars": JAR.as_uri(),
        "parallelism.default": "1",
        "execution.checkpointing.interval": "500 ms",
        # The default tries again for ever, which looks like a test that hangs.
        "restart-strategy.type": "none",
    }.items():
        configuration.set_string(key, value)
    return configuration


@pytest.fixture
def flink() -> StreamTableEnvironment:
    """A table environment with the options of our applications."""
    return new_environment()


def new_environment(**options: str) -> StreamTableEnvironment:
    """Return a fresh streaming table environment with our standard options and these."""
    environment = StreamExecutionEnvironment.get_execution_environment(cluster_configuration())
    tables = StreamTableEnvironment.create(environment)
    set_options(tables, {**standard_options(name="test", state_ttl_hours=24), **options})
    return tables


@pytest.fixture(scope="session")
def reader() -> TableEnvironment:
    """An environment that reads finished tables."""
    settings = EnvironmentSettings.new_instance().in_batch_mode().with_configuration(cluster_configuration()).build()
    environment = TableEnvironment.create(settings)
    environment.get_config().set("table.local-time-zone", "UTC")
    return environment


def rows_of(environment: TableEnvironment, query: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a query by column name."""
    result = environment.execute_sql(query)
    names = result.get_table_schema().get_field_names()
    with result.collect() as rows:
        for row in rows:
            yield dict(zip(names, row, strict=True))
