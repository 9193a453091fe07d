"""Entry point of the inbox: HTTP in, messages or problem documents out."""

import json
import os
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.event_stream import EventStreamWriter
from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from c360_core.inbox import Receipt
from lambdas.inbox.logic import Inboxes
from lambdas.inbox.problems import unknown_path
from lambdas.inbox.settings import Settings
from lambdas.shared import aws
from lambdas.shared.problem import ProblemDetails, json_response, problem_response
from lambdas.shared.stream_senders import stream_sender

SERVICE: Final = "inbox"
INBOX: Final = "/v1/inbox"
CLIENT: Final = Path(__file__).with_name("client.js")

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


@app.post(f"{INBOX}/tokens/<person_id>")
def open_inbox(person_id: str) -> Response[str]:
    """Make a token for a customer who is signed in; the gateway lets only callers through that AWS knows."""
    return json_response(_inboxes().open_for(person_id), status=HTTPStatus.CREATED)


@app.get(INBOX)
def get_messages() -> Response[str]:
    """Return what waits for the person whose token it is."""
    return json_response(_inboxes().messages(_authorization()))


@app.post(f"{INBOX}/messages/<message_id>/<receipt>")
def take_receipt(message_id: str, receipt: str) -> Response[str]:
    """Take what a person did with a message."""
    if receipt not in set(Receipt):
        raise unknown_path()
    _inboxes().receive(_authorization(), message_id, Receipt(receipt))
    metrics.add_metric(name=f"Messages{receipt.title()}", unit=MetricUnit.Count, value=1)
    return json_response({"message_id": message_id, "receipt": receipt})


@app.put(f"{INBOX}/devices/<device>")
def register_device(device: str) -> Response[str]:
    """Take the address of the app on a device, by which push messages reach it."""
    return json_response(_inboxes().register(_authorization(), device, _body()))


@app.delete(f"{INBOX}/devices/<device>")
def forget_device(device: str) -> Response[str]:
    """Forget a device of the person whose token it is."""
    _inboxes().unregister(_authorization(), device)
    return json_response({})


@app.get(f"{INBOX}/client.js")
def get_client() -> Response[str]:
    """Return the script that shows messages in a page. It is the same for everybody, and holds nothing of anybody."""
    return Response(
        status_code=HTTPStatus.OK,
        content_type="text/javascript; charset=utf-8",
        body=_client(),
        headers={"Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"},
    )


@app.exception_handler(ProblemDetails)  # type: ignore[untyped-decorator]  # Powertools leaves it without types
def refuse(problem: ProblemDetails) -> Response[str]:
    """Answer a request with the problem that it raised."""
    logger.info("request refused", extra={"code": problem.code})
    metrics.add_metric(name="RequestsRefused", unit=MetricUnit.Count, value=1)
    retry = {"Retry-After": "1"} if problem.status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return problem_response(problem, retry)


@app.not_found
def no_such_path(_: Exception) -> Response[str]:
    """Answer a request with an unknown path or method."""
    return problem_response(unknown_path())


def _authorization() -> str:
    headers = {name.lower(): value for name, value in app.current_event.headers.items()}
    return headers.get("authorization", "")


def _body() -> object:
    try:
        return json.loads(app.current_event.decoded_body or "")
    except (ValueError, RecursionError):
        return None  # as if there were no platform


@cache
def _client() -> str:
    return CLIENT.read_text(encoding="utf-8")


@cache
def _inboxes() -> Inboxes:
    settings = Settings.from_environment(os.environ)
    secrets = CachedSecrets(aws.secrets_manager())

    def keys() -> list[bytes]:
        # The one before it, too: after a change, tokens of the last minutes go on working.
        arn = settings.inbox_secret_arn
        return [text.encode() for text in (secrets.text(arn), secrets.previous_text(arn)) if text]

    return Inboxes(
        view=SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table),
        store=SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table),
        stream=EventStreamWriter(sender=stream_sender(settings.events_stream_name)),
        secrets=keys,
        minutes=settings.token_minutes,
        most=settings.most_waiting,
        device_days=settings.device_days,
        clock=lambda: datetime.now(UTC),
    )
