"""One Spark session and one emulator for all tests here; runs in the Spark environment."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from pyspark.sql import DataFrame, SparkSession

from c360_core import contracts
from c360_core.names import CATALOGED_ZONES, database_name
from glue_jobs.shared import lake
from tests.engines.spark.lake_tables import spark_ddl
from twin.engines.spark import base_conf, catalog_conf, jars
from twin.processes.process import free_port, port_is_open, spawn, wait_until
from twin.settings import REGION, ROOT, TwinSettings, python_of

BUCKETS = ("test-landing", "test-lake", "test-quarantine", "test-results")
CATALOG = f"spark.sql.catalog.{lake.CATALOG}"


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a bare emulator with the buckets; give its endpoint."""
    home = tmp_path_factory.mktemp("emulator")
    settings = TwinSettings(home=home, port=free_port())
    variables = {"BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "GATEWAY_PORT": str(settings.port)}
    os.environ.update(settings.client_environment())
    child = spawn(
        "emulator",
        [str(python_of("twin")), "-m", "ministack"],
        log_path=settings.logs / "emulator.log",
        env={**os.environ, **variables},
        cwd=home,
    )
    wait_until(lambda: port_is_open(settings.port), child=child, seconds=60)
    for bucket in BUCKETS:
        boto3.client("s3").create_bucket(Bucket=bucket)
    yield settings.endpoint
    child.terminate()


@pytest.fixture(scope="session")
def spark(emulator: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Start a session with the jobs' configuration from the template, and the tables of the contracts."""
    scratch = tmp_path_factory.mktemp("spark")
    job_conf = {
        CATALOG: "org.apache.iceberg.spark.SparkCatalog",
        f"{CATALOG}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        f"{CATALOG}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{CATALOG}.warehouse": "s3://test-lake/warehouse",
    }
    conf = base_conf(libraries=jars(), endpoint=emulator, region=REGION, scratch=scratch)
    # The tests' own process acts as root, by its environment variables.
    conf["spark.hadoop.fs.s3a.aws.credentials.provider"] = "com.amazonaws.auth.EnvironmentVariableCredentialsProvider"
    conf |= job_conf | catalog_conf(job_conf, endpoint=emulator, region=REGION)
    os.environ["TZ"] = "UTC"  # Spark returns times without a zone
    time.tzset()
    os.environ["PYTHONPATH"] = str(ROOT)  # for the Python workers
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.appName("tests")
    for key, value in conf.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    glue = boto3.client("glue")
    for zone in CATALOGED_ZONES:
        glue.create_database(DatabaseInput={"Name": database_name("dev", zone)})
    for table in contracts.load().lake_tables():
        session.sql(spark_ddl(table, lake.table_name("dev", table.zone, table.name)))
    yield session
    session.stop()


@pytest.fixture
def rows(spark: SparkSession) -> Callable[..., list[dict[str, Any]]]:
    """Read a lake table as dictionaries: `rows(zone, table, where)`."""

    def read(zone: Any, table: str, where: str = "true") -> list[dict[str, Any]]:
        frame: DataFrame = lake.current(spark, lake.table_name("dev", zone, table)).where(where)
        return [row.asDict() for row in frame.collect()]

    return read
