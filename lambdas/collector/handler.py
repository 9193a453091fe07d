"""Entry point of the collector: an HTTP request with events in, the verdict on each out."""

import os
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.event_stream import EventStream, EventStreamWriter
from c360_aws.observability import logger_for, metrics_for, trace_id, tracer_for
from c360_aws.secrets import RotatedSecrets
from c360_core import contracts
from c360_core.exact_json import AmbiguousObject
from lambdas.collector.body import parse_body, raw_bytes
from lambdas.collector.credentials import (
    SIGNATURE_HEADER,
    EventSender,
    authenticate,
    came_through_edge,
    not_through_edge,
    senders_by_key,
    unknown_write_key,
    write_key,
)
from lambdas.collector.logic import (
    Call,
    JudgedEvent,
    answer_body,
    judge_all,
    judge_events,
    speaks_segment,
    unknown_path,
)
from lambdas.collector.settings import Settings
from lambdas.collector.webhook import (
    Delivery,
    authenticate_delivery,
    challenge_answer,
    challenge_of,
    events_of_call,
    secrets_of,
    webhook_of,
)
from lambdas.shared import aws
from lambdas.shared.problem import ProblemDetails, json_response, problem_response
from lambdas.shared.stream_senders import stream_sender

SERVICE: Final = "collector"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
metrics = metrics_for(SERVICE)
app = APIGatewayHttpResolver()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Collect the events of one HTTP request."""
    return app.resolve(event, context)


@app.post("/v1/<path>")
def collect(path: str) -> Response[str]:
    """Take one event, for example /v1/track, or many (/v1/batch); browsers shorten the names to one letter."""
    event, headers = app.current_event, _headers()
    raw = raw_bytes(event.body or "", is_base64=bool(event.is_base64_encoded))
    body = parse_body(raw, content_encoding=headers.get("content-encoding", ""))
    sender = authenticate(
        _senders(),
        write_key(
            headers, event.query_string_parameters or {}, body.fields if isinstance(body, AmbiguousObject) else body
        ),
        body=raw,
        signature=headers.get(SIGNATURE_HEADER),
    )
    source = contracts.load().source(sender.source)
    if source.server.webhook is not None:
        # Its secret signs calls and is no write key: a key travels with each request.
        raise unknown_write_key()
    if sender.rotated_out:
        # Whoever rotates keys sees here which sources still have to take the new one.
        logger.info("previous key used", extra={"source": sender.source})
        metrics.add_metric(name="PreviousKeysUsed", unit=MetricUnit.Count, value=1)
    call = Call(
        path=path,
        body=body,
        source=source,
        received_at=datetime.now(UTC),
        trace_id=trace_id(),
    )
    judged = judge_all(call)
    store(judged, _stream())
    answer = answer_body(judged)
    # Segment's libraries send everything again after any answer other than 200, and rejected events are kept anyway.
    whole = not answer["rejected"] or speaks_segment(call)
    return json_response(answer, status=HTTPStatus.OK if whole else HTTPStatus.MULTI_STATUS)


@app.post("/v1/hooks/<name>")
def collect_delivery(name: str) -> Response[str]:
    """Take a call of a vendor, in the form and with the signature that its source's contract describes.

    Vendors send again after any answer other than 2xx: rejected events are kept, so they are answered with 200.
    """
    event, headers, now = app.current_event, _headers(), datetime.now(UTC)
    source, webhook = webhook_of(contracts.load(), name)
    raw = raw_bytes(event.body or "", is_base64=bool(event.is_base64_encoded))
    delivery = Delivery(headers=headers, body=raw)
    secrets = secrets_of(source, _senders())
    authenticate_delivery(webhook.signature, delivery, secrets, now=now)
    body = parse_body(raw, content_encoding=delivery.headers.get("content-encoding", ""))
    asked = challenge_of(webhook, body)
    if asked is not None:
        return _verified(challenge_answer(webhook, asked, secrets), str(webhook.challenge_field))
    call = Call(path=name, body=body, source=source, received_at=now, trace_id=trace_id())
    judged = judge_events(events_of_call(webhook, source, delivery, body, received_at=now), call)
    store(judged, _stream())
    return json_response(answer_body(judged), status=HTTPStatus.OK)


@app.get("/v1/hooks/<name>")
def verify_address(name: str) -> Response[str]:
    """Answer a vendor that verifies its address by a query before it calls it."""
    _headers()
    source, webhook = webhook_of(contracts.load(), name)
    asked = challenge_of(webhook, app.current_event.query_string_parameters)
    if asked is None:
        raise unknown_path()
    return _verified(challenge_answer(webhook, asked, secrets_of(source, _senders())), None)


def _verified(answer: dict[str, str] | str, field: str | None) -> Response[str]:
    """Answer a challenge: with a document, or, to a query, with the bare text."""
    if isinstance(answer, dict) or field is not None:
        return json_response(answer if isinstance(answer, dict) else {str(field): answer}, status=HTTPStatus.OK)
    return Response(
        status_code=HTTPStatus.OK,
        content_type="text/plain",
        body=answer,
        headers={"X-Content-Type-Options": "nosniff"},
    )


@app.post("/beacon/v1/batch")
def collect_beacon() -> Response[str]:
    """Take a batch that a browser sends while it leaves the page; the write key is in the query."""
    return collect("batch")


@app.exception_handler(ProblemDetails)  # type: ignore[untyped-decorator]  # Powertools leaves it without types
def refuse(problem: ProblemDetails) -> Response[str]:
    """Answer a request that was refused as a whole."""
    logger.warning("request refused", extra={"code": problem.code})
    metrics.add_metric(name="RequestsRefused", unit=MetricUnit.Count, value=1)
    retry = {"Retry-After": "1"} if problem.status is HTTPStatus.SERVICE_UNAVAILABLE else None
    return problem_response(problem, retry)


@app.not_found
def no_such_path(_: Exception) -> Response[str]:
    """Answer a request with an unknown path or method."""
    answer: Response[str] = refuse(unknown_path())
    return answer


def store(judged: list[JudgedEvent], stream: EventStream) -> None:
    """Put every event on the stream, valid or not.

    Raises:
        ProblemDetails: 503, some are not stored; sending all again is safe: readers recognise repeated event ids.
    """
    missing = stream.publish([event.record for event in judged])
    rejections = [event.rejection for event in judged if event.rejection is not None]
    for rejection in rejections:
        logger.info("event rejected", extra={"code": str(rejection.code), "reason": rejection.reason})
    metrics.add_metric(name="EventsAccepted", unit=MetricUnit.Count, value=len(judged) - len(rejections))
    metrics.add_metric(name="EventsRejected", unit=MetricUnit.Count, value=len(rejections))
    if missing:
        logger.error("events not stored", extra={"missing": len(missing), "of": len(judged)})
        raise ProblemDetails(
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            code="STREAM_UNAVAILABLE",
            detail=f"{len(missing)} of {len(judged)} events could not be stored.",
            fix="Send the same request again, with the same event ids.",
        )


def _headers() -> dict[str, str]:
    """Return the headers of the request by their names in lower case; whoever went past the edge gets no further.

    Raises:
        ProblemDetails: 403, the environment has an edge, and the request does not carry its secret.
    """
    headers = {name.lower(): value for name, value in app.current_event.headers.items()}
    arn = _settings().edge_secret_arn
    if arn is not None and not came_through_edge(headers, arn, _secrets()):
        metrics.add_metric(name="RequestsPastEdge", unit=MetricUnit.Count, value=1)
        raise not_through_edge()
    return headers


@cache
def _settings() -> Settings:
    return Settings.from_environment(os.environ)


@cache
def _secrets() -> RotatedSecrets:
    return CachedSecrets(aws.secrets_manager())


def _senders() -> dict[str, EventSender]:
    # Read every time: the secrets are cached for some minutes, and a rotated key must be picked up.
    settings = _settings()
    return senders_by_key(settings.api_key_secrets, _secrets(), accept_previous=settings.accept_previous_keys)


@cache
def _stream() -> EventStream:
    return EventStreamWriter(sender=stream_sender(_settings().events_stream_name))
