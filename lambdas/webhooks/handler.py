"""Entry point of the function that tells subscribers: a batch of SQS messages in, those to leave in the queue out."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.observability import logger_for, tracer_for
from lambdas.shared import aws
from lambdas.shared.outbound.batch import Outbox
from lambdas.shared.outbound.circuit import TableCircuit
from lambdas.shared.outbound.https import HttpsCaller
from lambdas.shared.outbound.metrics import report
from lambdas.shared.outbound.queue import SqsQueue, answer_of, messages_of, queue_of
from lambdas.webhooks.logic import Subscriber
from lambdas.webhooks.settings import Destination, Settings

SERVICE: Final = "webhooks"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Tell a batch of events to the subscriber whose queue it is from."""
    settings = _settings()
    arn = queue_of(event)
    destination = next(one for one in settings.destinations if one.has_queue(arn))
    taken = _outbox(destination, settings).take(messages_of(event))
    report(taken, receiver=destination.name, service=SERVICE, logger=logger)
    return answer_of(taken)


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)


@cache
def _secrets() -> CachedSecrets:
    return CachedSecrets(aws.secrets_manager())


def _outbox(destination: Destination, settings: Settings) -> Outbox:
    return Outbox(
        receiver=Subscriber(
            name=destination.name,
            url=destination.url,
            caller=HttpsCaller(private_networks=settings.private_networks),
            secrets=lambda: _valid(destination.secret_arn),
            clock=lambda: datetime.now(UTC),
        ),
        circuit=TableCircuit(client=aws.dynamodb(), table=settings.deliveries_table, name=destination.name),
        queue=SqsQueue(client=aws.sqs(), url=destination.queue_url, dead_letters=destination.dead_letters_url),
        clock=time.time,
    )


def _valid(arn: str) -> tuple[str, ...]:
    """Return the present secret, and the one before it until somebody takes its label off."""
    previous = _secrets().previous_text(arn)
    return (_secrets().text(arn), *([previous] if previous else []))
