"""What roles may do in the emulator: sessions of services, and the calls that AWS makes with a role's permissions."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core.iam_evaluator import resolve_principal
from ministack.services import iam, sqs

from twin.emulator.roles import allows, assume, require
from twin.emulator.wire import ServiceError
from twin.settings import ACCOUNT, REGION

ROLE = f"arn:aws:iam::{ACCOUNT}:role/Runner"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"


def statement(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(service: str, account: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"Service": service},
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }


def a_role(*statements: dict[str, Any], trusts: str = "glue.amazonaws.com", account: str = ACCOUNT) -> None:
    role = {
        "AssumeRolePolicyDocument": json.dumps({"Statement": [trust(trusts, account)]}),
        "InlinePolicies": {"Own": json.dumps({"Statement": list(statements)})},
    }
    iam._roles.set_scoped(ACCOUNT, None, "Runner", role)


@pytest.fixture(autouse=True)
def emptied() -> Iterator[None]:
    yield
    iam._roles.pop_scoped(ACCOUNT, None, "Runner", None)


def test_a_call_that_no_statement_allows_is_refused_in_aws_words() -> None:
    a_role(statement("sqs:SendMessage", QUEUE))
    require(ROLE, "sqs:SendMessage", QUEUE)
    with pytest.raises(ServiceError, match=f"{ROLE} is not authorized to perform: sqs:ReceiveMessage on resource"):
        require(ROLE, "sqs:ReceiveMessage", QUEUE)


def test_a_session_has_the_rights_of_its_role() -> None:
    a_role(statement("sqs:SendMessage", QUEUE))
    session = assume(ROLE, service="glue.amazonaws.com", session="job")
    assert session.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/Runner/job"
    assert allows(session.arn, "sqs:SendMessage", QUEUE)
    assert not allows(session.arn, "sqs:SendMessage", f"{QUEUE}-of-others")


def test_the_emulator_knows_the_credentials_of_a_session() -> None:
    a_role(statement("sqs:SendMessage", QUEUE))
    session = assume(ROLE, service="glue.amazonaws.com", session="job")
    principal = resolve_principal(session.variables()["AWS_ACCESS_KEY_ID"], ACCOUNT)
    assert principal.arn == session.arn
    assert [one.actions for policy in principal.policies for one in policy] == [["sqs:SendMessage"]]


def test_a_service_that_the_trust_policy_does_not_name_gets_no_session() -> None:
    a_role(trusts="codebuild.amazonaws.com")
    with pytest.raises(ServiceError, match=r"glue.amazonaws.com may not assume the role .*Runner"):
        assume(ROLE, service="glue.amazonaws.com", session="job")


def test_a_trust_policy_for_another_account_gives_no_session() -> None:
    a_role(account="210987654321")
    with pytest.raises(ServiceError, match="may not assume"):
        assume(ROLE, service="glue.amazonaws.com", session="job")


def test_a_role_that_does_not_exist_gives_no_session() -> None:
    with pytest.raises(ServiceError, match="does not exist"):
        assume(ROLE, service="glue.amazonaws.com", session="job")


def test_a_condition_decides_with_the_keys_of_the_call() -> None:
    only_storage = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    a_role(statement("kms:Decrypt", KEY, Condition=only_storage))
    assert allows(ROLE, "kms:Decrypt", KEY, {"kms:ViaService": f"s3.{REGION}.amazonaws.com"})
    assert not allows(ROLE, "kms:Decrypt", KEY, {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"})
    assert not allows(ROLE, "kms:Decrypt", KEY)


def test_the_resource_s_own_policy_may_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    a_role(statement("sqs:SendMessage", QUEUE))
    refusing = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": QUEUE}]}
    monkeypatch.setattr(sqs, "queue_policy_for_arn", lambda _: (refusing, ACCOUNT))
    assert not allows(ROLE, "sqs:SendMessage", QUEUE)
