"""Entry point of the message sender: a message of a journey in, what happened to it out."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import parse
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.event_stream import EventStreamWriter
from c360_aws.idempotency import TableIdempotency
from c360_aws.observability import logger_for, metrics_for, trace_id, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from c360_core.consent import Channel, Purpose
from c360_core.decision import Template
from c360_core.message_templates import load_templates
from lambdas.message_sender.channels import connect_channels
from lambdas.message_sender.logic import Sender
from lambdas.message_sender.message import Message
from lambdas.message_sender.settings import Settings
from lambdas.shared import aws
from lambdas.shared.refusals import Refusals
from lambdas.shared.stream_senders import stream_sender

SERVICE: Final = "message_sender"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


class SendRequest(BaseModel):
    """What a journey asks for: a decision, with the template of this step."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    decision_id: Annotated[str, Field(min_length=1, max_length=64)]
    person_id: Annotated[str, Field(min_length=1, max_length=64)]
    channel: Channel
    purpose: Purpose
    template: Template
    trace_id: str | None = None
    journey: str | None = None
    trigger: str | None = None


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:  # noqa: ARG001  # Lambda passes both
    """Send one message, or answer why not."""
    metrics.add_metric(name="MessagesAsked", unit=MetricUnit.Count, value=1)
    request = parse(event=event, model=SendRequest)
    message = Message(**{**request.model_dump(), "trace_id": request.trace_id or trace_id()})
    answer = _sender().send(message)
    logger.info("message %s", answer.status, extra={"message_id": answer.message_id, "reasons": list(answer.reasons)})
    metrics.add_metric(name=f"Messages{answer.status.title()}", unit=MetricUnit.Count, value=1)
    return answer.document()


@cache
def _sender() -> Sender:
    settings = Settings.from_environment(os.environ)
    secrets = CachedSecrets(aws.secrets_manager())
    view = SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table)
    store = SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table)
    stream = EventStreamWriter(sender=stream_sender(settings.events_stream_name))

    def hash_secret() -> bytes:
        return secrets.hash_secret(settings.hash_secret_arn)

    return Sender(
        view=view,
        store=store,
        channels=connect_channels(os.environ),
        stream=stream,
        # No context: a send that was cut off stays locked, because the message may be on its way.
        idempotency=TableIdempotency(
            client=aws.dynamodb_plain(), table=settings.idempotency_table, keep_days=settings.message_ttl_days
        ),
        refusals=Refusals(view=view, store=store, stream=stream, hash_secret=hash_secret),
        hash_secret=hash_secret,
        rules=settings.rules(),
        templates=load_templates(),
        keep_days=settings.message_ttl_days,
        clock=lambda: datetime.now(UTC),
    )
