"""A stream: one of Kinesis, or a topic of MSK, as the settings say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from c360_core.names import ConsumerGroup, Stream, stream_name
from config.collection import StreamSettings
from config.operations import OperationsSettings
from stacks.constructs.grants import allow, use_key
from stacks.constructs.nag import acknowledge
from stacks.constructs.stream_cluster import StreamCluster
from stacks.constructs.stream_reader import RecordSource, iterator_age
from stacks.constructs.topic_maker import TopicMaker
from stacks.shared.ids import pascal_case
from stacks.shared.monitoring import METRIC_PERIOD, AlarmSpec, Graph, StandingCost
from stacks.shared.platform import Platform

_SHARD_USD: Final = 11  # a month
_ON_DEMAND_USD: Final = 29
_PARTITION_USD: Final = 1.1  # a month: 0.0015 an hour
_POLLER_USD: Final = 135  # a month: 0.185 an hour
_HALF_AN_HOUR: Final = 30 * 60_000
_READ_RECORDS: Final = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)


class KinesisStream(Construct):
    """An encrypted stream, or only its name while the environment sleeps.

    The name is a contract: on Kafka the topic has the same name. Other constructs refer to the stream by that name and
    the ARN derived from it, never by its resource: CloudFormation does not delete a resource that another
    stack imports, and a role keeps its permissions while the stream does not exist.

    Attributes:
        cluster: where its clients must be; none, as they may be anywhere.
        variables: what a function is told that writes it, beside the name.
        arguments: what a job is told, likewise.
    """

    name: str
    arn: str
    key: kms.IKey
    deployed: bool
    cluster: StreamCluster | None
    variables: Mapping[str, str]
    arguments: Mapping[str, str]

    def __init__(
        self, scope: Construct, id_: str, *, name: Stream, settings: StreamSettings, platform: Platform
    ) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        self.name = stream_name(platform.environment, name)
        self.arn = f"arn:{stack.partition}:kinesis:{stack.region}:{stack.account}:stream/{self.name}"
        self.key = platform.key
        self.deployed = settings.deployed
        self.cluster, self.variables, self.arguments = None, {}, {}
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

    def reading_costs(self) -> Sequence[StandingCost]:
        """Return nothing: Lambda's polling is free."""
        return ()

    def let_write(self, role: iam.IRole) -> None:
        """Let a role write."""
        allow(role, ("kinesis:PutRecords",), self.arn)
        use_key(role, self.key, through="kinesis", actions=("GenerateDataKey",))

    def let_read(self, role: iam.IRole, group: ConsumerGroup) -> None:  # noqa: ARG002  # Kinesis has no groups
        """Let a role read. Lambda requires both describe actions to create an event source mapping."""
        allow(role, _READ_RECORDS, self.arn)
        use_key(role, self.key, through="kinesis", actions=("Decrypt",))

    def let_describe(self, role: iam.IRole) -> None:
        """Let a role see what the stream is."""
        allow(role, ("kinesis:DescribeStreamSummary",), self.arn)

    def flink_properties(self, key: str) -> Mapping[str, str]:
        """Return the provider, and the name and the ARN of the stream."""
        return {"provider": "kinesis", key: self.name, f"{key}_arn": self.arn}

    def read_by(self, group: ConsumerGroup) -> RecordSource:  # noqa: ARG002  # Kinesis has no groups
        """Return the stream itself."""
        return self

    def bodies(self, pattern: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the filter of a reader for records whose JSON matches a pattern."""
        return {"data": pattern}

    def let_poll(self, role: iam.Role) -> None:
        """Grant nothing: whoever may read may let Lambda read."""

    def mapping(self) -> Mapping[str, Any]:
        """Return what of an event source mapping is about the stream."""
        return {"event_source_arn": self.arn}

    def late(self, function: lambda_.IFunction) -> tuple[cloudwatch.IMetric, int]:
        """Return how far a reader is behind, and how much of it is a minute."""
        return iterator_age(function)

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


class KafkaTopic(Construct):
    """A topic on the cluster, made by a custom resource that also tells where the cluster is.

    Attributes:
        cluster: where its clients must be.
        variables: what a function is told that writes it, beside the name.
        arguments: what a job is told, likewise.
    """

    name: str
    deployed: bool
    cluster: StreamCluster
    variables: Mapping[str, str]
    arguments: Mapping[str, str]

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: Stream,
        settings: StreamSettings,
        topics: TopicMaker,
        platform: Platform,
    ) -> None:
        super().__init__(scope, id_)
        self.name = stream_name(platform.environment, name)
        self.deployed = True
        self.cluster = topics.cluster
        self._label = pascal_case(name)
        self._settings = settings
        self._groups: list[ConsumerGroup] = []
        told = topics.topic(self, name=self.name, partitions=settings.shards, retention_hours=settings.retention_hours)
        self._brokers, self._security = told.get_att_string("Brokers"), told.get_att_string("Security")
        self.variables = {"STREAM_BROKERS": self._brokers, "STREAM_SECURITY": self._security}
        self.arguments = {
            "--stream_brokers": self._brokers,
            "--stream_security": self._security,
            "--streams_created_at": told.get_att_string("CreatedAt"),
        }

    def let_write(self, role: iam.IRole) -> None:
        """Let a role write; every producer of ours is idempotent."""
        allow(role, ("kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"), self.cluster.arn)
        allow(role, ("kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"), self.cluster.topic_arn(self.name))

    def let_read(self, role: iam.IRole, group: ConsumerGroup) -> None:
        """Let a role read as a member of a group, and note how far the group has come."""
        self._groups.append(group)
        allow(role, ("kafka-cluster:Connect",), self.cluster.arn)
        allow(role, ("kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"), self.cluster.topic_arn(self.name))
        allow(role, ("kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"), self.cluster.group_arn(group))

    def let_describe(self, role: iam.IRole) -> None:
        """Grant nothing: whoever may write may see the partitions, and a job is told how old the topic is."""

    def flink_properties(self, key: str) -> Mapping[str, str]:
        """Return the provider, the name of the topic, and how one connects to its cluster."""
        return {
            "provider": "kafka",
            "bootstrap.servers": self._brokers,
            "security.protocol": self._security,
            key: self.name,
        }

    def read_by(self, group: ConsumerGroup) -> RecordSource:
        """Return the topic as a group reads it."""
        return TopicSource(topic=self, group=group)

    def alarms(self, limits: OperationsSettings) -> Sequence[AlarmSpec]:
        """Return alarms on each group that falls behind, and on unread records that expire soon."""
        return tuple(
            AlarmSpec(
                name=f"{self._label}{pascal_case(group)}{suffix}",
                metric=self.lag(group),
                threshold=seconds,
                text=text,
            )
            for group in self._groups
            for suffix, seconds, text in (
                ("Behind", limits.iterator_age_minutes * 60, f"readers of the stream {self._label} fall behind"),
                (
                    "Expiring",
                    self._settings.retention_hours * _HALF_AN_HOUR / 1000,
                    f"unread records of the stream {self._label} expire soon: half of their retention time has passed",
                ),
            )
        )

    def graphs(self) -> Sequence[Graph]:
        """Return the incoming records, and how far each group is behind."""
        dimensions = {"Cluster Name": self.cluster.name, "Topic": self.name}
        incoming = _of_kafka("MessagesInPerSec", dimensions, statistic="Average")
        lags = {f"{self._label}, {group}": self.lag(group) for group in self._groups}
        return (
            Graph(title="Records into each topic, a second", position=10, lines={self._label: incoming}),
            Graph(title="How far readers are behind (s)", position=11, lines=lags),
        )

    def standing_costs(self) -> Sequence[StandingCost]:
        """Return the price of the partitions."""
        usd = self._settings.shards * _PARTITION_USD
        return (StandingCost(part="MSK partitions", usd=usd, pieces=self._settings.shards),)

    def lag(self, group: ConsumerGroup) -> cloudwatch.Metric:
        """Return for how many seconds a group would have to read to be up to date."""
        dimensions = {"Cluster Name": self.cluster.name, "Consumer Group": str(group), "Topic": self.name}
        return _of_kafka("EstimatedMaxTimeLag", dimensions, statistic="Maximum")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSource:
    """A topic as Lambda reads it for a function.

    The reader is provisioned: only then does Lambda retry, halve and give up a batch as it does on Kinesis, and it
    needs no endpoints of Lambda and STS in the network.
    """

    topic: KafkaTopic
    group: ConsumerGroup

    def bodies(self, pattern: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the filter of a reader for records whose JSON matches a pattern."""
        return {"value": pattern}

    def let_poll(self, role: iam.Role) -> None:
        """Let Lambda find the cluster and reach it with the function's role."""
        allow(role, ("kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"), self.topic.cluster.arn)
        allow(role, ("kafka-cluster:DescribeClusterDynamicConfiguration",), self.topic.cluster.arn)
        self.topic.cluster.let_functions_in(role)

    def mapping(self) -> Mapping[str, Any]:
        """Return what of an event source mapping is about the topic."""
        kind = lambda_.CfnEventSourceMapping
        return {
            "event_source_arn": self.topic.cluster.arn,
            "topics": [self.topic.name],
            "amazon_managed_kafka_event_source_config": kind.AmazonManagedKafkaEventSourceConfigProperty(
                consumer_group_id=str(self.group)
            ),
            "provisioned_poller_config": kind.ProvisionedPollerConfigProperty(minimum_pollers=1, maximum_pollers=2),
        }

    def late(self, function: lambda_.IFunction) -> tuple[cloudwatch.IMetric, int]:  # noqa: ARG002  # MSK tells it
        """Return how far the group is behind, and how much of it is a minute."""
        return self.topic.lag(self.group), 60

    def polls(self) -> None:
        """Return no number of reads: MSK counts none. A group that does not read falls behind."""

    def reading_costs(self) -> Sequence[StandingCost]:
        """Return the price of the one unit of pollers that a provisioned reader always has."""
        return (StandingCost(part="Lambda's reader of a topic", usd=_POLLER_USD),)


DataStream = KinesisStream | KafkaTopic


def data_stream(
    scope: Construct,
    id_: str,
    *,
    name: Stream,
    settings: StreamSettings,
    topics: TopicMaker | None,
    platform: Platform,
) -> DataStream:
    """Create a stream: a topic, if there is something that makes topics, and otherwise a stream of Kinesis."""
    if topics is not None:
        return KafkaTopic(scope, id_, name=name, settings=settings, topics=topics, platform=platform)
    return KinesisStream(scope, id_, name=name, settings=settings, platform=platform)


def _of_kafka(name: str, dimensions: Mapping[str, str], *, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/Kafka",
        metric_name=name,
        dimensions_map=dict(dimensions),
        period=METRIC_PERIOD,
        statistic=statistic,
    )
