"""A Kinesis stream."""

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from c360_core.names import Stream, stream_name
from config.collection import StreamSettings
from stacks.constructs.nag import acknowledge
from stacks.shared.platform import Platform


class DataStream(Construct):
    """An encrypted stream, or only its name while the environment sleeps.

    Its name is a contract: the topic of the same name carries it on Kafka. Everyone knows the stream by that name and
    the ARN made of it, never by its resource: CloudFormation deletes nothing that another stack imports, and a role
    keeps its rights while the stream is away.
    """

    name: str
    arn: str
    deployed: bool

    def __init__(
        self, scope: Construct, id_: str, *, name: Stream, settings: StreamSettings, platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        self.name = stream_name(platform.environment, name)
        self.arn = f"arn:{stack.partition}:kinesis:{stack.region}:{stack.account}:stream/{self.name}"
        self.deployed = settings.deployed
        if self.deployed:
            self._deploy(settings, platform)

    def _deploy(self, settings: StreamSettings, platform: Platform) -> None:
        provisioned = settings.mode == "provisioned"
        stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=self.name,
            stream_mode=kinesis.StreamMode.PROVISIONED if provisioned else kinesis.StreamMode.ON_DEMAND,
            shard_count=settings.shards if provisioned else None,
            retention_period=cdk.Duration.hours(settings.retention_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=platform.key,
            removal_policy=platform.removal,
        )
        acknowledge(
            stream, {"KDS3": "customer data is encrypted under the environment's own key, whose use we control"}
        )
