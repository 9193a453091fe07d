"""A lake of its own with the rows of the other tests of the lake, built once; the tests here go on from there."""

from tests.engines.trino.conftest import built, dbt_variables, stack

__all__ = ["built", "dbt_variables", "stack"]
