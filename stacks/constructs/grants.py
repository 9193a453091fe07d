"""Permissions: each function here grants the fewest actions that the work needs, on the fewest resources.

The grants that CDK offers are wider (`s3:GetObject*`, `kms:GenerateDataKey*`). Where a resource must end in a wildcard,
because the names of objects are not known, the finding is acknowledged here with its reason.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import IConstruct

from c360_core.names import Zone, database_name
from stacks.constructs.data_stream import DataStream
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.table_changes import TableChanges
from stacks.shared.platform import Platform

_READ_OBJECTS: Final = ("s3:GetObject",)
_WRITE_OBJECTS: Final = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
_READ_TABLES: Final = ("glue:GetDatabase", "glue:GetTable", "glue:GetTables")
_WRITE_TABLES: Final = (*_READ_TABLES, "glue:UpdateTable")
_READ_RECORDS: Final = (
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
# TransactWriteItems has no action of its own: it needs the actions of what it writes and of what it checks.
ItemAction = Literal["GetItem", "BatchGetItem", "Query", "ConditionCheckItem", "PutItem", "UpdateItem", "DeleteItem"]
_LOCK_ITEMS: Final[Sequence[ItemAction]] = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")


def allow(role: iam.IRole, actions: Iterable[str], *resources: str) -> None:
    """Allow a role named actions on named resources."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))


def use_key(role: iam.IRole, key: kms.IKey) -> None:
    """Let a role encrypt and decrypt with the key."""
    allow(role, ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"), key.key_arn)


def put_metrics(role: iam.IRole, namespace: str) -> None:
    """Let a role write metrics of one namespace; the action does not support resources."""
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": namespace}},
        )
    )


def read_objects(role: iam.IRole, bucket: s3.IBucket, prefix: str) -> None:
    """Let a role list a bucket and read the objects under a prefix, which ends in `/` or is empty for all."""
    _objects(role, bucket, prefix, _READ_OBJECTS)


def write_objects(role: iam.IRole, bucket: s3.IBucket, prefix: str) -> None:
    """Let a role list a bucket and read, write and delete the objects under a prefix."""
    _objects(role, bucket, prefix, _WRITE_OBJECTS)


def add_objects(role: iam.IRole, bucket: s3.IBucket, prefix: str) -> None:
    """Let a role write objects under a prefix, and do nothing else with the bucket."""
    allow(role, ("s3:PutObject",), bucket.arn_for_objects(f"{prefix}*"))
    reason = f"objects under {prefix} are named by those who write them"
    acknowledge(role, {wildcard(role, f"{arn_seen_from(role, bucket)}/{prefix}*"): reason})


def read_tables(role: iam.IRole, platform: Platform, zone: Zone, tables: Iterable[str]) -> None:
    """Let a role read the catalog's entries of named tables."""
    allow(role, _READ_TABLES, *catalog_arns(role, platform, zone, tables))


def write_tables(role: iam.IRole, platform: Platform, zone: Zone, tables: Iterable[str]) -> None:
    """Let a role commit to named Iceberg tables, which means updating their catalog entries."""
    allow(role, _WRITE_TABLES, *catalog_arns(role, platform, zone, tables))


def catalog_arns(scope: IConstruct, platform: Platform, zone: Zone, tables: Iterable[str]) -> list[str]:
    """Return the ARNs of the catalog, a zone's database and its named tables."""
    stack = cdk.Stack.of(scope)
    prefix = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
    database = database_name(platform.environment, zone)
    return [
        f"{prefix}:catalog",
        f"{prefix}:database/{database}",
        *(f"{prefix}:table/{database}/{table}" for table in tables),
    ]


def query_lake(role: iam.IRole) -> None:
    """Let a role get data through Lake Formation, as far as its grants there allow."""
    allow(role, ("lakeformation:GetDataAccess",), "*")
    acknowledge(role, {"IAM5[Resource::*]": "GetDataAccess accepts no resource; Lake Formation's grants decide"})


def use_workgroup(role: iam.IRole, workgroup_arn: str) -> None:
    """Let a role run queries in one workgroup."""
    actions = (
        "athena:StartQueryExecution",
        "athena:StopQueryExecution",
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:GetWorkGroup",
        "athena:ListQueryExecutions",
    )
    allow(role, actions, workgroup_arn)


def put_records(role: iam.IRole, stream: DataStream) -> None:
    """Let a role write to a stream."""
    allow(role, ("kinesis:PutRecord", "kinesis:PutRecords", "kinesis:DescribeStreamSummary"), stream.arn)


def read_records(role: iam.IRole, stream: DataStream) -> None:
    """Let a role read a stream. Lambda requires both describe actions to create an event source mapping."""
    allow(role, _READ_RECORDS, stream.arn)


def read_changes(role: iam.IRole, changes: TableChanges) -> None:
    """Let a role read the stream of a table's changes, and list all streams, as Lambda requires of such a reader."""
    allow(role, ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"), changes.arn)
    allow(role, ("dynamodb:ListStreams",), "*")
    acknowledge(role, {"IAM5[Resource::*]": "neither ListStreams nor the actions of X-Ray accept a resource"})


def read_secret(role: iam.IRole, *secrets: secretsmanager.ISecret) -> None:
    """Let a role read secrets."""
    allow(role, ("secretsmanager:GetSecretValue",), *(secret.secret_arn for secret in secrets))


def use_items(role: iam.IRole, table: dynamodb.ITableV2, *actions: ItemAction) -> None:
    """Let a role do the named actions with the items of a table."""
    allow(role, (f"dynamodb:{action}" for action in actions), table.table_arn)


def lock_work(role: iam.IRole, table: dynamodb.ITableV2) -> None:
    """Let a role take, read, complete and, after an error, delete its locks in the idempotency table."""
    use_items(role, table, *_LOCK_ITEMS)


def _objects(role: iam.IRole, bucket: s3.IBucket, prefix: str, actions: Iterable[str]) -> None:
    allow(role, ("s3:ListBucket", "s3:GetBucketLocation"), bucket.bucket_arn)
    allow(role, actions, bucket.arn_for_objects(f"{prefix}*"))
    reason = f"objects under {prefix or 'the whole bucket'} are named by those who write them"
    acknowledge(role, {wildcard(role, f"{arn_seen_from(role, bucket)}/{prefix}*"): reason})


def arn_seen_from(scope: IConstruct, bucket: s3.IBucket) -> str:
    """Return a bucket's ARN as another stack's template spells it: by import, if the bucket is not its own."""
    owner = cdk.Stack.of(bucket)
    if owner.node.path == cdk.Stack.of(scope).node.path:
        return bucket.bucket_arn
    return owner.export_value(bucket.bucket_arn) or bucket.bucket_arn


def arn_of_versions(function: lambda_.IFunction) -> str:
    """Return the ARN of all versions of a function, which CDK's grants add to the function's own."""
    return f"{function.function_arn}:*"
