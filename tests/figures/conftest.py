"""A lake of its own with a year of invented customers, and the marts of it."""

import pytest

from tests.engines.trino.conftest import dbt_variables, stack
from tests.engines.trino.stack import Stack, let_dbt
from tests.figures import acquaintances, invented

__all__ = ["dbt_variables", "numbers", "stack"]


@pytest.fixture(scope="session")
def numbers(stack: Stack, dbt_variables: dict[str, str]) -> None:
    """The marts, built once from the rows of every test of the lake and from those of the invented customers."""
    invented.insert(stack)
    acquaintances.insert(stack)
    let_dbt(dbt_variables, "build")
