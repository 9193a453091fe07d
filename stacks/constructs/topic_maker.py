"""Topics of the cluster: CloudFormation makes none on MSK Serverless, so a function does."""

from typing import Final

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from c360_core.names import Stream, stream_name
from stacks.constructs.grants import allow
from stacks.constructs.python_function import Caller, PythonFunction
from stacks.constructs.stream_cluster import StreamCluster
from stacks.shared.platform import Platform

_SECONDS: Final = 120
_CHANGE_TOPIC: Final = (
    "kafka-cluster:AlterTopic",
    "kafka-cluster:AlterTopicDynamicConfiguration",
    "kafka-cluster:CreateTopic",
    "kafka-cluster:DeleteTopic",
    "kafka-cluster:DescribeTopic",
    "kafka-cluster:DescribeTopicDynamicConfiguration",
)


class TopicMaker(Construct):
    """The function behind the custom resources: it may make, change and delete the topics of our streams."""

    cluster: StreamCluster

    def __init__(self, scope: Construct, id_: str, *, cluster: StreamCluster, platform: Platform) -> None:
        super().__init__(scope, id_)
        self.cluster = cluster
        self._when_deleted = "delete" if platform.removal is cdk.RemovalPolicy.DESTROY else "keep"
        self._worker = PythonFunction(
            self,
            "Maker",
            name="stream_topics",
            platform=platform,
            variables={},
            caller=Caller.CLOUDFORMATION,
            timeout_seconds=_SECONDS,
            cluster=cluster,
            calls=(ec2.InterfaceVpcEndpointAwsService.KAFKA,),
        )
        cluster.network.let_answer_cloudformation()
        role = self._worker.role
        allow(role, ("kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"), cluster.arn)
        allow(role, ("kafka-cluster:Connect",), cluster.arn)
        topics = [cluster.topic_arn(stream_name(platform.environment, stream)) for stream in Stream]
        allow(role, _CHANGE_TOPIC, *topics)

    def topic(self, scope: Construct, *, name: str, partitions: int, retention_hours: int) -> cdk.CustomResource:
        """Create a topic; the resource's attributes say where its cluster is."""
        return cdk.CustomResource(
            scope,
            "Topic",
            service_token=self._worker.function.function_arn,
            resource_type="Custom::StreamTopic",
            service_timeout=cdk.Duration.seconds(2 * _SECONDS),
            properties={
                "ClusterArn": self.cluster.arn,
                "Topic": name,
                "Partitions": partitions,
                "RetentionHours": retention_hours,
                "WhenDeleted": self._when_deleted,
            },
        )
