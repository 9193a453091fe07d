"""The policy in the guide to a deployment has every action that the smoke test calls, and no other."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from c360_core.names import Querier, results_prefix, workgroup_name
from tests.docs.documents import ROOT, blocks
from tests.fakes.deployment import AT, World

GUIDE = ROOT / "docs" / "deploying.md"
# What IAM calls a service where the signature of its requests has another name.
PREFIXES = {"monitoring": "cloudwatch"}
# What IAM calls an operation where it has another name.
ACTIONS = {
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "apigateway:GetStages": "apigateway:GET",
}
ASKS_NOBODY = {"sts:GetCallerIdentity"}
NOT_BOTO3 = {"execute-api:Invoke": "the profile API is called over HTTP"}
# Athena does this with the permissions of whoever asks.
BY_ATHENA = {
    "glue:GetDatabase",
    "glue:GetTable",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "lakeformation:GetDataAccess",
    "s3:AbortMultipartUpload",
    "s3:GetBucketLocation",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
}


class Recorder:
    """A client of one service that notes which actions it is asked for."""

    def __init__(self, service: str, world: World, asked: set[str]) -> None:
        model = botocore.session.get_session().get_service_model(service)
        self._prefix = PREFIXES.get(model.signing_name, model.signing_name)
        self._names = {xform_name(name): name for name in model.operation_names}
        self._world = world
        self._asked = asked

    def __getattr__(self, operation: str) -> Any:
        if operation == "get_paginator":
            return self._paginator
        self._note(operation)
        return getattr(self._world, operation)

    def _paginator(self, operation: str) -> Any:
        self._note(operation)
        return self._world.get_paginator(operation)

    def _note(self, operation: str) -> None:
        action = f"{self._prefix}:{self._names[operation]}"
        self._asked.add(ACTIONS.get(action, action))


class RecordedWorld(World):
    """A world that notes the actions of whoever asks; those of a persona are not theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.answers["describe_application"] = {"ApplicationDetail": {"ApplicationStatus": "RUNNING"}}

    def client(self, service: str) -> Any:
        return Recorder(service, self, self.asked)

    def as_role(self, arn: str) -> Any:
        self.asked.add("sts:AssumeRole")
        return super().as_role(arn)


def statements() -> list[dict[str, Any]]:
    [text] = [block.text for block in blocks("json") if block.document == GUIDE and "Statement" in block.text]
    found: list[dict[str, Any]] = json.loads(text)["Statement"]
    return found


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allowed() -> set[str]:
    return {action for statement in statements() for action in listed(statement["Action"])}


@pytest.fixture(scope="module")
def asked() -> set[str]:
    found: set[str] = set()
    for job in ("SUCCEEDED", "FAILED"):
        world = RecordedWorld()
        world.answers["list_matching_jobs"] = [{"jobs": [{"jobId": "j", "status": job, "startTime": AT}]}]
        outcomes = world.outcomes(send=True)
        assert outcomes["event in the view"].outcome == "ok"
        found |= world.asked
    return found


def test_every_action_that_the_code_calls_is_allowed(asked: set[str]) -> None:
    assert sorted(asked - ASKS_NOBODY - allowed()) == []


def test_nothing_else_is_allowed(asked: set[str]) -> None:
    assert sorted(allowed() - asked - BY_ATHENA - NOT_BOTO3.keys()) == []
    assert allowed() >= BY_ATHENA


def resources(prefix: str) -> Iterator[str]:
    for statement in statements():
        if any(action.startswith(f"{prefix}:") for action in listed(statement["Action"])):
            yield from listed(statement["Resource"])


def test_only_what_takes_no_resource_is_allowed_on_everything() -> None:
    [sid] = [statement["Sid"] for statement in statements() if "*" in listed(statement["Resource"])]
    assert sid == "WhatIsDeployed"


@pytest.mark.parametrize("prefix", ["secretsmanager", "execute-api", "sts", "athena", "kms"])
def test_what_shows_data_is_allowed_on_named_resources(prefix: str) -> None:
    assert [one for one in resources(prefix) if "c360" not in one.lower() and not _named(one)] == []


def _named(resource: str) -> bool:
    """Say whether a resource is ours by another mark than its name: a condition, a path, or a logical id."""
    marks = ("*:key/*", "*/v1/customers/*", "*:secret:CollectorApiKeyWebEvents*", "*:role/cdk-*-deploy-role-*")
    return any(fnmatchcase(resource, mark) for mark in marks)


def test_queries_run_in_the_workgroup_of_operators_and_no_other() -> None:
    assert [one.rpartition("/")[2] for one in resources("athena")] == [workgroup_name("dev", Querier.OPERATORS)]
    results = {one.partition("/")[2] for one in resources("s3") if "/athena/" in one}
    assert results == {f"{results_prefix(Querier.OPERATORS)}*"}
