"""The relay: lets an operator's command write streams whose brokers only the private network reaches."""

from collections.abc import Mapping
from typing import Final

from constructs import Construct

from c360_core.names import Stream, stream_name
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import allow
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.stream_cluster import StreamCluster
from stacks.shared.platform import Platform

_MEMORY: Final = 512


class StreamRelay(Construct):
    """A function in the network that puts records on the topics; whoever may call it may write them.

    It also shows a change of a profile at the position that a dead letter names.

    Nobody in the templates may. It is for `c360 replay` and `c360 rebuild`, whose people get the right to call it for
    the work.
    """

    function_name: str

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        streams: Mapping[Stream, DataStream],
        cluster: StreamCluster,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        worker = PythonFunction(
            self,
            "Relay",
            name="stream_relay",
            platform=platform,
            variables={},
            caller=Caller.OPERATOR,
            memory_megabytes=_MEMORY,
            writes=streams[Stream.EVENTS],
        )
        streams[Stream.EVENTS].let_write(worker.role)
        # A rebuild ends with a record in each partition of the changes; that topic is made by a later stack.
        changes = cluster.topic_arn(stream_name(platform.environment, Stream.PROFILE_CHANGES))
        # Its dead letters name positions, and whoever mends them looks at the records there.
        allow(
            worker.role, ("kafka-cluster:DescribeTopic", "kafka-cluster:ReadData", "kafka-cluster:WriteData"), changes
        )
        self.function_name = worker.function.function_name
