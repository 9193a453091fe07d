"""What all tests share."""

from typing import Any

import pytest


def pytest_make_parametrize_id(config: pytest.Config, val: Any, argname: str) -> str | None:
    """Keep bytes out of the names of tests: packed ones hold the time, and two workers would collect two names."""
    return argname if isinstance(val, bytes) else None
