"""What the marts have: their columns and types, as the dbt project states them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


class UnknownMartError(ValueError):
    """There is no such mart; the message names it, and the place that was searched."""


def mart_types(mart: str, dbt_project: Path) -> Mapping[str, str]:
    """Return the types of a mart's columns by their names, in their order.

    Raises:
        UnknownMartError: there is no such mart.
    """
    for path in sorted((dbt_project / "models" / "marts").glob("*.yml")):
        stated: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        for model in stated.get("models", ()):
            if model["name"] == mart:
                return {column["name"]: str(column["data_type"]) for column in model["columns"]}
    raise UnknownMartError(f"there is no mart {mart} below {dbt_project}; name another one")
