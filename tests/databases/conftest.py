"""The session, emulator and lake of the Spark tests; the databases are started by the tests."""

from tests.engines.spark.conftest import emulator, rows, spark

__all__ = ["emulator", "rows", "spark"]
