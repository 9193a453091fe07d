"""Problem details (RFC 9457): what went wrong, in which field, and the fix."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aws_lambda_powertools.event_handler import Response

CONTENT_TYPE: Final = "application/problem+json"


# Not frozen: Python writes the traceback into an exception that is raised.
@dataclass(kw_only=True, eq=False)
class ProblemDetails(Exception):  # noqa: N818  # it is the document that the caller gets; raising it is how it gets there
    """The reason why a request was refused.

    Attributes:
        status: HTTP status.
        code: stable code for programs.
        detail: explanation for people, without personal data.
        field: the field, parameter or header at fault, if there is one.
        fix: what the caller can do.
    """

    status: HTTPStatus
    code: str
    detail: str
    fix: str
    field: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    def document(self) -> dict[str, object]:
        """Return the problem document."""
        return {
            "type": f"urn:c360:problem:{self.code.lower().replace('_', '-')}",
            "title": self.status.phrase,
            "status": int(self.status),
            "code": self.code,
            "detail": self.detail,
            "field": self.field,
            "fix": self.fix,
        }


def problem_response(problem: ProblemDetails, headers: Mapping[str, str] | None = None) -> Response[str]:
    """Return the problem as an HTTP answer."""
    return Response(
        status_code=int(problem.status),
        content_type=CONTENT_TYPE,
        body=json.dumps(problem.document()),
        headers=dict(headers or {}),
    )


def json_response(
    body: object, *, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response[str]:
    """Return a JSON answer that no cache may keep, because it is about a person.

    Characters outside ASCII are escaped: an echoed value may hold half a surrogate pair, which has no encoding.
    """
    return Response(
        status_code=int(status),
        content_type="application/json",
        body=json.dumps(body),
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
