"""Commands find what carries the streams by the outputs of the stack, and end a rebuild in each part of a stream."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from c360_aws.kinesis import KinesisSender
from c360_aws.stream_relay import RelaySender
from c360_core.names import Stream
from c360_core.rebuild import Rebuild, ended_shard
from ops.deployed_streams import PartitionEnds, ShardEnds, stream_ends, stream_sender
from ops.view import ProfileWriterControl, ViewError

CHANGES = "c360-dev-profile-changes"
REBUILD = Rebuild(since=7)


class Stacks:
    def __init__(self, outputs: dict[str, str]) -> None:
        self.outputs = outputs

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803  # boto3's words
        assert StackName == "C360-dev-Collection"
        return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in self.outputs.items()]}]}


class Relay:
    """A topic with two partitions, of which the second may be away."""

    def __init__(self, *, second: str = "") -> None:
        self.second = second
        self.told: list[tuple[int, Any]] = []

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803  # boto3's words
        request = json.loads(Payload)
        assert (FunctionName, request["stream"]) == ("relay", CHANGES)
        code = self.second if request.get("partition") == 1 else ""
        if not code:
            for each in request.get("records", ()):
                self.told.append((request["partition"], json.loads(base64.b64decode(each["data"]))))
        said = {"codes": [code] * len(request.get("records", ())), "partitions": [0, 1]}
        return {"Payload": io.BytesIO(json.dumps(said).encode())}


def clients(relay: Any = None) -> Callable[[str], Any]:
    stacks = Stacks({} if relay is None else {"StreamRelayFunctionName": "relay"})
    return {"cloudformation": stacks, "kinesis": object(), "lambda": relay}.__getitem__


def test_without_a_relay_the_streams_are_of_kinesis() -> None:
    found = stream_sender("dev", Stream.EVENTS, clients())
    assert (type(found), found.stream) == (KinesisSender, "c360-dev-events")
    assert isinstance(stream_ends("dev", Stream.PROFILE_CHANGES, clients()), ShardEnds)


def test_with_a_relay_it_takes_the_records() -> None:
    found = stream_sender("dev", Stream.EVENTS, clients(Relay()))
    assert isinstance(found, RelaySender)
    assert (found.function, found.stream) == ("relay", "c360-dev-events")


def test_a_rebuild_ends_in_each_partition_under_the_name_that_the_writer_notes() -> None:
    relay = Relay()
    names = stream_ends("dev", Stream.PROFILE_CHANGES, clients(relay)).tell(REBUILD)

    assert names == ("partition-0", "partition-1")
    assert [(place, ended_shard(change), change["sequence"]) for place, change in relay.told] == [
        (0, "partition-0", 7),
        (1, "partition-1", 7),
    ]


def test_an_end_that_a_partition_has_not_stops_the_rebuild() -> None:
    ends = stream_ends("dev", Stream.PROFILE_CHANGES, clients(Relay(second="NotEnoughReplicasError")))
    assert isinstance(ends, PartitionEnds)
    nobody: Any = object()
    with pytest.raises(ViewError, match=r"partition 1 .* NotEnoughReplicasError; type the command again"):
        ProfileWriterControl(functions=nobody, mapping="m-1", ends=ends).send_ends(REBUILD)
