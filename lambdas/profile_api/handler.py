"""Entry point of the profile API: HTTP in, documents or problem documents out."""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.event_stream import EventStreamWriter
from c360_aws.feature_scorer import FeatureScorer
from c360_aws.lake_recommender import LakeRecommender
from c360_aws.observability import logger_for, metrics_for, tracer_for
from c360_aws.personalize_recommender import PersonalizeRecommender
from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from c360_core.recommendation.request import Recommender
from lambdas.profile_api.logic import Customers, Document, read_limit, read_parts
from lambdas.profile_api.problems import malformed_body, unknown_path
from lambdas.profile_api.query import Parameter, read_query
from lambdas.profile_api.recommendations import Recommendations
from lambdas.profile_api.scores import Scorer, Scores
from lambdas.profile_api.settings import Settings
from lambdas.shared import aws
from lambdas.shared.problem import ProblemDetails, json_response, problem_response
from lambdas.shared.stream_senders import stream_sender

SERVICE: Final = "profile_api"
CUSTOMERS: Final = "/v1/customers"

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


@app.get(CUSTOMERS)
def find_customer() -> Response[str]:
    """Return the customer to whom the one identifier in the query belongs."""
    document = _customers().by_identifier(_parameters(), read_parts(_query("parts")))
    return json_response(document, headers={"Content-Location": _location(document)})


@app.get(f"{CUSTOMERS}/<person_id>")
def get_customer(person_id: str) -> Response[str]:
    """Return a customer; `?parts=` chooses parts."""
    return _answer(person_id, _customers().by_id(person_id, read_parts(_query("parts"))))


@app.get(f"{CUSTOMERS}/<person_id>/timeline")
def get_timeline(person_id: str) -> Response[str]:
    """Return a page of what a customer did, newest first."""
    page = _customers().timeline(person_id, limit=read_limit(_query("limit")), cursor=_query("cursor"))
    return _answer(person_id, page, "timeline")


@app.get(f"{CUSTOMERS}/<person_id>/decisions")
def get_decisions(person_id: str) -> Response[str]:
    """Return a page of what was decided about a customer, newest first."""
    page = _customers().decisions(person_id, limit=read_limit(_query("limit")), cursor=_query("cursor"))
    return _answer(person_id, page, "decisions")


@app.get(f"{CUSTOMERS}/<person_id>/messages")
def get_messages(person_id: str) -> Response[str]:
    """Return a page of what was sent to a customer, newest first, with what became of it."""
    page = _customers().messages(person_id, limit=read_limit(_query("limit")), cursor=_query("cursor"))
    return _answer(person_id, page, "messages")


@app.get(f"{CUSTOMERS}/<person_id>/segments")
def get_segments(person_id: str) -> Response[str]:
    """Return the segments that a customer is in."""
    return _answer(person_id, _customers().segments(person_id), "segments")


@app.get(f"{CUSTOMERS}/<person_id>/consents")
def get_consents(person_id: str) -> Response[str]:
    """Return what a customer has agreed to."""
    return _answer(person_id, _customers().consents(person_id), "consents")


@app.get(f"{CUSTOMERS}/<person_id>/recommendations")
def get_recommendations(person_id: str) -> Response[str]:
    """Return articles that fit a customer, or what is popular where the customer has not agreed to more."""
    return _answer(person_id, _recommendations().of(person_id, _parameters()), "recommendations")


@app.get(f"{CUSTOMERS}/<person_id>/scores/<score>")
def get_score(person_id: str, score: str) -> Response[str]:
    """Return what the model in service says of a customer now, with the features that it was told."""
    return _answer(person_id, _scores().of(person_id, score), f"scores/{quote(score, safe='')}")


@app.put(f"{CUSTOMERS}/<person_id>/consents/<purpose>/<channel>")
def put_consent(person_id: str, purpose: str, channel: str) -> Response[str]:
    """Take a customer's answer to a purpose in a channel."""
    consent = _customers().put_consent(person_id, purpose, channel, _json_body())
    return _answer(person_id, consent, f"consents/{consent['purpose']}/{consent['channel']}")


@app.exception_handler(ProblemDetails)  # type: ignore[untyped-decorator]  # Powertools leaves it without types
def refuse(problem: ProblemDetails) -> Response[str]:
    """Answer a request with the problem that it raised."""
    logger.info("request refused", extra={"code": problem.code})
    metrics.add_metric(name="RequestsRefused", unit=MetricUnit.Count, value=1)
    return problem_response(problem)


@app.not_found
def no_such_path(_: Exception) -> Response[str]:
    """Answer a request with an unknown path or method."""
    return problem_response(unknown_path())


def _query(name: str) -> str | None:
    parameter = _parameters().get(name)
    return None if parameter is None else parameter.text


def _parameters() -> Mapping[str, Parameter]:
    event = app.current_event
    return read_query(event.get("rawQueryString") or "", event.query_string_parameters or {})


def _json_body() -> object:
    try:
        body = json.loads(app.current_event.decoded_body or "")
    except (ValueError, RecursionError) as error:
        raise malformed_body() from error
    if not isinstance(body, dict):
        raise malformed_body()
    return body


def _answer(asked_id: str, document: Document, below: str = "") -> Response[str]:
    """Answer with a document; one that lives under another id than the requested one names its location."""
    moved = document["person_id"] != asked_id
    return json_response(document, headers={"Content-Location": _location(document, below)} if moved else None)


def _location(document: Document, below: str = "") -> str:
    path = f"{CUSTOMERS}/{quote(str(document['person_id']), safe='')}"
    return f"{path}/{below}" if below else path


@cache
def _customers() -> Customers:
    settings = Settings.from_environment(os.environ)
    secrets = CachedSecrets(aws.secrets_manager())
    return Customers(
        view=SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table),
        store=SingleViewWriter(client=aws.dynamodb(), table=settings.single_view_table),
        stream=EventStreamWriter(sender=stream_sender(settings.events_stream_name)),
        hash_secret=lambda: secrets.hash_secret(settings.hash_secret_arn),
        link_templates={str(target): url for target, url in settings.link_templates.items()},
        clock=lambda: datetime.now(UTC),
    )


@cache
def _recommendations() -> Recommendations:
    settings = Settings.from_environment(os.environ)
    view = SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table)
    return Recommendations(view=view, recommender=_recommender(settings))


@cache
def _scores() -> Scores:
    settings = Settings.from_environment(os.environ)
    view = SingleViewReader(client=aws.dynamodb(), table=settings.single_view_table)
    return Scores(view=view, scorer=_scorer(settings))


def _scorer(settings: Settings) -> Scorer | None:
    chosen = settings.scorer
    if chosen.group is None:
        return None
    return FeatureScorer(
        store=aws.feature_store(),
        runtime=aws.sagemaker_runtime(),
        group=chosen.group,
        endpoints=chosen.endpoints,
        kinds=chosen.kinds,
    )


def _recommender(settings: Settings) -> Recommender | None:
    chosen = settings.recommender
    if chosen.provider == "personalize":
        return PersonalizeRecommender(
            client=aws.personalize_runtime(),
            campaign_arn=chosen.campaign_arn,
            filter_arns=chosen.filter_arns,
            promotion=chosen.promotion(),
        )
    if chosen.provider == "lake":
        return LakeRecommender(client=aws.dynamodb(), table=settings.single_view_table, promotion=chosen.promotion())
    return None
