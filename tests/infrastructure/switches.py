"""Which settings an environment leaves off."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

# What only an operator can name, because AWS wants it to exist.
NAMED: Final[dict[str, Any]] = {
    "analytics": {
        "dashboards": {
            "row_rules": [
                {
                    "column": "state",
                    "values": ["CA"],
                    "principals": ["arn:aws:quicksight:us-east-1:000000000000:group/default/marketing"],
                }
            ],
        },
    },
    "collection": {
        "edge": {
            "domain": "events.example.com",
            "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
        },
    },
    "governance": {
        "admin_role_arns": ["arn:aws:iam::123456789012:role/LakeAdministrator"],
        "marketing_analyst_role_arns": ["arn:aws:iam::123456789012:role/Analysts"],
    },
}


def named(settings: dict[str, Any] = NAMED, path: str = "") -> Iterator[str]:
    """Yield the paths of what only an operator can name."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from named(value, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def switched_off(model: BaseModel, path: str = "") -> Iterator[str]:
    """Yield the settings, with their paths, that ask for nothing."""
    for name, value in model:
        if isinstance(value, BaseModel):
            yield from switched_off(value, f"{path}{name}.")
        elif value is None or value is False or value in ((), {}):
            yield f"{path}{name}"
