"""The streams of a deployed environment as commands write them, whatever carries them.

Streams of Kinesis are written with the rights of whoever types the command. Topics of MSK are reached from inside the
environment's network alone, so that a function there writes them for whoever may call it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from c360_aws.kinesis import KinesisSender
from c360_aws.stream_relay import RelaySender
from c360_aws.stream_writer import StreamRecord
from c360_core.names import Stream, stack_name, stream_name
from c360_core.rebuild import Rebuild, shard_end
from ops.deployed_stacks import outputs

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

RELAY: Final = "StreamRelayFunctionName"
_PILLAR: Final = "collection"


class StreamEnds(Protocol):
    """The shards or partitions of the stream of profile changes."""

    def tell(self, rebuild: Rebuild) -> tuple[str, ...]:
        """Put the end of a rebuild's messages onto each of them; return their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardEnds:
    """The open shards of a stream of Kinesis."""

    client: "KinesisClient"
    stream: str

    def tell(self, rebuild: Rebuild) -> tuple[str, ...]:
        """Put the end onto each open shard.

        Raises:
            ClientError: Kinesis refused it.
        """
        shards = list(self._open())
        for shard, key in shards:
            self.client.put_record(
                StreamName=self.stream, Data=_end(shard, rebuild), PartitionKey=shard, ExplicitHashKey=key
            )
        return tuple(shard for shard, _ in shards)

    def _open(self) -> Sequence[tuple[str, str]]:
        pages = self.client.get_paginator("list_shards").paginate(StreamName=self.stream)
        return [
            (shard["ShardId"], shard["HashKeyRange"]["StartingHashKey"])
            for page in pages
            for shard in page["Shards"]
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionEnds:
    """The partitions of a topic."""

    relay: RelaySender

    def tell(self, rebuild: Rebuild) -> tuple[str, ...]:
        """Put the end into each partition.

        Raises:
            RelayError: a partition has it not.
        """
        names = {number: f"partition-{number}" for number in self.relay.partitions()}
        for number, name in names.items():
            self.relay.put(StreamRecord(key=name, data=_end(name, rebuild)), partition=number)
        return tuple(names.values())


def _end(name: str, rebuild: Rebuild) -> bytes:
    return json.dumps(shard_end(name, rebuild)).encode()


def stream_sender(environment: str, stream: Stream, client: Callable[[str], Any]) -> KinesisSender | RelaySender:
    """Return what takes the records of a stream.

    Args:
        environment: its name.
        stream: which one.
        client: makes an AWS client, by service name.

    Raises:
        ClientError: the stack of the streams is not deployed, or may not be read.
    """
    (stack,) = client("cloudformation").describe_stacks(StackName=stack_name(environment, _PILLAR))["Stacks"]
    relay = outputs([stack]).get(RELAY)
    name = stream_name(environment, stream)
    if relay is None:
        return KinesisSender(client=client("kinesis"), stream=name)
    return RelaySender(client=client("lambda"), function=relay, stream=name)


def stream_ends(environment: str, stream: Stream, client: Callable[[str], Any]) -> StreamEnds:
    """Return the shards or partitions of a stream; arguments and errors as of `stream_sender`."""
    found = stream_sender(environment, stream, client)
    if isinstance(found, RelaySender):
        return PartitionEnds(relay=found)
    return ShardEnds(client=found.client, stream=found.stream)
