"""Whoever writes a stream ships the client of Kafka, which no runtime of AWS has; other functions do not carry it."""

import pytest

from tools.build import staging
from tools.build.code import Code
from tools.imports import ImportGraph, python_files
from twin.settings import ROOT


@pytest.fixture(scope="module")
def graph() -> ImportGraph:
    return ImportGraph.read(ROOT, python_files(ROOT, ("lambdas", "glue_jobs", "c360_aws", "c360_core")))


@pytest.mark.parametrize("name", ["collector", "decision", "message_sender", "profile_api", "stream_relay"])
def test_a_function_that_writes_ships_it(graph: ImportGraph, name: str) -> None:
    code = Code.used_by(ROOT, graph, (f"lambdas/{name}",), present=staging.LAMBDA_HAS)

    assert "kafka-python" in code.wheels


@pytest.mark.parametrize("name", ["file_batches", "key_rotation", "lake_defaults", "profile_writer"])
def test_a_function_that_writes_none_does_not(graph: ImportGraph, name: str) -> None:
    code = Code.used_by(ROOT, graph, (f"lambdas/{name}",), present=staging.LAMBDA_HAS)

    assert "kafka-python" not in code.wheels


def test_jobs_ship_it(graph: ImportGraph) -> None:
    assert "kafka-python" in Code.used_by(ROOT, graph, ("glue_jobs",), present=staging.GLUE_HAS).wheels
