"""What takes the records of a function's streams. Only functions that write a stream ship this, and Kafka's client."""

import os
from functools import cache
from typing import TYPE_CHECKING

from c360_aws import kafka_streams
from c360_aws.kinesis import KinesisSender
from c360_aws.stream_writer import Sender
from lambdas.shared import aws

if TYPE_CHECKING:
    from kafka import KafkaProducer


def stream_sender(stream: str) -> Sender:
    """Return what takes the records of a stream: Kafka, if the function is given its brokers, and otherwise Kinesis.

    Raises:
        ValueError: the function's environment asks for a connection of a kind that is not known.
    """
    brokers = kafka_streams.Brokers.from_environment(os.environ)
    if brokers is None:
        return KinesisSender(client=aws.kinesis(), stream=stream)
    return kafka_streams.KafkaSender(producer=kafka_producer(brokers), stream=stream)


@cache
def kafka_producer(brokers: kafka_streams.Brokers) -> "KafkaProducer":
    """Return the producer of all streams on a cluster; it keeps its connections between invocations."""
    return kafka_streams.producer(brokers)
