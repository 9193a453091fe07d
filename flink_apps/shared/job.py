"""Opening a table environment and submitting a job."""

import os
from collections.abc import Mapping

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.table import StatementSet, StreamTableEnvironment

from flink_apps.shared.configuration import set_options
from flink_apps.shared.properties import PROPERTIES_FILE_VARIABLE


def table_environment(options: Mapping[str, str]) -> StreamTableEnvironment:
    """Return a streaming table environment with these options; see `configuration` for what may be set."""
    environment = StreamTableEnvironment.create(StreamExecutionEnvironment.get_execution_environment())
    set_options(environment, options)
    return environment


def submit(statements: StatementSet) -> None:
    """Start the job.

    On Managed Flink this returns, and the service keeps the job running. On the laptop the job lives in the process
    that submitted it, so this waits for its end, and raises what ended it.
    """
    result = statements.execute()
    if PROPERTIES_FILE_VARIABLE in os.environ:
        result.wait()
