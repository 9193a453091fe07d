"""Entry point of the function that publishes scores: a state machine calls it until a batch is published."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.event_stream import EventStreamWriter
from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from c360_core.moments import moment
from lambdas.score_events.logic import ScorePublisher, Scoring
from lambdas.score_events.settings import Settings
from lambdas.shared import aws
from lambdas.shared.lines import unbroken
from lambdas.shared.stream_senders import stream_sender

SERVICE: Final = "score_events"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> Mapping[str, int | bool]:  # noqa: ARG001  # Lambda passes both
    """Publish the next scores of a batch; return how far it is."""
    scoring = Scoring(score=str(event["score"]), model=str(event["model"]), scored_at=moment(str(event["scored_at"])))
    batch = aws.s3().get_object(Bucket=event["bucket"], Key=event["key"])["Body"]
    progress = _publisher().publish(unbroken(batch.iter_chunks()), scoring, after=int(event["lines"]))
    metrics.add_metric(name="ScoresPublished", unit=MetricUnit.Count, value=progress.events)
    logger.info(
        "scores published",
        extra={"score": scoring.score, "events": progress.events, "unknown": progress.unknown, "done": progress.done},
    )
    return {"lines": progress.lines, "done": progress.done}


@cache
def _publisher() -> ScorePublisher:
    settings = Settings.from_environment(os.environ)
    return ScorePublisher(
        view=SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table),
        stream=EventStreamWriter(sender=stream_sender(settings.events_stream_name)),
    )
