"""Keeps personal data and secrets out of logs, whatever code passes to the logger."""

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"

# Fields whose content is personal or secret, wherever they appear in a log record.
HIDDEN_FIELDS: Final = frozenset(
    {
        "authorization",
        "birth_date",
        "body",
        "data",
        "email",
        "first_name",
        "identifiers",
        "ip",
        "last_name",
        "payload",
        "phone",
        "postal_code",
        "secret",
        "signing_secret",
        "street",
        "traits",
        "userid",
        "write_key",
        "writekey",
        "x-api-key",
    }
)
EMAIL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")
PHONE: Final = re.compile(r"\+\d[\d ().-]{6,18}\d")


def redact(value: Any) -> Any:
    """Return a copy without personal data: hidden fields are masked, and addresses and phone numbers in texts."""
    if isinstance(value, str):
        return PHONE.sub(MASK, EMAIL.sub(MASK, value))
    if isinstance(value, Mapping):
        return {
            name: MASK if str(name).lower() in HIDDEN_FIELDS else redact(content) for name, content in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(content) for content in value]
    return value
