"""The ways in which the profile API says no."""

from http import HTTPStatus

from c360_core.names import IdentifierType
from lambdas.shared.problem import Problem


def unknown_customer(field: str) -> Problem:
    """There is nobody under this id or identifier."""
    return Problem(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_CUSTOMER",
        field=field,
        detail="There is no customer under it.",
        fix="Check it; a new customer appears some seconds after the first event.",
    )


def ambiguous_lookup() -> Problem:
    """A lookup names no identifier, or several."""
    return Problem(
        status=HTTPStatus.BAD_REQUEST,
        code="ONE_IDENTIFIER",
        field="query",
        detail="A customer is looked up by exactly one identifier.",
        fix=f"Send one of {', '.join(IdentifierType)}.",
    )


def malformed_query() -> Problem:
    """The query cannot be read."""
    return Problem(
        status=HTTPStatus.BAD_REQUEST,
        code="MALFORMED_QUERY",
        field="query",
        detail="The query has a broken percent escape, or bytes that are not UTF-8.",
        fix="Encode every name and value: UTF-8, then percent escapes.",
    )


def repeated_parameter() -> Problem:
    """A parameter comes more than once: which one is meant?"""
    return Problem(
        status=HTTPStatus.BAD_REQUEST,
        code="REPEATED_PARAMETER",
        field="query",
        detail="A parameter is repeated.",
        fix="Send each parameter once.",
    )


def two_readings(field: str) -> Problem:
    """A value with a bare plus could be two different identifiers."""
    return unusable_field(
        field, "A plus in it may stand for itself or for a blank.", "Write a plus as %2B and a blank as %20."
    )


def stream_unavailable() -> Problem:
    """An answer could not be recorded, so it was not taken."""
    return Problem(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="STREAM_UNAVAILABLE",
        detail="The answer could not be recorded as an event. Nothing was stored.",
        fix="Send the same request again, later.",
    )


def malformed_body() -> Problem:
    """The body is no JSON object."""
    return Problem(
        status=HTTPStatus.BAD_REQUEST,
        code="MALFORMED_JSON",
        field="body",
        detail="The body is not a JSON object in UTF-8.",
        fix='Send a JSON object such as {"granted": true}.',
    )


def unusable_field(field: str, detail: str, fix: str) -> Problem:
    """A field or parameter is there or should be, and cannot be used."""
    return Problem(status=HTTPStatus.UNPROCESSABLE_ENTITY, code="UNUSABLE_FIELD", field=field, detail=detail, fix=fix)


def no_identifier() -> Problem:
    """An anonymous customer has nothing by which their answer could be recorded."""
    return Problem(
        status=HTTPStatus.CONFLICT,
        code="NO_IDENTIFIER",
        field="id",
        detail="This customer is anonymous: the profile has no identifier under which an answer could be recorded.",
        fix="Send a consent_changed event with the device or cookie id to the collector.",
    )


def newer_answer() -> Problem:
    """The customer has answered since."""
    return Problem(
        status=HTTPStatus.CONFLICT,
        code="NEWER_ANSWER",
        field="decided_at",
        detail="A younger answer to this purpose and channel is on record, or a withdrawal of the same moment.",
        fix="Read the consents, and send the answer with the moment at which it was given.",
    )


def unknown_path() -> Problem:
    """Nothing is here."""
    return Problem(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_PATH",
        field="path",
        detail="Nothing is answered under this path and method.",
        fix="See the paths under /v1/customers.",
    )
