"""What EMR Serverless asks of a run's role beside the calls that the script makes itself: its logs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from twin.emulator.calls import Call
from twin.settings import ACCOUNT, REGION

DEFAULT_GROUP: Final = "/aws/emr-serverless"


def service_calls(monitoring: Mapping[str, Any]) -> Iterator[Call]:
    """Yield the calls that a run with this monitoring configuration leads to."""
    logs = monitoring.get("CloudWatchLoggingConfiguration", {})
    if not logs.get("Enabled"):
        return
    prefix = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
    yield Call(action="logs:DescribeLogGroups", resource=f"{prefix}*")
    streams = f"{prefix}{logs.get('LogGroupName', DEFAULT_GROUP)}:log-stream:"
    yield Call(action="logs:DescribeLogStreams", resource=streams)
    yield Call(action="logs:CreateLogStream", resource=streams)
    yield Call(action="logs:PutLogEvents", resource=f"{streams}run")
