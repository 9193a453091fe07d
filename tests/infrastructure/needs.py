"""What AWS documents that an integration needs, and whether a template grants it.

An emulator enforces no policy, so what is missing here would first be missed on AWS. Each need names the page of AWS's
documentation that it was read from. A new integration gets a row, and a test that finds all its uses in the templates.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.infrastructure.assembly import Assembly, Resource, listed, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The actions that one party needs on one kind of resource.

    Attributes:
        actions: all of them have to be granted.
        page: the page of AWS's documentation that says so.
    """

    actions: tuple[str, ...]
    page: str


LAMBDA_READS_KINESIS = Need(
    # SubscribeToShard is for enhanced fan-out alone, which nobody here uses; ListStreams accepts no resource.
    actions=(
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
    ),
    page="AWS Lambda Developer Guide: Process Amazon Kinesis Data Streams records with Lambda",
)
LAMBDA_READS_DYNAMODB = Need(
    actions=("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
    page="Amazon DynamoDB Developer Guide: IAM policy to allow an AWS Lambda function to access DynamoDB stream records",
)
LAMBDA_READS_ENCRYPTED = Need(
    actions=("kms:Decrypt",),
    page="Amazon Kinesis Data Streams Developer Guide: Permissions to use user-generated KMS keys",
)
LAMBDA_TELLS_A_QUEUE = Need(
    actions=("sqs:SendMessage",),
    page="AWS Lambda Developer Guide: Retain discarded records for a Kinesis data stream event source in Lambda",
)
LAMBDA_TELLS_AN_ENCRYPTED_QUEUE = Need(
    actions=("kms:Decrypt", "kms:GenerateDataKey"),
    page="Amazon SQS Developer Guide: Key management",
)


def role_of(value: Any) -> str:
    """Return the logical id of the role that a property refers to by its ARN."""
    return resolve(value).removesuffix(".Arn")


def missing(assembly: Assembly, pillar: str, role: str, need: Need, resource: str) -> list[str]:
    """Return the actions of a need that no policy of a role grants on a resource, both as a template spells them."""
    granted = list(_grants(assembly, pillar, role))
    return [
        action
        for action in need.actions
        if not any(_matches(actions, action) and _matches(resources, resource) for actions, resources in granted)
    ]


def _grants(assembly: Assembly, pillar: str, role: str) -> Iterator[tuple[list[str], list[str]]]:
    for policy in assembly.resources("AWS::IAM::Policy", pillar):
        if {"Ref": role} in policy.properties["Roles"]:
            yield from grants_of(policy.properties["PolicyDocument"])


def grants_of(document: Any) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the actions and resources of each statement of a policy that allows something."""
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow":
            actions = [str(action) for action in listed(statement["Action"])]
            yield actions, [resolve(one) for one in listed(statement["Resource"])]


def _matches(patterns: Iterable[str], text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def stream_named(assembly: Assembly, name: str) -> Resource:
    """Return the stream that has a name, whichever stack owns it."""
    return next(s for s in assembly.resources("AWS::Kinesis::Stream") if s.properties["Name"] == name)
