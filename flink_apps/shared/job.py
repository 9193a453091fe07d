"""Opens a table environment and submits a job."""

import os
from collections.abc import Mapping

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StatementSet, StreamTableEnvironment

from flink_apps.shared.configuration import set_options
from flink_apps.shared.properties import PROPERTIES_FILE_VARIABLE


def table_environment(options: Mapping[str, str]) -> StreamTableEnvironment:
    """Return a streaming table environment with these options; `configuration` lists the allowed ones."""
    environment = StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment())
    set_options(environment, options)
    return environment


def submit(statements: StatementSet) -> None:
    """Start the job.

    On Managed Flink this returns, and the service keeps the job running. On the laptop the job runs in this process, so
    this waits until the job ends, and raises its error.
    """
    result = statements.execute()
    if PROPERTIES_FILE_VARIABLE in os.environ:
        result.wait()
