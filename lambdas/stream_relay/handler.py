"""Entry point of the relay: records of an operator's command in, what became of each out; or the other way round."""

import os
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.kafka_streams import Brokers
from c360_aws.observability import logger_for, tracer_for
from lambdas.shared import stream_senders
from lambdas.stream_relay.logic import Answer, Found, RelayRequest, looked_up, relay
from lambdas.stream_relay.settings import Settings

SERVICE: Final = "stream_relay"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> Answer | Found:  # noqa: ARG001  # Lambda passes both
    """Put records on a stream, or look at one there; who calls is outside of the network, where no broker is reached.

    Raises:
        ValueError: the request names a stream that no command writes, or is not whole.
    """
    settings = Settings.from_environment(os.environ)
    request = RelayRequest.of(event, environment=settings.environment)
    brokers = Brokers.of(settings.stream_brokers, settings.stream_security)
    if request.offset is not None:
        return looked_up(request, brokers)
    answer = relay(request, stream_senders.kafka_producer(brokers))
    logger.info("%d records for %s", len(request.records), request.stream)
    return answer
