"""The problems that the inbox answers."""

from http import HTTPStatus
from typing import Final

from lambdas.shared.problem import ProblemDetails

_ASK_AGAIN: Final = "Ask the shop's server for a new token, and send it in the header Authorization, after Bearer."


def bad_token() -> ProblemDetails:
    """Return the problem of a request without a token that we made."""
    return ProblemDetails(
        status=HTTPStatus.UNAUTHORIZED,
        code="BAD_TOKEN",
        field="authorization",
        detail="The token is missing, or was not made here.",
        fix=_ASK_AGAIN,
    )


def expired_token() -> ProblemDetails:
    """Return the problem of a token whose time is over."""
    return ProblemDetails(
        status=HTTPStatus.UNAUTHORIZED,
        code="EXPIRED_TOKEN",
        field="authorization",
        detail="The time of the token is over.",
        fix=_ASK_AGAIN,
    )


def unknown_customer() -> ProblemDetails:
    """Return the problem of an id that is nobody's."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_CUSTOMER",
        field="id",
        detail="There is no customer under it.",
        fix="Look the customer up in the profile API, by an identifier that you know.",
    )


def unknown_message() -> ProblemDetails:
    """Return the problem of a message that is not this person's; it does not tell whether it is somebody else's."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_MESSAGE",
        field="message",
        detail="There is no such message in this inbox.",
        fix="Send an id that the inbox answered.",
    )


def bad_device() -> ProblemDetails:
    """Return the problem of an address of a device that neither Apple nor Google gives."""
    return ProblemDetails(
        status=HTTPStatus.BAD_REQUEST,
        code="BAD_DEVICE",
        field="device",
        detail="This is no token of a device.",
        fix="Send the registration token of Firebase, or the device token of Apple in hexadecimal digits.",
    )


def unknown_platform() -> ProblemDetails:
    """Return the problem of a device whose platform is missing or unknown."""
    return ProblemDetails(
        status=HTTPStatus.BAD_REQUEST,
        code="UNKNOWN_PLATFORM",
        field="platform",
        detail="The platform of the device is missing or unknown.",
        fix='Send {"platform": "apple"} or {"platform": "google"}.',
    )


def unknown_path() -> ProblemDetails:
    """Return the problem of a path that the inbox does not have."""
    return ProblemDetails(
        status=HTTPStatus.NOT_FOUND,
        code="UNKNOWN_PATH",
        field="path",
        detail="Nothing is under this path and method.",
        fix="GET /v1/inbox, or POST /v1/inbox/messages/{id}/shown, clicked or dismissed.",
    )


def stream_unavailable() -> ProblemDetails:
    """Return the problem of a receipt that could not be published."""
    return ProblemDetails(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code="STREAM_UNAVAILABLE",
        detail="The receipt counts, but could not be published.",
        fix="Send the same request again.",
    )
