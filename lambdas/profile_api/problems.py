"""The problems that the profile API answers."""

from collections.abc import Iterable
from http import HTTPStatus

from c360_core.names import IdentifierType
from lambdas.shared.problem import ProblemDetails


def unknown_customer(field: str) -> ProblemDetails:
    """Return the problem of an id or identifier that belongs to no customer."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_CUSTOMER",
        field=field,
        detail="There is no customer under it.",
        fix="Check it; a new customer appears some seconds after the first event.",
    )


def ambiguous_lookup() -> ProblemDetails:
    """Return the problem of a lookup by no identifier, or by several."""
    return ProblemDetails(
        status=HTTPStatus.BAD_REQUEST,
        code="ONE_IDENTIFIER",
        field="query",
        detail="A customer is looked up by exactly one identifier.",
        fix=f"Send one of {', '.join(IdentifierType)}.",
    )


def malformed_query() -> ProblemDetails:
    """Return the problem of a query that cannot be read."""
    return ProblemDetails(
        status=HTTPStatus.BAD_REQUEST,
        code="MALFORMED_QUERY",
        field="query",
        detail="The query has a broken percent escape, or bytes that are not UTF-8.",
        fix="Encode every name and value: UTF-8, then percent escapes.",
    )


def repeated_parameter() -> ProblemDetails:
    """Return the problem of a repeated parameter."""
    return ProblemDetails(
        status=HTTPStatus.BAD_REQUEST,
        code="REPEATED_PARAMETER",
        field="query",
        detail="A parameter is repeated.",
        fix="Send each parameter once.",
    )


def two_readings(field: str) -> ProblemDetails:
    """Return the problem of a value that could be two identifiers because of a bare plus."""
    return unusable_field(
        field, "A plus in it may stand for itself or for a blank.", "Write a plus as %2B and a blank as %20."
    )


def stream_unavailable() -> ProblemDetails:
    """Return the problem of an answer that was not stored because its event could not be recorded."""
    return ProblemDetails(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="STREAM_UNAVAILABLE",
        detail="The answer could not be recorded as an event. Nothing was stored.",
        fix="Send the same request again, later.",
    )


def malformed_body() -> ProblemDetails:
    """Return the problem of a body that is no JSON object."""
    return ProblemDetails(
        status=HTTPStatus.BAD_REQUEST,
        code="MALFORMED_JSON",
        field="body",
        detail="The body is not a JSON object in UTF-8.",
        fix='Send a JSON object such as {"granted": true}.',
    )


def unusable_field(field: str, detail: str, fix: str) -> ProblemDetails:
    """Return the problem of a missing or unusable field or parameter."""
    return ProblemDetails(
        status=HTTPStatus.UNPROCESSABLE_ENTITY, code="UNUSABLE_FIELD", field=field, detail=detail, fix=fix
    )


def no_identifier() -> ProblemDetails:
    """Return the problem of an anonymous customer, who has no identifier that an event could carry."""
    return ProblemDetails(
        status=HTTPStatus.CONFLICT,
        code="NO_IDENTIFIER",
        field="id",
        detail="This customer is anonymous: the profile has no identifier under which an answer could be recorded.",
        fix="Send a consent_changed event with the device or cookie id to the collector.",
    )


def newer_answer() -> ProblemDetails:
    """Return the problem of an answer that is older than the stored one."""
    return ProblemDetails(
        status=HTTPStatus.CONFLICT,
        code="NEWER_ANSWER",
        field="decided_at",
        detail="A younger answer to this purpose and channel is on record, or a withdrawal of the same moment.",
        fix="Read the consents, and send the answer with the moment at which it was given.",
    )


def no_recommender() -> ProblemDetails:
    """Return the problem of an environment in which nobody recommends."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="NO_RECOMMENDER",
        field="path",
        detail="Nobody recommends in this environment.",
        fix="Set activation.recommendations.provider, and deploy.",
    )


def no_recommendations(detail: str) -> ProblemDetails:
    """Return the problem of a recommender that has no answer now."""
    return ProblemDetails(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="NO_RECOMMENDATIONS",
        detail=f"The recommender has no answer: {detail}.",
        fix="Show what needs no recommender, and ask again later.",
    )


def no_scorer() -> ProblemDetails:
    """Return the problem of an environment in which no features are kept."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="NO_SCORER",
        field="path",
        detail="No model is asked about one customer in this environment.",
        fix="Set analytics.models.feature_store, and deploy.",
    )


def unknown_score(known: Iterable[str]) -> ProblemDetails:
    """Return the problem of a score that no model gives."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_SCORE",
        field="score",
        detail="No model gives this score.",
        fix=f"Ask for one of {', '.join(known)}; a profile has the other scores.",
    )


def no_features() -> ProblemDetails:
    """Return the problem of a customer of whom no features are kept."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="NO_FEATURES",
        field="id",
        detail="No features of this customer are kept: there were no orders in the year before this month.",
        fix="Ask again after the next run of the models; the customer must have ordered.",
    )


def no_score_now(detail: str) -> ProblemDetails:
    """Return the problem of a model that has no answer now."""
    return ProblemDetails(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="NO_SCORE_NOW",
        detail=f"The model has no answer: {detail}.",
        fix="Take the score of the profile, and ask again later.",
    )


def unknown_path() -> ProblemDetails:
    """Return the problem of an unknown path or method."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_PATH",
        field="path",
        detail="Nothing is answered under this path and method.",
        fix="See the paths under /v1/customers.",
    )
