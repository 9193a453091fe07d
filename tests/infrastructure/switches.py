"""Which settings an environment leaves off."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

# What only an operator can name, because AWS wants it to exist.
NAMED: Final[dict[str, Any]] = {
    "governance": {
        "admin_role_arns": ["arn:aws:iam::123456789012:role/LakeAdministrator"],
        "marketing_analyst_role_arns": ["arn:aws:iam::123456789012:role/Analysts"],
    },
}


def switched_off(model: BaseModel, path: str = "") -> Iterator[str]:
    """Yield the settings, with their paths, that ask for nothing."""
    for name, value in model:
        if isinstance(value, BaseModel):
            yield from switched_off(value, f"{path}{name}.")
        elif value in (None, False, (), {}):
            yield f"{path}{name}"
