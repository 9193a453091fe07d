"""The one writer of profiles."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import read_records, use_table
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.stream_reader import Batching, StreamReader
from stacks.shared.platform import Platform


class ProfileWriter(Construct):
    """Applies profile changes to the single view, each only if it is newer than what is there."""

    function: PythonFunction
    reader: StreamReader

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        profile_changes: DataStream,
        single_view: dynamodb.ITableV2,
        timeline_ttl_days: int,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.function = PythonFunction(
            self,
            "Function",
            name="profile_writer",
            platform=platform,
            variables={"SINGLE_VIEW_TABLE": single_view.table_name, "TIMELINE_TTL_DAYS": timeline_ttl_days},
            timeout_seconds=120,
            memory_megabytes=1024,
        )
        use_table(self.function.role, single_view)
        read_records(self.function.role, profile_changes)
        self.reader = StreamReader(
            self,
            "Changes",
            function=self.function,
            source=profile_changes if profile_changes.deployed else None,
            # Of a person's changes in a batch only the last is written: the larger it is, the fewer the writes.
            batching=Batching(size=5_000),
            platform=platform,
        )
        # What cannot be read goes there at once: before Lambda did the same, its retries would hold up the shard.
        self.function.function.add_environment("DEAD_LETTER_QUEUE_URL", self.reader.failed.queue.queue_url)
        if self.reader.mapping is not None:
            # The ARN is a text, from which CloudFormation cannot tell that the stream has to be there first.
            self.reader.mapping.node.add_dependency(profile_changes)
