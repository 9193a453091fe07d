"""The streams of a deployment as a system writes them that needs no collector: of Kinesis, or topics of its broker."""

from functools import cache
from typing import Any, Final

from c360_aws import kafka_streams
from c360_aws.kafka_streams import Brokers, KafkaSender
from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import Sender
from twin.principals import Principal
from twin.scenario.deployment import Deployment

BROKERS: Final = "StreamBrokers"


def sender(
    deployment: Deployment, output: str = "EventsStreamName", as_: Principal = Principal.ADMINISTRATOR
) -> Sender:
    """Return what takes the records of a deployed stream.

    The outputs say what carries it. The laptop's broker asks nobody who they are.

    Args:
        deployment: what is deployed.
        output: the output with the stream's name.
        as_: who writes.
    """
    stream, servers = deployment.outputs[output], deployment.outputs.get(BROKERS)
    if servers is None:
        return KinesisSender(client=deployment.client("kinesis", as_), stream=stream)
    return KafkaSender(producer=_producer(servers), stream=stream)


@cache
def _producer(servers: str) -> Any:
    return kafka_streams.producer(Brokers.of(servers, kafka_streams.PLAIN))
