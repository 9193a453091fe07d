"""What Glue asks of a job's role beside the calls that the script makes itself: logs and metrics of its runs."""

from collections.abc import Iterator, Mapping
from typing import Final

from twin.emulator.calls import Call
from twin.settings import ACCOUNT, REGION

LOG_GROUP: Final = "/aws-glue/jobs/logs-v2"
METRICS_NAMESPACE: Final = "Glue"


def service_calls(arguments: Mapping[str, str], *, security: str | None) -> Iterator[Call]:
    """Yield the calls that a run with these arguments leads to.

    Args:
        arguments: default and run arguments merged.
        security: name of the job's security configuration, which becomes a part of the log group's name.
    """
    if arguments.get("--enable-continuous-cloudwatch-log") == "true":
        name = f"{LOG_GROUP}-{security}" if security else LOG_GROUP
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"
        yield Call(action="logs:CreateLogGroup", resource=group)
        if security:
            yield Call(action="logs:AssociateKmsKey", resource=group)
        yield Call(action="logs:CreateLogStream", resource=f"{group}:log-stream:")
        yield Call(action="logs:PutLogEvents", resource=f"{group}:log-stream:run")
    if "--enable-metrics" in arguments:
        yield Call(action="cloudwatch:PutMetricData", context={"cloudwatch:namespace": METRICS_NAMESPACE})
