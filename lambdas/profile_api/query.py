"""Reads the query of a request as it was sent.

The gateway passes decoded parameters: it has turned `+` into a blank and joined the values of a repeated parameter with
commas. With an e-mail address or a phone number that would find another person. So this module reads the raw query,
and returns every reading of a value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from lambdas.profile_api.problems import malformed_query, repeated_parameter

_BROKEN_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One value, in the two readings of a bare `+`.

    Attributes:
        text: as in a URL: a plus is a plus.
        form_text: as in a form: a plus is a blank.
    """

    text: str
    form_text: str


def read_query(raw: str, decoded: Mapping[str, str]) -> dict[str, Parameter]:
    """Return the parameters of a request by name.

    Args:
        raw: the query string as sent, without `?`.
        decoded: the parameters as the gateway decoded them; used when it does not pass the raw query.

    Raises:
        ProblemDetails: 400, an escape is broken, a value is not UTF-8, or a parameter is repeated.
    """
    if not raw:
        return {name: Parameter(text=value, form_text=value) for name, value in decoded.items()}
    found: dict[str, Parameter] = {}
    for pair in filter(None, raw.split("&")):
        name, _, value = pair.partition("=")
        key = _decoded(name)
        if key in found:
            raise repeated_parameter()
        found[key] = Parameter(text=_decoded(value), form_text=_decoded(value.replace("+", " ")))
    return found


def _decoded(text: str) -> str:
    if _BROKEN_ESCAPE.search(text):
        raise malformed_query()
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeError as error:
        raise malformed_query() from error
