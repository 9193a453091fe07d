"""What AWS documents that an integration needs, and whether a template grants it.

An emulator enforces no policy, so what is missing here would first be missed on AWS. Each need names the page of AWS's
documentation that it was read from. A new integration gets a row, and a test that finds all its uses in the templates.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from tests.infrastructure.assembly import Assembly, listed, resolve


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
    page="Amazon DynamoDB Developer Guide: IAM policy to allow a Lambda function to access DynamoDB stream records",
)
LAMBDA_READS_QUEUE = Need(
    actions=("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    page="AWS Lambda Developer Guide: Creating and configuring an Amazon SQS event source mapping",
)
READ_ENCRYPTED_QUEUE = Need(
    actions=("kms:Decrypt",),
    page="AWS Lambda Developer Guide: Creating and configuring an Amazon SQS event source mapping",
)
START_EXECUTIONS = Need(
    actions=("states:StartExecution",),
    page="Service Authorization Reference: Actions, resources, and condition keys for AWS Step Functions",
)
READ_ENCRYPTED_STREAM = Need(
    actions=("kms:Decrypt",),
    page="Amazon Kinesis Data Streams Developer Guide: Permissions to use user-generated KMS keys",
)
WRITE_ENCRYPTED_STREAM = Need(
    actions=("kms:GenerateDataKey",),
    page="Amazon Kinesis Data Streams Developer Guide: Permissions to use user-generated KMS keys",
)
LAMBDA_TELLS_A_QUEUE = Need(
    actions=("sqs:SendMessage",),
    page="AWS Lambda Developer Guide: Retain discarded records for a Kinesis data stream event source in Lambda",
)
SEND_TO_ENCRYPTED_QUEUE = Need(
    actions=("kms:Decrypt", "kms:GenerateDataKey"),
    page="Amazon SQS Developer Guide: Key management",
)
FLINK_READS_KINESIS = Need(
    # What Flink's source calls is DescribeStreamSummary; AWS's own examples for the service name DescribeStream, too.
    actions=(
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
    ),
    page="Managed Service for Apache Flink Developer Guide: Create a permissions policy",
)
FLINK_WRITES_KINESIS = Need(
    actions=("kinesis:PutRecords",),
    page="Apache Flink connector for Amazon Kinesis Data Streams: the sink calls PutRecords and nothing else",
)
FLINK_READS_TABLE = Need(
    actions=("glue:GetDatabase", "glue:GetTable"),
    page="Apache Iceberg documentation, AWS: the Glue catalog loads a table by its database and its name",
)
FLINK_READS_OBJECTS = Need(
    actions=("s3:GetObject",),
    page="Apache Iceberg documentation, AWS: S3FileIO opens each file by its name",
)
FLINK_READS_ENCRYPTED_OBJECTS = Need(
    actions=("kms:Decrypt",),
    page="Amazon S3 User Guide: Using server-side encryption with AWS KMS keys, permissions",
)
STEP_FUNCTIONS_RUN_GLUE = Need(
    actions=("glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"),
    page="AWS Step Functions Developer Guide: Start an AWS Glue job with Step Functions, Run a Job (.sync)",
)
STEP_FUNCTIONS_RUN_MATCHING = Need(
    actions=("entityresolution:StartMatchingJob", "entityresolution:GetMatchingJob"),
    page="Service Authorization Reference: Actions, resources, and condition keys for AWS Entity Resolution",
)
MATCHING_READS_CATALOG = Need(
    actions=(
        "glue:GetDatabase",
        "glue:GetTable",
        "glue:GetPartition",
        "glue:GetPartitions",
        "glue:GetSchema",
        "glue:GetSchemaVersion",
        "glue:BatchGetPartition",
    ),
    page="AWS Entity Resolution User Guide: Creating a workflow job role for AWS Entity Resolution",
)
MATCHING_READS_OBJECTS = Need(actions=("s3:GetObject",), page=MATCHING_READS_CATALOG.page)
MATCHING_WRITES_OBJECTS = Need(actions=("s3:PutObject",), page=MATCHING_READS_CATALOG.page)
MATCHING_LISTS_BUCKETS = Need(actions=("s3:ListBucket", "s3:GetBucketLocation"), page=MATCHING_READS_CATALOG.page)
MATCHING_USES_KEY = Need(
    actions=("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"), page=MATCHING_READS_CATALOG.page
)
ASKS_LAKE_FORMATION = Need(
    actions=("lakeformation:GetDataAccess",),
    page="AWS Lake Formation Developer Guide: Underlying data access control",
)
EVENTBRIDGE_STARTS_EXECUTIONS = Need(
    actions=("states:StartExecution",),
    page="Amazon EventBridge User Guide: Identity-based policies, Step Functions permissions",
)
EVENTBRIDGE_SENDS_TO_QUEUE = Need(
    actions=("sqs:SendMessage",),
    page="Amazon EventBridge User Guide: Using dead-letter queues to process undelivered events, "
    "and Using resource-based policies, Amazon SQS permissions",
)
EVENTBRIDGE_USES_KEY = Need(
    actions=("kms:Decrypt", "kms:GenerateDataKey"),
    page="Amazon SQS Developer Guide: Compatibility between event sources from AWS services and encrypted queues",
)


def role_of(value: Any) -> str:
    """Return the logical id of the role that a property refers to by its ARN."""
    return resolve(value).removesuffix(".Arn")


def missing(assembly: Assembly, pillar: str, role: str, need: Need, resource: str) -> list[str]:
    """Return the actions of a need that no policy of a role grants on a resource, both as a template spells them."""
    return _lacking(need, resource, grants(assembly, pillar, role))


def lacking(document: Any, service: str, need: Need, resource: str) -> list[str]:
    """Return the actions of a need that a resource's own policy does not grant a service."""
    to_service = [s for s in document["Statement"] if _principal(s) == service]
    return _lacking(need, resource, grants_of({"Statement": to_service}))


def _principal(statement: Any) -> str:
    principal = statement.get("Principal", {})
    return resolve(principal["Service"]) if isinstance(principal, dict) and "Service" in principal else ""


def _lacking(need: Need, resource: str, grants: Iterable[tuple[list[str], list[str]]]) -> list[str]:
    granted = list(grants)
    return [
        action
        for action in need.actions
        if not any(_matches(actions, action) and _matches(resources, resource) for actions, resources in granted)
    ]


def grants(assembly: Assembly, pillar: str, role: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the actions and resources of each statement that allows a role something."""
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
    return any(fnmatchcase(text.lower(), pattern.lower()) for pattern in patterns)
