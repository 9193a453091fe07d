"""Every integration has the permissions that AWS documents for it: see `needs.py`."""

import pytest

from tests.infrastructure import needs
from tests.infrastructure.assembly import resolve


def readers(assembly):
    """Yield each event source mapping with its function's role."""
    for mapping in assembly.resources("AWS::Lambda::EventSourceMapping"):
        function_id = resolve(mapping.properties["FunctionName"])
        functions = assembly.resources("AWS::Lambda::Function", mapping.pillar)
        function = next(f for f in functions if f.logical_id == function_id)
        yield mapping, needs.role_of(function.properties["Role"])


def test_functions_may_read_the_streams_that_feed_them(assembly):
    kinds = {"kinesis": needs.LAMBDA_READS_KINESIS, "dynamodb": needs.LAMBDA_READS_DYNAMODB}
    found = list(readers(assembly))
    assert len(found) == len(kinds)
    for mapping, role in found:
        source = resolve(mapping.properties["EventSourceArn"])
        need = kinds["kinesis" if ":kinesis:" in source else "dynamodb"]
        assert needs.missing(assembly, mapping.pillar, role, need, source) == [], f"{mapping}: {need.page}"
