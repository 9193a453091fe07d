"""Who reads or writes what is encrypted with a customer's key needs a permission for the key, too."""

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalResult
from ministack.services import iam, kms

from tests.unit.twin.emulator.test_roles import a_role, statement
from twin.emulator import encryption, roles
from twin.emulator.encryption import CustomerKeys, key_of
from twin.emulator.resource_names import arn
from twin.patches.customer_keys import noting, with_keys
from twin.settings import ACCOUNT, REGION

ROLE = f"arn:aws:iam::{ACCOUNT}:role/Runner"
KEY = arn("kms", "key/1")
STREAM, QUEUE, TABLE = arn("kinesis", "stream/events"), arn("sqs", "letters"), arn("dynamodb", "table/view")
BUCKET = "arn:aws:s3:::lake"
ACCOUNTS_OWN = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "kms:*",
            "Resource": "*",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        }
    ]
}


@pytest.fixture(autouse=True)
def emptied(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(kms, "key_policy_for_arn", lambda _: (ACCOUNTS_OWN, ACCOUNT))
    yield
    iam._roles.pop_scoped(ACCOUNT, None, "Runner", None)
    encryption.KEYS.note(STREAM, None)


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("AWS::SQS::Queue", {"KmsMasterKeyId": KEY}),
        ("AWS::SecretsManager::Secret", {"KmsKeyId": KEY}),
        ("AWS::Kinesis::Stream", {"StreamEncryption": {"EncryptionType": "KMS", "KeyId": KEY}}),
        (
            "AWS::S3::Bucket",
            {
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"KMSMasterKeyID": KEY}}]
                }
            },
        ),
        (
            "AWS::DynamoDB::GlobalTable",
            {"Replicas": [{"Region": REGION, "SSESpecification": {"KMSMasterKeyId": KEY}}]},
        ),
    ],
)
def test_the_key_of_a_deployed_resource_is_noted(kind: str, properties: dict[str, Any]) -> None:
    keys = CustomerKeys()
    handlers = noting(kind, {"create": lambda *_: ("lake", {"Arn": BUCKET})}, keys)

    handlers["create"]("Thing", properties, "stack")

    assert key_of(kind, properties) == KEY
    assert [call.resource for call in keys.calls("s3:GetObject", f"{BUCKET}/a/b")] == [KEY]


@pytest.mark.parametrize(("bucket_key", "stated"), [(True, BUCKET), (False, f"{BUCKET}/a/b")])
def test_a_bucket_without_a_bucket_key_states_its_objects(bucket_key: bool, stated: str) -> None:
    rule = {"BucketKeyEnabled": bucket_key, "ServerSideEncryptionByDefault": {"KMSMasterKeyID": KEY}}
    properties = {"BucketEncryption": {"ServerSideEncryptionConfiguration": [rule]}}
    keys = CustomerKeys()
    handlers = noting("AWS::S3::Bucket", {"create": lambda *_: ("lake", {})}, keys)

    handlers["create"]("Thing", properties, "stack")

    (use,) = keys.calls("s3:GetObject", f"{BUCKET}/a/b")
    assert use.context["kms:EncryptionContext:aws:s3:arn"] == stated


@pytest.mark.parametrize(
    ("resource", "action", "uses"),
    [
        (f"{BUCKET}/a/b", "s3:PutObject", {"kms:GenerateDataKey"}),
        (f"{BUCKET}/a/b", "s3:GetObject", {"kms:Decrypt"}),
        (BUCKET, "s3:ListBucket", set()),
        (QUEUE, "sqs:SendMessage", {"kms:GenerateDataKey", "kms:Decrypt"}),
        (f"{TABLE}/index/by_name", "dynamodb:Query", {"kms:Decrypt"}),
        (STREAM, "kinesis:GetRecords", {"kms:Decrypt"}),
        (STREAM, "kinesis:DescribeStream", set()),
    ],
)
def test_what_a_service_does_with_the_key_depends_on_the_request(resource: str, action: str, uses: set[str]) -> None:
    keys = CustomerKeys()
    for encrypted in (BUCKET, QUEUE, TABLE, STREAM):
        keys.note(encrypted, KEY)

    assert {call.action for call in keys.calls(action, resource)} == uses


def test_a_key_that_aws_manages_lets_everybody_through() -> None:
    keys = CustomerKeys()
    keys.note(QUEUE, "alias/aws/sqs")

    assert keys.calls("sqs:SendMessage", QUEUE) == ()


@pytest.mark.parametrize(("via", "may"), [("kinesis", True), ("s3", False)])
def test_a_policy_may_limit_the_key_to_a_service(via: str, may: bool) -> None:
    encryption.KEYS.note(STREAM, KEY)
    through = {"StringEquals": {"kms:ViaService": f"{via}.{REGION}.amazonaws.com"}}
    a_role(statement("kinesis:GetRecords", STREAM), statement("kms:Decrypt", KEY, Condition=through))

    assert roles.allows(ROLE, "kinesis:GetRecords", STREAM) is may


@pytest.mark.parametrize(("statements", "may"), [((), False), ((statement("kms:Decrypt", KEY),), True)])
def test_a_request_that_its_policy_allows_still_needs_the_key(
    monkeypatch: pytest.MonkeyPatch, statements: tuple[dict[str, Any], ...], may: bool
) -> None:
    a_role(*statements)
    keys = CustomerKeys()
    keys.note(STREAM, KEY)
    monkeypatch.setattr("twin.patches.customer_keys.asking", lambda: ROLE)

    refusal = with_keys(lambda *_: None, keys, EvalResult)("key", "kinesis:GetRecords", "kinesis", REGION, STREAM)

    assert (refusal is None) is may
