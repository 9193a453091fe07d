"""Entry point of the function behind the steps of journeys: a question in, the answer out."""

import os
from datetime import UTC, datetime
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.event_stream import EventStreamWriter
from c360_aws.idempotency import TableIdempotency
from c360_aws.observability import logger_for, metrics_for, trace_id, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from lambdas.journey_steps.logic import Helper
from lambdas.journey_steps.requests import QUESTIONS
from lambdas.journey_steps.settings import Settings
from lambdas.shared import aws
from lambdas.shared.decision_publisher import DecisionPublisher
from lambdas.shared.stream_senders import stream_sender
from lambdas.shared.waking import TaskTokens

SERVICE: Final = "journey_steps"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, str]:
    """Answer one question."""
    question = QUESTIONS.validate_python(event)
    answer = _helper(Settings.from_environment(os.environ), context).answer(question)
    logger.info("%s: %s", question.ask, answer["status"], extra={"journey": question.journey, "step": question.step})
    metrics.add_metric(name=f"Steps{answer['status'].title()}", unit=MetricUnit.Count, value=1)
    return answer


def _helper(settings: Settings, context: LambdaContext) -> Helper:
    publisher = DecisionPublisher(
        stream=EventStreamWriter(sender=stream_sender(settings.events_stream_name)),
        bus=aws.event_bridge(),
        bus_name=settings.event_bus_name,
        idempotency=TableIdempotency(
            client=aws.dynamodb_plain(),
            table=settings.idempotency_table,
            keep_days=settings.decision_ttl_days,
            context=context,
        ),
        trace_id=trace_id(),
    )
    return Helper(
        view=SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table),
        store=SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table),
        publisher=publisher,
        alarm=TaskTokens(client=aws.step_functions()),
        keep_days=settings.decision_ttl_days,
        clock=lambda: datetime.now(UTC),
    )
