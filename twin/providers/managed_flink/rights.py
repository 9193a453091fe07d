"""What Managed Flink asks of an application's role beside the calls that its processes make themselves.

The application's streams are topics of a Kafka here that knows no rights, and some of those of Kinesis never pass
through the emulator's. So the calls of Flink's connectors are checked when the application starts, as are the log calls
that the service makes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from twin.emulator.calls import Call
from twin.settings import ACCOUNT, REGION

READ_CALLS: Final = (
    "kinesis:DescribeStreamSummary",
    "kinesis:ListShards",
    "kinesis:GetShardIterator",
    "kinesis:GetRecords",
)
WRITE_CALLS: Final = ("kinesis:PutRecords",)
# A producer of Kafka is idempotent, unless it is told otherwise.
ON_CLUSTER: Final = ("kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently")
READ_TOPIC: Final = ("kafka-cluster:DescribeTopic", "kafka-cluster:ReadData")
WRITE_TOPIC: Final = ("kafka-cluster:DescribeTopic", "kafka-cluster:WriteData")
ENTER_NETWORK: Final = ("ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DescribeSubnets")
LOGS: Final = f"arn:aws:logs:{REGION}:{ACCOUNT}"


def stream_calls(*, reads: Iterable[str], writes: Iterable[str], key_of: Callable[[str], str | None]) -> Iterator[Call]:
    """Yield the calls with which Flink's connector reads and writes streams.

    Args:
        reads: names of streams.
        writes: names of streams.
        key_of: gives the ARN of the key that encrypts a stream, or None.
    """
    for names, calls, key_call in ((reads, READ_CALLS, "kms:Decrypt"), (writes, WRITE_CALLS, "kms:GenerateDataKey")):
        for name in names:
            arn = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{name}"
            yield from (Call(action=action, resource=arn) for action in calls)
            if (key := key_of(name)) is not None:
                context = {
                    "kms:ViaService": f"kinesis.{REGION}.amazonaws.com",
                    "kms:CallerAccount": ACCOUNT,
                    "kms:EncryptionContext:aws:kinesis:arn": arn,
                }
                yield Call(action=key_call, resource=key, context=context)


def topic_calls(*, cluster: str, reads: Iterable[str], writes: Iterable[str]) -> Iterator[Call]:
    """Yield the calls with which Flink's connector reads and writes topics of MSK, from inside the network.

    In which group an application reads is said by its code, and not here.

    Args:
        cluster: ARN of the cluster.
        reads: names of topics.
        writes: names of topics.
    """
    yield from (Call(action=action) for action in ENTER_NETWORK)
    yield from (Call(action=action, resource=cluster) for action in ON_CLUSTER)
    for names, calls in ((reads, READ_TOPIC), (writes, WRITE_TOPIC)):
        for name in names:
            there = f"{cluster.replace(':cluster/', ':topic/')}/{name}"
            yield from (Call(action=action, resource=there) for action in calls)


def log_calls(application: Mapping[str, Any]) -> Iterator[Call]:
    """Yield the calls with which the service finds and writes the log stream of an application's record."""
    for option in application.get("CloudWatchLoggingOptionDescriptions") or ():
        stream = str(option["LogStreamARN"])
        yield Call(action="logs:DescribeLogGroups", resource=f"{LOGS}:log-group::log-stream:")
        yield Call(action="logs:DescribeLogStreams", resource=f"{stream.partition(':log-stream:')[0]}:log-stream:")
        yield Call(action="logs:PutLogEvents", resource=stream)
