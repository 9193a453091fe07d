"""Interactions as they come, for Personalize: a function that reads the stream."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from c360_core.names import ConsumerGroup
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import allow, read_records, use_items
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.stream_reader import Batching, StreamReader
from stacks.shared.platform import Platform


class RecommendationEvents(Construct):
    """Tells Personalize what people buy and look at who have agreed to personalisation."""

    function: PythonFunction
    reader: StreamReader

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        single_view: dynamodb.ITableV2,
        interactions: DataStream,
        tracking_id: str,
        tracker_arn: str,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.function = PythonFunction(
            self,
            "Function",
            name="recommendation_events",
            platform=platform,
            variables={"SINGLE_VIEW_TABLE": single_view.table_name, "TRACKING_ID": tracking_id},
            caller=Caller.STREAM,
            timeout_seconds=120,
            calls=(ec2.InterfaceVpcEndpointAwsService.PERSONALIZE_EVENTS,),
        )
        use_items(self.function.role, single_view, platform.key, ("GetItem", "Query"))
        read_records(self.function.role, interactions, ConsumerGroup.RECOMMENDATION_EVENTS)
        allow(self.function.role, ("personalize:PutEvents",), tracker_arn)
        self.reader = StreamReader(
            self,
            "Interactions",
            function=self.function,
            source=interactions.read_by(ConsumerGroup.RECOMMENDATION_EVENTS) if interactions.deployed else None,
            batching=Batching(size=500, window_seconds=5),
            platform=platform,
        )
