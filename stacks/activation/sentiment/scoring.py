"""Scores what customers write, as it comes in, by Amazon Comprehend."""

from typing import Final

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from c360_core.names import ConsumerGroup
from c360_core.texts import written_events
from stacks.constructs.data_stream import DataStream
from stacks.constructs.grants import put_records, read_records
from stacks.constructs.nag import acknowledge
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.stream_reader import Batching, StreamReader
from stacks.shared.platform import Platform

_ACTIONS: Final = (
    "comprehend:BatchDetectDominantLanguage",
    "comprehend:BatchDetectSentiment",
    "comprehend:DetectPiiEntities",
)
_NO_RESOURCES: Final = (
    "Comprehend's own models are no resources: its actions on texts that a request brings accept only `*`"
)


class SentimentScoring(Construct):
    """Reads events with a text from the stream `events`, and puts a score on the same stream for each.

    It reads where events come in, because only there are the words and the customer's identifiers together.
    """

    function: PythonFunction
    reader: StreamReader

    def __init__(self, scope: Construct, id_: str, *, events_stream: DataStream, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.function = PythonFunction(
            self,
            "Function",
            name="sentiment",
            platform=platform,
            variables={"EVENTS_STREAM_NAME": events_stream.name},
            caller=Caller.STREAM,
            # A full batch waits for Comprehend, which may ask it to slow down.
            timeout_seconds=300,
            writes=events_stream,
            calls=(ec2.InterfaceVpcEndpointAwsService.COMPREHEND, ec2.InterfaceVpcEndpointAwsService.SQS),
        )
        analysis = self._allow_analysis()
        read_records(self.function.role, events_stream, ConsumerGroup.SENTIMENT)
        put_records(self.function.role, events_stream)
        source = events_stream.read_by(ConsumerGroup.SENTIMENT)
        self.reader = StreamReader(
            self,
            "Texts",
            function=self.function,
            source=source if events_stream.deployed else None,
            # Nothing waits for more texts: an unhappy customer is answered within seconds.
            batching=Batching(size=100, window_seconds=0),
            platform=platform,
            # Lambda drops all other events before it calls the function. Its own scores are among them.
            pattern=source.bodies({"event_type": list(written_events())}),
        )
        self.function.function.add_environment("DEAD_LETTER_QUEUE_URL", self.reader.failed.queue.queue_url)
        if self.reader.mapping is not None:
            # The first texts come as soon as there is a mapping, and must find the function allowed to ask.
            self.reader.mapping.node.add_dependency(analysis)

    def _allow_analysis(self) -> iam.Policy:
        """Allow it in a policy of its own, whose finding has another reason than that of tracing."""
        analysis = iam.Policy(
            self,
            "Analysis",
            roles=[self.function.role],
            statements=[iam.PolicyStatement(actions=list(_ACTIONS), resources=["*"])],
        )
        acknowledge(analysis, {"IAM5[Resource::*]": _NO_RESOURCES})
        return analysis
