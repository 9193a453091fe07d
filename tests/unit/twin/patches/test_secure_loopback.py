"""Policies see a request over loopback as an encrypted one, and any other as it came."""

from contextvars import copy_context

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document, pin_request_origin

from twin.patches.secure_loopback import secured

ROLE = "arn:aws:iam::1:role/r"
TLS_ONLY = {
    "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
    ]
}


@pytest.mark.parametrize(
    ("address", "encrypted", "decision"),
    [
        ("127.0.0.1", False, "Allow"),
        ("::1", False, "Allow"),
        ("10.0.0.7", False, "Deny"),
        ("10.0.0.7", True, "Allow"),
    ],
)
def test_a_policy_that_asks_for_a_secure_transport_lets_loopback_through(
    address: str, encrypted: bool, decision: str
) -> None:
    def decided() -> str:
        secured(pin_request_origin)(address, encrypted)
        asked = EvalContext(ROLE, "AssumedRole", "1", "s3:GetObject", "arn:aws:s3:::b/k", "us-east-1")
        return str(evaluate(asked, [parse_policy_document(TLS_ONLY)]).decision)

    assert copy_context().run(decided) == decision
