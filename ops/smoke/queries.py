"""Queries on Athena."""

import re
import time
from typing import Any, Final

from ops.smoke.errors import CheckFailedError

QUERY_SECONDS: Final = 120.0
POLL_SECONDS: Final = 1.0
# How Athena says that somebody may not: by IAM, by Lake Formation, and of a column that Lake Formation hides.
_REFUSAL: Final = re.compile(
    r"access.?denied|permission.?denied|not authorized|insufficient (lake formation )?permission", re.IGNORECASE
)
# What is hidden as a whole is not there for who asks.
_NOT_THERE: Final = re.compile(r"(SCHEMA|TABLE|DATABASE)_NOT_FOUND|does not exist", re.IGNORECASE)


class QueryFailedError(CheckFailedError):
    """A query ended without a result.

    Attributes:
        reason: why, in Athena's words.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def refused(self) -> bool:
        """Say whether the reason is that whoever asked may not."""
        return _REFUSAL.search(self.reason) is not None

    @property
    def hidden(self) -> bool:
        """Say whether the table is not there for whoever asked."""
        return _NOT_THERE.search(self.reason) is not None


def run(athena: Any, workgroup: str, sql: str) -> str:
    """Run a query in a workgroup as whoever the client is; return its id.

    Raises:
        QueryFailedError: it failed.
        CheckFailedError: it took too long.
    """
    started: str = athena.start_query_execution(QueryString=sql, WorkGroup=workgroup)["QueryExecutionId"]
    deadline = time.monotonic() + QUERY_SECONDS
    while True:
        status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        if status["State"] not in {"QUEUED", "RUNNING"}:
            break
        if time.monotonic() > deadline:
            raise CheckFailedError(f"{sql} in {workgroup} took more than {QUERY_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    if status["State"] != "SUCCEEDED":
        reason = status.get("StateChangeReason", "no reason")
        raise QueryFailedError(f"{sql} in {workgroup} {status['State']}: {reason}", reason)
    return started


def rows(athena: Any, execution: str) -> list[list[str]]:
    """Return the rows of a query's first page, without the head."""
    found = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
    return [[datum.get("VarCharValue", "") for datum in row["Data"]] for row in found[1:]]
