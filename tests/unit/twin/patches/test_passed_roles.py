"""Only who may pass a role to CloudFormation deploys with it."""

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import iam

from tests.unit.twin.emulator.test_roles import a_role, statement
from twin.patches.passed_roles import SERVICE, permitted
from twin.settings import ACCOUNT

ROLE = f"arn:aws:iam::{ACCOUNT}:role/Runner"
TO_CLOUDFORMATION = {"StringEquals": {"iam:PassedToService": SERVICE}}


@pytest.fixture(autouse=True)
def emptied() -> Iterator[None]:
    yield
    iam._roles.pop_scoped(ACCOUNT, None, "Runner", None)


def deploy(parameters: dict[str, Any]) -> tuple[int, str]:
    """Deploy as the role itself, and with it."""
    handle = permitted(
        lambda _: (200, {}, b"deployed"),
        lambda: ROLE,
        lambda code, message, status: (status, {}, f"{code}: {message}".encode()),
    )
    status, _, body = handle(parameters)
    return status, body.decode()


@pytest.mark.parametrize(
    ("statements", "trusts", "status"),
    [
        ((statement("iam:PassRole", ROLE, Condition=TO_CLOUDFORMATION),), SERVICE, 200),
        ((statement("iam:PassRole", f"{ROLE}-of-others"),), SERVICE, 403),
        ((statement("iam:PassRole", ROLE),), "lambda.amazonaws.com", 403),
    ],
)
def test_a_role_is_passed_only_by_who_may_and_to_whom_it_trusts(
    statements: tuple[dict[str, Any], ...], trusts: str, status: int
) -> None:
    a_role(*statements, trusts=trusts)

    assert deploy({"RoleARN": [ROLE]})[0] == status


def test_a_deployment_without_a_role_passes_none() -> None:
    assert deploy({}) == (200, "deployed")
