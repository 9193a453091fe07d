"""Entry point of the function that writes tiers: a batch of SQS messages in, those to leave in the queue out."""

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.event_stream import EventStreamWriter
from c360_aws.observability import logger_for, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from lambdas.loyalty.ledger import TableLedger
from lambdas.loyalty.logic import NAME, LoyaltySystem
from lambdas.loyalty.settings import Settings
from lambdas.shared import aws
from lambdas.shared.outbound.batch import Outbox
from lambdas.shared.outbound.circuit import TableCircuit
from lambdas.shared.outbound.https import HttpsCaller
from lambdas.shared.outbound.metrics import report
from lambdas.shared.outbound.queue import SqsQueue, answer_of, messages_of
from lambdas.shared.stream_senders import stream_sender

SERVICE: Final = "loyalty"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:  # noqa: ARG001  # Lambda passes both
    """Write the tiers that a batch of changes asks for."""
    taken = _outbox().take(messages_of(event))
    report(taken, receiver=NAME, service=SERVICE, logger=logger)
    return answer_of(taken)


@cache
def _outbox() -> Outbox:
    settings = Settings.from_environment(os.environ)
    secrets = CachedSecrets(aws.secrets_manager())
    return Outbox(
        receiver=LoyaltySystem(
            url=settings.loyalty_url,
            caller=HttpsCaller(private_networks=settings.private_networks),
            key=lambda: secrets.text(settings.loyalty_secret_arn),
            view=SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table),
            ledger=TableLedger(client=aws.dynamodb(), table=settings.deliveries_table),
            stream=EventStreamWriter(sender=stream_sender(settings.events_stream_name)),
            tiers=settings.tiers,
            purpose=settings.consent_purpose,
            clock=lambda: datetime.now(UTC),
        ),
        circuit=TableCircuit(client=aws.dynamodb(), table=settings.deliveries_table, name=NAME),
        queue=SqsQueue(client=aws.sqs(), url=settings.queue_url, dead_letters=settings.dead_letters_url),
        clock=time.time,
    )
