"""What Glue asks of a job's role beside the calls that the script makes itself: logs and metrics of its runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from twin.emulator.calls import Call
from twin.settings import ACCOUNT, REGION

LOG_GROUP: Final = "/aws-glue/jobs/logs-v2"
METRICS_NAMESPACE: Final = "Glue"


# Glue makes the network interfaces of a job that has a connection with the job's role.
INTERFACE_ACTIONS: Final = (
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcAttribute",
    "ec2:DescribeSecurityGroups",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DeleteNetworkInterface",
)
INTERFACE_TAG: Final = "aws-glue-service-resource"


def service_calls(
    arguments: Mapping[str, str], *, security: str | None, connections: Sequence[str] = ()
) -> Iterator[Call]:
    """Yield the calls that a run with these arguments leads to.

    Args:
        arguments: default and run arguments merged.
        security: name of the job's security configuration, which becomes a part of the log group's name.
        connections: names of the job's connections.
    """
    for connection in connections:
        for part in ("catalog", f"connection/{connection}"):
            yield Call(action="glue:GetConnection", resource=f"arn:aws:glue:{REGION}:{ACCOUNT}:{part}")
    for action in INTERFACE_ACTIONS if connections else ():
        yield Call(action=action)
    if connections:
        interface = f"arn:aws:ec2:{REGION}:{ACCOUNT}:network-interface/eni-1"
        yield Call(action="ec2:CreateTags", resource=interface, context={"aws:TagKeys": INTERFACE_TAG})
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
