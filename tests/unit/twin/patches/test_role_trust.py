"""Who a trust policy names may assume the role; who belongs to a named account needs a policy as well."""

import json
from collections.abc import Iterator
from contextvars import copy_context

import pytest
from ministack.core import iam_evaluator, responses
from ministack.core.iam_evaluator import enforce
from ministack.services import iam

from twin.patches import people, role_trust
from twin.principals import Principal, RoleSession
from twin.settings import ACCOUNT, REGION, TwinSettings, account_of

PERSONA = f"arn:aws:iam::{ACCOUNT}:role/Analyst"
SOURCE = RoleSession.of_principal(ACCOUNT, Principal.SOURCE)


@pytest.fixture(autouse=True)
def patched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    settings = TwinSettings(home=tmp_path_factory.mktemp("home"), port=1)
    people.install(settings)
    role_trust.install(settings)
    yield
    iam_evaluator._RESOURCE_POLICY_LOOKUPS.pop("sts", None)
    for principal in Principal:
        iam._roles.pop_scoped(account_of(principal), None, principal.value, None)
    iam._roles.pop_scoped(ACCOUNT, None, "Analyst", None)


def trusted(principal: str) -> None:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principal}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})

    def make() -> None:
        responses.set_request_account_id(ACCOUNT)
        iam._create_role({"RoleName": ["Analyst"], "AssumeRolePolicyDocument": [policy]})

    copy_context().run(make)


def may_assume(role_arn: str = PERSONA) -> bool:
    def ask() -> object:
        responses.set_request_account_id(ACCOUNT)
        return enforce(SOURCE.access_key, "sts:AssumeRole", "sts", REGION, role_arn)

    return copy_context().run(ask) is None


def test_a_role_that_is_named_needs_no_policy_of_its_own() -> None:
    trusted(f"arn:aws:iam::{ACCOUNT}:role/{Principal.SOURCE}")
    assert may_assume()


@pytest.mark.parametrize("principal", [f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:role/Other"])
def test_everybody_else_needs_one(principal: str) -> None:
    trusted(principal)
    assert not may_assume()


def test_a_role_that_is_not_there_trusts_nobody() -> None:
    assert not may_assume(f"arn:aws:iam::{ACCOUNT}:role/Nobody")
