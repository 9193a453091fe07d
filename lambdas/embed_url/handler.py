"""Entry point of the API that lets pages of other sites show dashboards."""

import os
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from c360_aws.observability import logger_for, tracer_for
from lambdas.embed_url.logic import Embedding, page
from lambdas.embed_url.settings import Settings
from lambdas.shared import aws
from lambdas.shared.problem import ProblemDetails, json_response, problem_response

SERVICE: Final = "embed_url"
DASHBOARDS: Final = "/v1/dashboards"

logger = logger_for(SERVICE)
tracer = tracer_for(SERVICE)
app = APIGatewayHttpResolver()


@tracer.capture_lambda_handler(capture_response=False)
@logger.inject_lambda_context
def handle(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one HTTP request."""
    return app.resolve(event, context)


@app.get(f"{DASHBOARDS}/<dashboard>/embed-url")
def get_url(dashboard: str) -> Response[str]:
    """Return an address that shows a dashboard once."""
    return json_response({"dashboard": dashboard, "url": _url(dashboard)})


@app.get(f"{DASHBOARDS}/<dashboard>/page")
def get_page(dashboard: str) -> Response[str]:
    """Return a page that shows a dashboard."""
    body, headers = page(dashboard, _url(dashboard))
    return Response(
        status_code=HTTPStatus.OK, content_type="text/html; charset=utf-8", body=body, headers=dict(headers)
    )


@app.exception_handler(ProblemDetails)  # type: ignore[untyped-decorator]  # Powertools leaves it without types
def refuse(problem: ProblemDetails) -> Response[str]:
    """Answer a request with the problem that it raised."""
    logger.info("request refused", extra={"code": problem.code, "cause": str(problem.__cause__ or "")})
    return problem_response(problem)


@app.not_found
def no_such_path(_: Exception) -> Response[str]:
    """Answer a request with an unknown path or method."""
    return problem_response(
        ProblemDetails(
            status=HTTPStatus.NOT_FOUND,
            code="UNKNOWN_PATH",
            detail="There is nothing under this path and method.",
            fix=f"GET {DASHBOARDS}/NAME/embed-url or {DASHBOARDS}/NAME/page, with ?domain=.",
        )
    )


def _url(dashboard: str) -> str:
    domain = (app.current_event.query_string_parameters or {}).get("domain")
    return _embedding().url(dashboard, domain)


@cache
def _embedding() -> Embedding:
    settings = Settings.from_environment(os.environ)
    return Embedding(
        quicksight=aws.quicksight(),
        account=settings.account_id,
        dashboards=settings.dashboards,
        domains=settings.domains,
        user_arn=settings.user_arn or None,
        minutes=settings.session_minutes,
    )
