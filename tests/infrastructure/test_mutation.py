"""Taking rights away finds what is needed and what is not: see `mutation.py`."""

import pytest

from tests.infrastructure.estate import Estate
from tests.infrastructure.mutation import Recorded, Right, examine, names_of, translated
from tests.infrastructure.policies import Policies

WRITER = "unification/ProfileWriterFunctionRole"


@pytest.fixture
def prod(estates) -> Estate:
    return estates["prod"]


def granted(estate: Estate, place: str, action: str) -> tuple[str, Right, str]:
    """Return a role whose policy grants an action, the right, and a resource that the statement names."""
    (found,) = (
        (role, Right(place=one.place, action=action), one.resources[0])
        for role, statements in Policies(estate).of_roles.items()
        for one in statements
        if one.place.startswith(place) and action in one.actions
    )
    return found


def test_what_aws_documents_is_needed_without_a_call(prod):
    _, right, _ = granted(prod, WRITER, "kinesis:DescribeStream")
    assert right in examine(prod, ()).documented


def test_what_a_recorded_call_used_is_needed(prod):
    role, right, table = granted(prod, WRITER, "dynamodb:PutItem")
    without = examine(prod, ())
    assert right in without.idle
    seen = examine(prod, [Recorded(party=role, action="dynamodb:PutItem", resource=table)])
    assert right not in seen.idle
    assert seen.needed - without.needed == {right}


def test_a_call_of_another_role_needs_nothing_of_this_one(prod):
    _, right, table = granted(prod, WRITER, "dynamodb:PutItem")
    call = Recorded(party="arn:aws:iam::123456789012:role/operator", action="dynamodb:PutItem", resource=table)
    assert right in examine(prod, [call]).idle


def test_roles_without_a_recorded_call_are_not_judged(prod):
    role, right, table = granted(prod, WRITER, "dynamodb:PutItem")
    assert examine(prod, ()).unused == []
    judged = examine(prod, [Recorded(party=role, action="dynamodb:GetItem", resource=table)])
    assert right in judged.unused
    assert all(one.place.startswith(WRITER) for one in judged.unused)


def test_the_summary_names_the_share_and_what_nothing_needs(prod):
    findings = examine(prod, ())
    said = findings.summary()
    assert f"actions needed: {len(findings.needed)} of {len(findings.rights)}" in said
    assert f"nothing needs {findings.idle[0]}" in said


def test_names_of_a_run_become_those_of_the_templates(prod):
    (queue,) = (one for one in prod.of_type("AWS::SQS::Queue") if one.logical_id.startswith("FileIngestionLanded"))
    url = "http://localhost:4566/123456789012/C360-prod-Collection-FileIngestionLanded-1A2B"
    names = names_of(prod, {(queue.pillar, queue.logical_id): url})
    decision = {
        "principal": "arn:aws:iam::123456789012:role/any",
        "action": "sqs:ReceiveMessage",
        "resource": "arn:aws:sqs:us-east-1:123456789012:C360-prod-Collection-FileIngestionLanded-1A2B",
    }
    (allowed,) = translated([{**decision, "decision": "Allow"}, {**decision, "decision": "Deny"}], names)
    assert allowed.resource == f"arn:aws:sqs:us-east-1:123456789012:collection-{queue.logical_id}"
