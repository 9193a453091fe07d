"""A Kinesis stream."""

from collections.abc import Sequence
from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from constructs import Construct

from c360_core.names import Stream, stream_name
from config.collection import StreamSettings
from config.operations import OperationsSettings
from stacks.constructs.nag import acknowledge
from stacks.shared.ids import pascal_case
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph, StandingCost
from stacks.shared.platform import Platform

_SHARD_USD: Final = 11  # a month
_ON_DEMAND_USD: Final = 29
_HALF_AN_HOUR: Final = 30 * 60_000


class DataStream(Construct):
    """An encrypted stream, or only its name while the environment sleeps.

    The name is a contract: on Kafka the topic has the same name. Other constructs refer to the stream by that name and
    the ARN derived from it, never by its resource: CloudFormation does not delete a resource that another stack
    imports, and a role keeps its permissions while the stream does not exist.
    """

    name: str
    arn: str
    key: kms.IKey
    deployed: bool

    def __init__(
        self, scope: Construct, id_: str, *, name: Stream, settings: StreamSettings, platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        self.name = stream_name(platform.environment, name)
        self.arn = f"arn:{stack.partition}:kinesis:{stack.region}:{stack.account}:stream/{self.name}"
        self.key = platform.key
        self.deployed = settings.deployed
        self._label = pascal_case(name)
        self._settings = settings
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

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:
        """Return alarms on readers that fall behind, and on unread records that expire soon."""
        if not self.deployed:
            return ()
        return (
            AlarmSpec(
                name=f"{self._label}Behind",
                metric=self._iterator_age(),
                threshold=limits.iterator_age_minutes * 60_000,
                text=f"readers of the stream {self._label} fall behind",
            ),
            AlarmSpec(
                name=f"{self._label}Expiring",
                metric=self._iterator_age(),
                threshold=self._settings.retention_hours * _HALF_AN_HOUR,
                text=f"unread records of the stream {self._label} expire soon: half of their retention time has passed",
            ),
        )

    def graphs(self) -> Sequence[Graph]:
        """Return the incoming records, and how far the slowest reader is behind."""
        if not self.deployed:
            return ()
        incoming = self._metric("IncomingRecords", statistic="Sum")
        return (
            Graph(title="Records into each stream", position=10, lines={self._label: incoming}),
            Graph(title="How far readers are behind (ms)", position=11, lines={self._label: self._iterator_age()}),
        )

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of the shards, or of an idle on-demand stream."""
        if not self.deployed:
            return ()
        settings = self._settings
        usd = settings.shards * _SHARD_USD if settings.mode == "provisioned" else _ON_DEMAND_USD
        return (StandingCost(part="Kinesis streams", usd=usd, pieces=1),)

    def polls(self) -> cloudwatch.Metric:
        """Return the number of reads; Lambda polls an empty stream too."""
        return self._metric("GetRecords.Success", statistic="SampleCount")

    def _iterator_age(self) -> cloudwatch.Metric:
        return self._metric("GetRecords.IteratorAgeMilliseconds", statistic="Maximum")

    def _metric(self, name: str, *, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/Kinesis",
            metric_name=name,
            dimensions_map={"StreamName": self.name},
            period=METRIC_PERIOD,
            statistic=statistic,
        )
