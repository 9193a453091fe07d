"""Queries on Athena."""

import time
from typing import Final

from ops.smoke.deployed import DeployedEnvironment
from ops.smoke.errors import CheckFailedError

QUERY_SECONDS: Final = 120.0
ARRIVAL_SECONDS: Final = 300.0  # of an event in the lake, which comes with a checkpoint of `clean`
POLL_SECONDS: Final = 1.0


def run(deployed: DeployedEnvironment, sql: str) -> str:
    """Run a query in the workgroup; return its id.

    Raises:
        CheckFailedError: it failed, or took too long.
    """
    client, workgroup = deployed.client("athena"), deployed.output("WorkgroupName")
    started: str = client.start_query_execution(QueryString=sql, WorkGroup=workgroup)["QueryExecutionId"]
    deadline = time.monotonic() + QUERY_SECONDS
    while True:
        status = client.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        if status["State"] not in {"QUEUED", "RUNNING"}:
            break
        if time.monotonic() > deadline:
            raise CheckFailedError(f"{sql} in {workgroup} took more than {QUERY_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    if status["State"] != "SUCCEEDED":
        raise CheckFailedError(
            f"{sql} in {workgroup} {status['State']}: {status.get('StateChangeReason', 'no reason')}"
        )
    return started


def count(deployed: DeployedEnvironment, execution: str) -> int:
    """Return the number that a query counted."""
    rows = deployed.client("athena").get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    return int(rows[1]["Data"][0]["VarCharValue"])  # below the head
