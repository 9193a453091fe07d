"""The only writer of profiles."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from c360_core.names import ConsumerGroup
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import read_records, use_items
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.stream_reader import Batching, StreamReader
from stacks.shared.platform import Platform


class ProfileWriter(Construct):
    """Applies profile changes to the single view, each only if it is newer than the stored version."""

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
            caller=Caller.STREAM,
            timeout_seconds=120,
            memory_megabytes=1024,
        )
        use_items(
            self.function.role,
            single_view,
            platform.key,
            ("GetItem", "BatchGetItem", "ConditionCheckItem", "PutItem", "DeleteItem"),
        )
        read_records(self.function.role, profile_changes, ConsumerGroup.PROFILE_WRITER)
        self.reader = StreamReader(
            self,
            "Changes",
            function=self.function,
            source=profile_changes.read_by(ConsumerGroup.PROFILE_WRITER) if profile_changes.deployed else None,
            # Only the last change of a person in a batch is written, so larger batches mean fewer writes.
            batching=Batching(size=5_000),
            platform=platform,
        )
        # The function sends unreadable changes there at once: Lambda's retries would block the shard first.
        self.function.function.add_environment("DEAD_LETTER_QUEUE_URL", self.reader.failed.queue.queue_url)
        if self.reader.mapping is not None:
            # The ARN is a string, so CloudFormation does not know that the stream must exist first.
            self.reader.mapping.node.add_dependency(profile_changes)
