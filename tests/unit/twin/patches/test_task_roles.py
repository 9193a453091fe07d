"""A task of a state machine is performed only if the role of the machine may."""

import json
from collections.abc import Iterator
from contextvars import copy_context
from typing import Any

import pytest
from ministack.services import iam
from ministack.services.stepfunctions import _ExecutionError

from tests.unit.twin.emulator.test_roles import a_role, statement
from twin.emulator.provider import CALLER
from twin.emulator.resource_names import arn
from twin.patches.task_roles import SERVICE, Machine, checked, under_its_role
from twin.settings import ACCOUNT

ROLE = f"arn:aws:iam::{ACCOUNT}:role/Runner"
MACHINE = Machine(arn=arn("states", "stateMachine:journey"), role=ROLE)
FUNCTION = arn("lambda", "function:send")


@pytest.fixture(autouse=True)
def emptied() -> Iterator[None]:
    yield
    iam._roles.pop_scoped(ACCOUNT, None, "Runner", None)


def perform(task: str = FUNCTION, request: Any = None) -> Any:
    performing = checked(lambda resource, request: f"{resource} was called with {request}", _ExecutionError)
    running = under_its_role(lambda _execution: performing(task, request or {"n": 1}), lambda _: MACHINE)
    return copy_context().run(running, "e")


def test_a_task_that_the_role_may_do_is_done() -> None:
    a_role(statement("lambda:InvokeFunction", FUNCTION), trusts=SERVICE)

    assert perform() == f"{FUNCTION} was called with {{'n': 1}}"


def test_a_stand_in_sees_the_role_as_the_caller_of_a_task() -> None:
    a_role(statement("lambda:InvokeFunction", FUNCTION), trusts=SERVICE)
    performing = checked(lambda _resource, _request: CALLER.get(), _ExecutionError)
    running = under_its_role(lambda _execution: performing(FUNCTION, {}), lambda _: MACHINE)

    assert copy_context().run(running, "e") == ROLE


def test_a_task_that_the_role_may_not_do_fails_as_on_aws() -> None:
    a_role(statement("lambda:InvokeFunction", f"{FUNCTION}-of-others"), trusts=SERVICE)

    with pytest.raises(_ExecutionError) as failed:
        perform()

    assert failed.value.error == "Lambda.AWSLambdaException"
    assert f"not authorized to perform: lambda:InvokeFunction on resource: {FUNCTION}" in failed.value.cause


def test_a_role_that_another_service_assumes_does_nothing() -> None:
    a_role(statement("lambda:InvokeFunction", FUNCTION), trusts="glue.amazonaws.com")

    with pytest.raises(_ExecutionError, match="its trust policy names others"):
        perform()


@pytest.mark.parametrize(("machines", "does"), [("stateMachine:*", True), ("stateMachine:other", False)])
def test_a_role_may_name_the_machines_that_it_is_for(machines: str, does: bool) -> None:
    a_role(statement("lambda:InvokeFunction", FUNCTION), trusts=SERVICE)
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": SERVICE},
        "Condition": {"ArnLike": {"aws:SourceArn": arn("states", machines)}},
    }
    iam._roles.get_scoped(ACCOUNT, None, "Runner")["AssumeRolePolicyDocument"] = json.dumps({"Statement": [trust]})

    if does:
        assert perform()
    else:
        with pytest.raises(_ExecutionError, match="its trust policy names others"):
            perform()


@pytest.mark.parametrize(("service", "does"), [("emr-serverless.amazonaws.com", True), ("glue.amazonaws.com", False)])
def test_a_role_is_passed_to_the_service_that_the_policy_names(service: str, does: bool) -> None:
    job, application = f"arn:aws:iam::{ACCOUNT}:role/Job", arn("emr-serverless", "/applications/a1")
    passes = {**statement("iam:PassRole", job), "Condition": {"StringEquals": {"iam:PassedToService": service}}}
    a_role(statement("emr-serverless:StartJobRun", application), passes, trusts=SERVICE)
    task = "arn:aws:states:::emr-serverless:startJobRun"
    request = {"ApplicationId": "a1", "ExecutionRoleArn": job}

    if does:
        assert perform(task, request)
    else:
        with pytest.raises(_ExecutionError) as failed:
            perform(task, request)
        assert failed.value.error == "EMRServerless.AccessDeniedException"
        assert f"not authorized to perform: iam:PassRole on resource: {job}" in failed.value.cause
