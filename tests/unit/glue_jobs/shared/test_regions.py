"""Clients in jobs name their region, because executors have no default region."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import boto3
import pytest

from glue_jobs.shared.runtime import ArgumentError, region

JOBS = Path(__file__).resolve().parents[4] / "glue_jobs"


def clients(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        called = node.func if isinstance(node, ast.Call) else None
        if (
            isinstance(called, ast.Attribute)
            and called.attr in {"client", "resource"}
            and "boto3" in ast.unparse(called)
        ):
            yield cast(ast.Call, node)


def test_every_client_of_a_job_names_its_region() -> None:
    found = [(path, call) for path in JOBS.rglob("*.py") for call in clients(ast.parse(path.read_text()))]
    assert found
    without = [
        f"{path.relative_to(JOBS)}:{call.lineno}"
        for path, call in found
        if not any(keyword.arg == "region_name" for keyword in call.keywords)
    ]
    assert without == []


def test_the_region_comes_from_the_template() -> None:
    assert region(["--environment", "dev", "--region", "eu-central-1"]) == "eu-central-1"


def test_without_an_argument_the_region_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert region([]) == "eu-west-1"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setattr(boto3.session.Session, "region_name", None)
    with pytest.raises(ArgumentError, match="--region"):
        region([])
