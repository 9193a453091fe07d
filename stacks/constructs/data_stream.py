"""A Kinesis stream."""

import aws_cdk as cdk
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from c360_core.names import Stream, stream_name
from config.settings import StreamSettings
from stacks.nag import acknowledge
from stacks.platform import Platform


class DataStream(Construct):
    """An encrypted stream. Its name is a contract: the topic of the same name carries it on Kafka."""

    stream: kinesis.IStream

    def __init__(
        self, scope: Construct, id_: str, *, name: Stream, settings: StreamSettings, platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        provisioned = settings.mode == "provisioned"
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=stream_name(platform.environment, name),
            stream_mode=kinesis.StreamMode.PROVISIONED if provisioned else kinesis.StreamMode.ON_DEMAND,
            shard_count=settings.shards if provisioned else None,
            retention_period=cdk.Duration.hours(settings.retention_hours),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=platform.key,
            removal_policy=platform.removal,
        )
        acknowledge(
            self.stream, {"KDS3": "customer data is encrypted under the environment's own key, whose use we control"}
        )
