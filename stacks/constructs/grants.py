"""Permissions: each function here grants the fewest actions that the work needs, on the fewest resources.

The grants that CDK offers are wider (`s3:GetObject*`, `kms:GenerateDataKey*`). Where a resource must end in a wildcard,
because the names of objects are not known, the finding is acknowledged here with its reason.

A grant on something encrypted brings the use of its key, through the service that keeps it and through no other.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import IConstruct

from c360_core.names import ConsumerGroup, Zone, database_name
from c360_core.personas import PersonaDefinition
from stacks.constructs.nag import acknowledge, wildcard
from stacks.constructs.workgroup import Workgroup
from stacks.shared.platform import Platform

if TYPE_CHECKING:  # a stream uses the functions here
    from stacks.constructs.data_stream import DataStream
    from stacks.constructs.table_changes import TableChanges

_READ_OBJECTS: Final = ("s3:GetObject",)
_WRITE_OBJECTS: Final = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload")
_RUN_QUERIES: Final = (
    "athena:StartQueryExecution",
    "athena:StopQueryExecution",
    "athena:GetQueryExecution",
    "athena:GetQueryResults",
    "athena:GetWorkGroup",
)
# What a person does in the console or with a JDBC driver, beside running queries; EXECUTE asks for what was prepared.
_WORK_IN_WORKGROUP: Final = (
    "athena:BatchGetNamedQuery",
    "athena:BatchGetQueryExecution",
    "athena:GetNamedQuery",
    "athena:GetPreparedStatement",
    "athena:GetQueryResultsStream",
    "athena:ListNamedQueries",
    "athena:ListPreparedStatements",
    "athena:ListQueryExecutions",
)
_KEEP_RESULTS: Final = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
_LOAD_TABLE: Final = ("glue:GetTable",)
_COMMIT_TO_TABLE: Final = (*_LOAD_TABLE, "glue:UpdateTable")
_BROWSE_TABLES: Final = ("glue:GetDatabase", "glue:GetTable", "glue:GetTables")
_INTERFACES: Final = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcAttribute",
    "ec2:DescribeVpcEndpoints",
)
_INTERFACE_TAG: Final = "aws-glue-service-resource"
# The tag of a role of IAM by which Redshift gives its users roles of the database.
_DATABASE_ROLES: Final = "RedshiftDbRoles"
# TransactWriteItems has no action of its own: it needs the actions of what it writes and of what it checks.
ItemAction = Literal[
    "GetItem", "BatchGetItem", "Query", "ConditionCheckItem", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"
]
_LOCK_ITEMS: Final[Sequence[ItemAction]] = ("GetItem", "PutItem", "UpdateItem", "DeleteItem")


# Services that use a key with their caller's permissions, and of which KMS can tell that a request came through them.
KeyService = Literal["dynamodb", "kinesis", "lambda", "s3", "sagemaker", "secretsmanager", "sns", "sqs"]
KeyAction = Literal["CreateGrant", "Decrypt", "DescribeKey", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"]
_READ: Final[Sequence[KeyAction]] = ("Decrypt",)
_ENCRYPTED_ITEMS: Final[Sequence[KeyAction]] = (*_READ, "DescribeKey")
_WRITE: Final[Sequence[KeyAction]] = ("GenerateDataKey",)
# SQS and SNS check both of a sender; S3 decrypts the parts of a large upload to join them.
_SEND: Final[Sequence[KeyAction]] = (*_READ, *_WRITE)


def allow(role: iam.IRole, actions: Iterable[str], *resources: str) -> None:
    """Allow a role named actions on named resources."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))


def use_key(
    role: iam.IRole,
    key: kms.IKey | None,
    *,
    through: KeyService,
    actions: Iterable[KeyAction],
    objects: str | None = None,
) -> None:
    """Let a role use a key in what a service does for it, and in no call of its own; without a key do nothing.

    Args:
        objects: the ARN of the objects of S3 that the key may open; only for a bucket without a bucket key, since
            S3 otherwise states the bucket and not the object.
    """
    if key is None:
        return
    service = f"{through}.{cdk.Stack.of(role).region}.amazonaws.com"  # KMS uses this suffix in every partition
    conditions = {"StringEquals": {"kms:ViaService": service}}
    if objects is not None:
        conditions["StringLike"] = {"kms:EncryptionContext:aws:s3:arn": objects}
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=[f"kms:{action}" for action in actions], resources=[key.key_arn], conditions=conditions
        )
    )


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
    use_key(role, bucket.encryption_key, through="s3", actions=_READ)


def write_objects(role: iam.IRole, bucket: s3.IBucket, prefix: str) -> None:
    """Let a role list a bucket and read, write and delete the objects under a prefix."""
    _objects(role, bucket, prefix, _WRITE_OBJECTS)
    use_key(role, bucket.encryption_key, through="s3", actions=_SEND)


def keep_objects(role: iam.IRole, bucket: s3.IBucket, prefix: str) -> None:
    """Let a role read, write and delete the objects under a prefix, and list no others."""
    allow(role, _WRITE_OBJECTS, bucket.arn_for_objects(f"{prefix}*"))
    allow(role, ("s3:GetBucketLocation",), bucket.bucket_arn)
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{prefix}*"}},
        )
    )
    use_key(role, bucket.encryption_key, through="s3", actions=_SEND)
    reason = f"objects under {prefix} are named by those who write them"
    acknowledge(role, {wildcard(role, f"{arn_seen_from(role, bucket)}/{prefix}*"): reason})


def query_as(role: iam.IRole, persona: PersonaDefinition, workgroup: Workgroup, platform: Platform) -> None:
    """Let a role ask in the workgroup of a persona and browse its zones, as far as IAM decides.

    Which columns it reads, Lake Formation's grants say.
    """
    query_in(role, workgroup)
    allow(role, _WORK_IN_WORKGROUP, workgroup.arn)
    query_lake(role)
    for zone in persona.zones:
        browse_tables(role, platform, zone)
        seen = wildcard(role, catalog_arns(role, platform, zone, ["*"])[-1])
        acknowledge(role, {seen: "which tables exist is for Lake Formation's tags to say, not for IAM"})


def add_objects(role: iam.IRole, bucket: s3.IBucket, prefix: str) -> None:
    """Let a role write objects under a prefix, each in one request, and do nothing else with the bucket."""
    allow(role, ("s3:PutObject",), bucket.arn_for_objects(f"{prefix}*"))
    use_key(role, bucket.encryption_key, through="s3", actions=_WRITE)
    reason = f"objects under {prefix} are named by those who write them"
    acknowledge(role, {wildcard(role, f"{arn_seen_from(role, bucket)}/{prefix}*"): reason})


def read_tables(role: iam.IRole, platform: Platform, zone: Zone, tables: Iterable[str]) -> None:
    """Let a role read the catalog's entries of named tables."""
    allow(role, _LOAD_TABLE, *catalog_arns(role, platform, zone, tables))


def browse_tables(role: iam.IRole, platform: Platform, zone: Zone) -> None:
    """Let a role look for the tables of a zone's database, whatever their names are, and read their entries."""
    allow(role, _BROWSE_TABLES, *catalog_arns(role, platform, zone, ["*"]))


def look_up_databases(role: iam.IRole, platform: Platform, zones: Iterable[Zone]) -> None:
    """Let a role see that the databases of zones exist, as Flink's catalog does before it loads a table."""
    databases = dict.fromkeys(one for zone in zones for one in catalog_arns(role, platform, zone, []))
    allow(role, ("glue:GetDatabase",), *databases)


def write_tables(role: iam.IRole, platform: Platform, zone: Zone, tables: Iterable[str]) -> None:
    """Let a role commit to named Iceberg tables, which means updating their catalog entries."""
    allow(role, _COMMIT_TO_TABLE, *catalog_arns(role, platform, zone, tables))


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


def revoke_in_lake(role: iam.IRole) -> None:
    """Let a role revoke permissions in Lake Formation, as far as it may grant them there, and grant none."""
    allow(role, ("lakeformation:ListPermissions", "lakeformation:RevokePermissions"), "*")
    reason = "neither action accepts a resource; the role's grants in Lake Formation say what it may revoke"
    acknowledge(role, {"IAM5[Resource::*]": reason})


def query_in(role: iam.IRole, workgroup: Workgroup) -> None:
    """Let a role run queries in one workgroup, and reach no results but those under that workgroup's prefix.

    Athena reads and writes results with the caller's permissions. The key opens what lies under the prefix and nothing
    else that it encrypts.
    """
    allow(role, _RUN_QUERIES, workgroup.arn)
    stack = cdk.Stack.of(role)
    catalog = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
    # Athena looks up this database before every query, whatever the query names.
    allow(role, ("glue:GetDatabase",), f"{catalog}:catalog", f"{catalog}:database/default")
    bucket, objects = workgroup.results, workgroup.results.arn_for_objects(f"{workgroup.prefix}*")
    allow(role, _KEEP_RESULTS, objects)
    use_key(role, bucket.encryption_key, through="s3", actions=_SEND, objects=objects)
    allow(role, ("s3:GetBucketLocation",), bucket.bucket_arn)
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{workgroup.prefix}*"}},
        )
    )
    reason = "Athena names the objects of a result after the query"
    acknowledge(role, {wildcard(role, f"{arn_seen_from(role, bucket)}/{workgroup.prefix}*"): reason})


def query_warehouse(role: iam.Role, workgroup_arn: str, *, database_role: str) -> None:
    """Let a role send statements to a workgroup of the warehouse, under a role of its database."""
    cdk.Tags.of(role).add(_DATABASE_ROLES, database_role)
    allow(role, ("redshift-data:ExecuteStatement", "redshift-data:BatchExecuteStatement"), workgroup_arn)
    allow(role, ("redshift-serverless:GetCredentials",), workgroup_arn)
    allow(role, ("redshift-data:DescribeStatement", "redshift-data:GetStatementResult"), "*")
    reason = "a statement has no ARN: the Data API shows each only to whoever ran it"
    acknowledge(role, {"IAM5[Resource::*]": reason})


def put_records(role: iam.IRole, stream: "DataStream") -> None:
    """Let a role write to a stream: our writers and Flink's put many records in one call."""
    stream.let_write(role)


def describe_stream(role: iam.IRole, stream: "DataStream") -> None:
    """Let a role see what a stream is: how old, how many shards."""
    stream.let_describe(role)


def read_records(role: iam.IRole, stream: "DataStream", group: ConsumerGroup) -> None:
    """Let a role read a stream, as a member of a group where the service has groups."""
    stream.let_read(role, group)


def use_interfaces(role: iam.IRole) -> None:
    """Let Glue make, tag and delete network interfaces with a job's role."""
    allow(role, _INTERFACES, "*")
    stack = cdk.Stack.of(role)
    interfaces = f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}:network-interface/*"
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["ec2:CreateTags", "ec2:DeleteTags"],
            resources=[interfaces],
            conditions={"ForAllValues:StringEquals": {"aws:TagKeys": [_INTERFACE_TAG]}},
        )
    )
    acknowledge(
        role,
        {
            wildcard(role, interfaces): "Glue names its network interfaces itself",
            "IAM5[Resource::*]": "Glue makes network interfaces with the job's role: AWS documents these actions "
            "without a resource, and the interfaces have no names before",
        },
    )


def read_changes(role: iam.IRole, changes: "TableChanges", key: kms.IKey) -> None:
    """Let a role read the stream of a table's changes, and list all streams, as Lambda requires of such a reader.

    The stream is encrypted with the table's key.
    """
    allow(role, ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"), changes.arn)
    allow(role, ("dynamodb:ListStreams",), "*")
    acknowledge(role, {"IAM5[Resource::*]": "neither ListStreams nor the actions of X-Ray accept a resource"})
    use_key(role, key, through="dynamodb", actions=_ENCRYPTED_ITEMS)


def read_secret(role: iam.IRole, *secrets: secretsmanager.ISecret) -> None:
    """Let a role read secrets."""
    allow(role, ("secretsmanager:GetSecretValue",), *(secret.secret_arn for secret in secrets))
    for secret in secrets:
        use_key(role, secret.encryption_key, through="secretsmanager", actions=_READ)


def rotate_secret(role: iam.IRole, secret: secretsmanager.ISecret) -> None:
    """Let a role make and store a new version of a secret, and make it the current one."""
    actions = ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
    allow(role, (f"secretsmanager:{action}" for action in actions), secret.secret_arn)
    use_key(role, secret.encryption_key, through="secretsmanager", actions=_SEND)


def send_messages(role: iam.IRole, queue: sqs.IQueue) -> None:
    """Let a role send messages to a queue."""
    allow(role, ("sqs:SendMessage",), queue.queue_arn)
    use_key(role, queue.encryption_master_key, through="sqs", actions=_SEND)


def receive_messages(role: iam.IRole, queue: sqs.IQueue) -> None:
    """Let a role take messages from a queue, as Lambda does for the function that reads it."""
    allow(role, ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"), queue.queue_arn)
    use_key(role, queue.encryption_master_key, through="sqs", actions=_READ)


def publish_messages(role: iam.IRole, topic: sns.ITopic, key: kms.IKey) -> None:
    """Let a role publish on a topic that is encrypted with a key."""
    allow(role, ("sns:Publish",), topic.topic_arn)
    use_key(role, key, through="sns", actions=_SEND)


def read_variables(role: iam.IRole, key: kms.IKey) -> None:
    """Let Lambda decrypt the variables of a function, which it does with the function's role."""
    use_key(role, key, through="lambda", actions=_READ)


def use_items(role: iam.IRole, table: dynamodb.ITableV2, key: kms.IKey, actions: Iterable[ItemAction]) -> None:
    """Let a role do the named actions with the items of a table that is encrypted with a key.

    DynamoDB decrypts the table's own data key for each caller, to read and to write alike.
    """
    allow(role, (f"dynamodb:{action}" for action in actions), table.table_arn)
    use_key(role, key, through="dynamodb", actions=_ENCRYPTED_ITEMS)


def lock_work(role: iam.IRole, table: dynamodb.ITableV2, key: kms.IKey) -> None:
    """Let a role take, read, complete and, after an error, delete its locks in the idempotency table."""
    use_items(role, table, key, _LOCK_ITEMS)


def _objects(role: iam.IRole, bucket: s3.IBucket, prefix: str, actions: Iterable[str]) -> None:
    # Without it, S3 answers a request for an object that is missing as a refusal.
    allow(role, ("s3:ListBucket",), bucket.bucket_arn)
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
