"""What DataBrew asks of a job's role beside the calls that reach the emulator's Glue and S3."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from twin.emulator.calls import Call
from twin.emulator.resource_names import arn

LOG_GROUP: Final = "/aws-glue-databrew/jobs"
_LOG: Final = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
# It looks for a table among all of its database, and for partitions, even where there are none.
_TABLE: Final = ("glue:GetTables", "glue:GetPartitions")


def job_calls(job: Mapping[str, Any], source: Mapping[str, Any]) -> Iterator[Call]:
    """Yield the calls that a run of a job leads to.

    Args:
        job: its resolved properties.
        source: the `DataCatalogInputDefinition` of its data set.
    """
    database = source["DatabaseName"]
    yield Call(action="glue:GetDatabase", resource=arn("glue", f"database/{database}"))
    for action in _TABLE:
        yield Call(action=action, resource=arn("glue", f"table/{database}/{source['TableName']}"))
    yield Call(action="lakeformation:GetDataAccess")
    if job.get("LogSubscription") == "ENABLE":
        for action in _LOG:
            yield Call(action=action, resource=arn("logs", f"log-group:{LOG_GROUP}:log-stream:run"))
