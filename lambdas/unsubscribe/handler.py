"""Entry point of the links of messages: HTTP in, small pages out."""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.event_stream import EventStreamWriter, StreamUnavailableError
from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from lambdas.shared import aws
from lambdas.shared.refusals import Refusals
from lambdas.shared.stream_senders import stream_sender
from lambdas.unsubscribe.logic import Answer, Links
from lambdas.unsubscribe.pages import busy, page
from lambdas.unsubscribe.settings import Settings

SERVICE: Final = "unsubscribe"
PATH: Final = "/v1/unsubscribe/<token>"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)
app = APIGatewayHttpResolver()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request."""
    metrics.add_metric(name="Requests", unit=MetricUnit.Count, value=1)
    return app.resolve(event, context)


@app.get(PATH)
def show(token: str) -> Response[str]:
    """Show the page with the button; this unsubscribes nobody."""
    return page(_links().look(token))


@app.post(PATH)
def unsubscribe(token: str) -> Response[str]:
    """Unsubscribe: a mail program posts here, or the page's button does."""
    try:
        answer = _links().refuse(token)
    except StreamUnavailableError:
        logger.exception("a refusal counts, but is not published")
        metrics.add_metric(name="RefusalsNotPublished", unit=MetricUnit.Count, value=1)
        return busy()
    metrics.add_metric(name="Unsubscribed", unit=MetricUnit.Count, value=int(answer is Answer.DONE))
    return page(answer)


@cache
def _links() -> Links:
    settings = Settings.from_environment(os.environ)
    secrets = CachedSecrets(aws.secrets_manager())
    view = SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table)
    return Links(
        view=view,
        refusals=Refusals(
            view=view,
            store=SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table),
            stream=EventStreamWriter(sender=stream_sender(settings.events_stream_name)),
            hash_secret=lambda: secrets.hash_secret(settings.hash_secret_arn),
        ),
        secret=lambda: secrets.text(settings.unsubscribe_secret_arn).encode(),
        clock=lambda: datetime.now(UTC),
    )
