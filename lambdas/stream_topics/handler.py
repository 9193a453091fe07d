"""Entry point of the custom resource that is a topic: CloudFormation cannot make one on MSK Serverless."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws import kafka_streams
from c360_aws.observability import logger_for, tracer_for
from lambdas.shared import aws
from lambdas.shared.custom_resource import ResourceRequest, answer
from lambdas.stream_topics.logic import Cluster, Topic, TopicKeeper
from lambdas.stream_topics.settings import Settings

SERVICE: Final = "stream_topics"
KEEP: Final = "keep"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001  # Lambda passes both
    """Keep the topic that the resource names; tell where its cluster is, and since when.

    Deleting the resource deletes the topic with its records, unless the template says to keep it.
    """
    if failure := answer(event, _work):
        logger.error("the topic is not as the template wants it: %s", failure, exc_info=failure)


def _work(request: ResourceRequest) -> Mapping[str, str]:
    Settings.from_environment(os.environ)
    topic = Topic.of(request.properties)
    if request.type == "Delete" and request.properties["WhenDeleted"] == KEEP:
        return {}
    cluster = Cluster.described(aws.msk(), str(request.properties["ClusterArn"]))
    if request.type == "Delete":
        _keeper().drop(cluster.brokers, topic.name)
        return {}
    _keeper().keep(cluster.brokers, topic)
    return cluster.attributes()


@cache
def _keeper() -> TopicKeeper:
    return TopicKeeper(connect=kafka_streams.administrator)
