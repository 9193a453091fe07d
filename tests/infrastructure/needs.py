"""What AWS documents that each integration needs: the table.

An emulator sees what our code calls, and not what AWS calls on a role's behalf: what is missing there would first be
missed on AWS. Each need names the page of AWS's documentation that it was read from. `integrations.py` says which uses
in the templates a need is for, and on what; `test_needs.py` holds every use against it.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """The actions that one party needs on one kind of resource.

    Attributes:
        actions: all of them have to be granted.
        page: the page of AWS's documentation that says so.
    """

    actions: tuple[str, ...]
    page: str


# ---- who may act as a role
ASSUME: Final = Need(
    actions=("sts:AssumeRole",),
    page="IAM User Guide: Create a role to delegate permissions to an AWS service",
)

# ---- Lambda: its own needs, and those of event source mappings
WRITE_FUNCTION_LOGS: Final = Need(
    # CloudFormation makes the log group, with its key and its retention; the function must not make another.
    actions=("logs:CreateLogStream", "logs:PutLogEvents"),
    page="AWS Lambda Developer Guide: Sending Lambda function logs to CloudWatch Logs",
)
TRACE: Final = Need(
    actions=("xray:PutTraceSegments", "xray:PutTelemetryRecords"),
    page="AWS Lambda Developer Guide: Visualize Lambda function invocations using AWS X-Ray",
)
READ_ENCRYPTED_VARIABLES: Final = Need(
    actions=("kms:Decrypt",),
    page="AWS Lambda API Reference: Invoke, KMSAccessDeniedException",
)
LAMBDA_READS_KINESIS: Final = Need(
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
LAMBDA_FINDS_KAFKA: Final = Need(
    # DescribeCluster is for provisioned clusters alone.
    actions=("kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers", "kafka-cluster:Connect"),
    page="AWS Lambda Developer Guide: Configuring Lambda permissions for Amazon MSK event source mappings",
)
LAMBDA_ENTERS_NETWORK: Final = Need(
    actions=(
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeVpcs",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
    ),
    page="AWS Lambda Developer Guide: Configuring Lambda permissions for Amazon MSK event source mappings",
)
FLINK_ENTERS_NETWORK: Final = Need(
    actions=(*LAMBDA_ENTERS_NETWORK.actions, "ec2:DescribeDhcpOptions", "ec2:CreateNetworkInterfacePermission"),
    page="Managed Service for Apache Flink Developer Guide: VPC application permissions",
)
READS_TOPIC: Final = Need(
    actions=("kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"),
    page="Amazon MSK Developer Guide: Common use cases for client authorization policy",
)
READS_IN_GROUP: Final = Need(
    actions=("kafka-cluster:DescribeGroup", "kafka-cluster:AlterGroup"),
    page="Amazon MSK Developer Guide: Common use cases for client authorization policy",
)
WRITES_TOPIC: Final = Need(
    actions=("kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"),
    page="Amazon MSK Developer Guide: Common use cases for client authorization policy",
)
WRITES_IDEMPOTENTLY: Final = Need(
    actions=("kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"),
    page="Amazon MSK Developer Guide: Common use cases for client authorization policy",
)
LAMBDA_READS_DYNAMODB: Final = Need(
    actions=("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
    page="Amazon DynamoDB Developer Guide: IAM policy to allow a Lambda function to access DynamoDB stream records",
)
LAMBDA_LISTS_DYNAMODB_STREAMS: Final = Need(
    # The action is granted on all streams or on none: it accepts no resource.
    actions=("dynamodb:ListStreams",),
    page=LAMBDA_READS_DYNAMODB.page
    + "; Service Authorization Reference: Actions, resources, and condition keys for Amazon DynamoDB",
)
LAMBDA_READS_QUEUE: Final = Need(
    actions=("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    page="AWS Lambda Developer Guide: Creating and configuring an Amazon SQS event source mapping",
)
LAMBDA_TELLS_A_QUEUE: Final = Need(
    actions=("sqs:SendMessage",),
    page="AWS Lambda Developer Guide: Retain discarded records for a Kinesis data stream event source in Lambda",
)
GATEWAY_INVOKES: Final = Need(
    actions=("lambda:InvokeFunction",),
    page="Amazon API Gateway Developer Guide: Create AWS Lambda proxy integrations for HTTP APIs",
)

# ---- VPC
DELIVER_FLOW_LOGS: Final = Need(
    # The group exists; the other two actions of the page are for a group that the service is to make or to look for.
    actions=("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
    page="Amazon VPC User Guide: IAM role for publishing flow logs to CloudWatch Logs",
)

# ---- Secrets Manager
ROTATION_IS_CALLED: Final = Need(
    actions=("lambda:InvokeFunction",),
    page="AWS Secrets Manager User Guide: Permissions for rotation, Lambda function resource policy",
)
ROTATION_CHANGES_SECRET: Final = Need(
    actions=(
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ),
    page="AWS Secrets Manager User Guide: Lambda rotation function execution role permissions",
)
ROTATION_USES_KEY: Final = Need(actions=("kms:Decrypt", "kms:GenerateDataKey"), page=ROTATION_CHANGES_SECRET.page)

# ---- what a caller of an encrypted resource needs of the key: the service uses the key in the caller's name
READ_ENCRYPTED_STREAM: Final = Need(
    actions=("kms:Decrypt",),
    page="Amazon Kinesis Data Streams Developer Guide: Permissions to use user-generated KMS keys",
)
WRITE_ENCRYPTED_STREAM: Final = Need(actions=("kms:GenerateDataKey",), page=READ_ENCRYPTED_STREAM.page)
READ_ENCRYPTED_QUEUE: Final = Need(actions=("kms:Decrypt",), page="Amazon SQS Developer Guide: Key management")
SEND_TO_ENCRYPTED_QUEUE: Final = Need(
    actions=("kms:Decrypt", "kms:GenerateDataKey"), page="Amazon SQS Developer Guide: Key management"
)
PUBLISH_ON_ENCRYPTED_TOPIC: Final = Need(
    actions=("kms:Decrypt", "kms:GenerateDataKey"),
    page="Amazon SNS Developer Guide: Managing Amazon SNS encryption keys and costs",
)
READ_ENCRYPTED_OBJECT: Final = Need(
    actions=("kms:Decrypt",),
    page="Amazon S3 User Guide: Using server-side encryption with AWS KMS keys, permissions",
)
WRITE_ENCRYPTED_OBJECT: Final = Need(actions=("kms:GenerateDataKey",), page=READ_ENCRYPTED_OBJECT.page)
UPLOAD_ENCRYPTED_PARTS: Final = Need(
    # S3 decrypts the parts of an upload to join them.
    actions=("kms:Decrypt",),
    page="Amazon S3 User Guide: Uploading and copying objects using multipart upload, permissions",
)
READ_ENCRYPTED_SECRET: Final = Need(
    actions=("kms:Decrypt",),
    page="AWS Secrets Manager User Guide: Secret encryption and decryption in AWS Secrets Manager",
)
USE_ENCRYPTED_TABLE: Final = Need(
    actions=("kms:Decrypt", "kms:DescribeKey"),
    page="Amazon DynamoDB Developer Guide: How DynamoDB encryption at rest uses AWS KMS",
)

# ---- Step Functions
STEP_FUNCTIONS_LOGS: Final = Need(
    actions=(
        "logs:CreateLogDelivery",
        "logs:GetLogDelivery",
        "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies",
        "logs:DescribeLogGroups",
    ),
    page="AWS Step Functions Developer Guide: Using CloudWatch Logs to log execution history, IAM policies",
)
STEP_FUNCTIONS_TRACES: Final = Need(
    actions=(
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
    ),
    page="AWS Step Functions Developer Guide: Trace Step Functions request data in AWS X-Ray, IAM policies",
)
STEP_FUNCTIONS_INVOKE: Final = Need(
    actions=("lambda:InvokeFunction",),
    page="AWS Step Functions Developer Guide: Invoke an AWS Lambda function with Step Functions",
)
STEP_FUNCTIONS_START_EXECUTION: Final = Need(
    actions=("states:StartExecution",),
    page="AWS Step Functions Developer Guide: Start a new AWS Step Functions state machine from a running execution",
)
# The action names the state machine whose task waits; only tasks of an activity name the activity.
WAKE_EXECUTION: Final = Need(
    actions=("states:SendTaskSuccess",),
    page="AWS Step Functions Developer Guide: Service integration patterns, Wait for a Callback with Task Token",
)
STEP_FUNCTIONS_PUBLISH: Final = Need(
    actions=("sns:Publish",),
    page="AWS Step Functions Developer Guide: Publish messages to an Amazon SNS topic with Step Functions",
)
STEP_FUNCTIONS_RUN_GLUE: Final = Need(
    actions=("glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"),
    page="AWS Step Functions Developer Guide: Start an AWS Glue job with Step Functions, Run a Job (.sync)",
)
STEP_FUNCTIONS_RUN_EMR: Final = Need(
    actions=("emr-serverless:StartJobRun",),
    page="AWS Step Functions Developer Guide: IAM policies for Amazon EMR Serverless, StartJobRun, Run a Job (.sync)",
)
STEP_FUNCTIONS_WATCH_EMR: Final = Need(
    actions=("emr-serverless:GetJobRun", "emr-serverless:CancelJobRun"), page=STEP_FUNCTIONS_RUN_EMR.page
)
STEP_FUNCTIONS_PASS_TO_EMR: Final = Need(actions=("iam:PassRole",), page=STEP_FUNCTIONS_RUN_EMR.page)
STEP_FUNCTIONS_AWAIT_EMR: Final = Need(
    actions=("events:PutTargets", "events:PutRule", "events:DescribeRule"), page=STEP_FUNCTIONS_RUN_EMR.page
)
STEP_FUNCTIONS_BUILD: Final = Need(
    actions=(
        "codebuild:StartBuild",
        "codebuild:StopBuild",
        "codebuild:BatchGetBuilds",
        "codebuild:BatchGetReports",
    ),
    page="AWS Step Functions Developer Guide: Manage AWS CodeBuild builds with Step Functions, Run a Job (.sync)",
)
STEP_FUNCTIONS_AWAIT_BUILD: Final = Need(
    actions=("events:PutTargets", "events:PutRule", "events:DescribeRule"), page=STEP_FUNCTIONS_BUILD.page
)
STEP_FUNCTIONS_START_MATCHING: Final = Need(
    actions=("entityresolution:StartMatchingJob",),
    page="Service Authorization Reference: Actions, resources, and condition keys for AWS Entity Resolution",
)
STEP_FUNCTIONS_AWAIT_MATCHING: Final = Need(
    actions=("entityresolution:GetMatchingJob",), page=STEP_FUNCTIONS_START_MATCHING.page
)
_DATA_EXCHANGE_ACTIONS: Final = (
    "AWS Data Exchange User Guide: AWS Data Exchange API permissions: actions and resources reference"
)
STEP_FUNCTIONS_LIST_REVISIONS: Final = Need(actions=("dataexchange:ListDataSetRevisions",), page=_DATA_EXCHANGE_ACTIONS)
STEP_FUNCTIONS_MAKE_EXPORT: Final = Need(actions=("dataexchange:CreateJob",), page=_DATA_EXCHANGE_ACTIONS)
STEP_FUNCTIONS_START_EXPORT: Final = Need(actions=("dataexchange:StartJob",), page=_DATA_EXCHANGE_ACTIONS)
STEP_FUNCTIONS_LOOK_AT_EXPORT: Final = Need(actions=("dataexchange:GetJob",), page=_DATA_EXCHANGE_ACTIONS)
EXPORT_READS_ASSETS: Final = Need(
    actions=("s3:GetObject",), page="AWS Managed Policy Reference: AWSDataExchangeSubscriberFullAccess"
)
EXPORT_WRITES: Final = Need(
    actions=("s3:PutObject", "s3:PutObjectAcl"), page="AWS Managed Policy Reference: AWSDataExchangeFullAccess"
)
EXPORT_USES_KEY: Final = Need(
    # The guide asks CreateGrant of whoever sets an automatic export up; a job writes with the starter's rights.
    actions=("kms:CreateGrant",),
    page="AWS Data Exchange User Guide: Automatically exporting asset revisions to an S3 bucket as a subscriber",
)
AUTO_EXPORT_WRITES: Final = Need(actions=("s3:PutObject", "s3:PutObjectAcl"), page=EXPORT_USES_KEY.page)
_FLINK_ACTIONS: Final = (
    "Service Authorization Reference: Actions, resources, and condition keys for Amazon Kinesis Analytics V2"
)
STEP_FUNCTIONS_LOOK_AT_FLINK: Final = Need(actions=("kinesisanalytics:DescribeApplication",), page=_FLINK_ACTIONS)
STEP_FUNCTIONS_START_FLINK: Final = Need(actions=("kinesisanalytics:StartApplication",), page=_FLINK_ACTIONS)
STEP_FUNCTIONS_LIST_SNAPSHOTS: Final = Need(actions=("kinesisanalytics:ListApplicationSnapshots",), page=_FLINK_ACTIONS)
STEP_FUNCTIONS_LOOK_AT_SNAPSHOT: Final = Need(
    actions=("kinesisanalytics:DescribeApplicationSnapshot",), page=_FLINK_ACTIONS
)
STEP_FUNCTIONS_TAKE_SNAPSHOT: Final = Need(actions=("kinesisanalytics:CreateApplicationSnapshot",), page=_FLINK_ACTIONS)
STEP_FUNCTIONS_DROP_SNAPSHOT: Final = Need(actions=("kinesisanalytics:DeleteApplicationSnapshot",), page=_FLINK_ACTIONS)

# ---- Comprehend
SCORE_TEXTS: Final = Need(
    actions=(
        "comprehend:BatchDetectDominantLanguage",
        "comprehend:BatchDetectSentiment",
        "comprehend:DetectPiiEntities",
    ),
    page="Service Authorization Reference: Actions, resources, and condition keys for Amazon Comprehend, which name "
    "no resource for these",
)

# ---- EventBridge
EVENTBRIDGE_STARTS_EXECUTIONS: Final = Need(
    actions=("states:StartExecution",),
    page="Amazon EventBridge User Guide: Identity-based policies, Step Functions permissions",
)
EVENTBRIDGE_CALLS_DESTINATION: Final = Need(
    actions=("events:InvokeApiDestination",),
    page="Amazon EventBridge User Guide: API destinations as targets, and Identity-based policies, "
    "API destination permissions",
)
EVENTBRIDGE_SENDS_TO_QUEUE: Final = Need(
    actions=("sqs:SendMessage",),
    page="Amazon EventBridge User Guide: Using dead-letter queues to process undelivered events, "
    "and Using resource-based policies, Amazon SQS permissions",
)
EVENTBRIDGE_USES_KEY_OF_QUEUE: Final = Need(
    actions=("kms:Decrypt", "kms:GenerateDataKey"),
    page="Amazon SQS Developer Guide: Compatibility between event sources from AWS services and encrypted queues",
)
EVENTBRIDGE_USES_KEY_OF_BUS: Final = Need(
    actions=("kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt"),
    page="Amazon EventBridge User Guide: Authorizing EventBridge to use a customer managed key",
)

# ---- alarms, budgets, logs
SERVICE_PUBLISHES: Final = Need(
    actions=("sns:Publish",),
    page="Amazon CloudWatch User Guide: Notifying users on alarm changes; "
    "AWS Billing User Guide: Creating an Amazon SNS topic for budget notifications",
)
SERVICE_USES_KEY_OF_TOPIC: Final = Need(
    actions=("kms:Decrypt", "kms:GenerateDataKey"),
    page="Amazon SNS Developer Guide: Compatibility between event sources from AWS services and encrypted topics",
)
LOGS_USE_KEY: Final = Need(
    actions=(
        "kms:Encrypt",
        "kms:Decrypt",
        "kms:ReEncryptFrom",
        "kms:ReEncryptTo",
        "kms:GenerateDataKey",
        "kms:DescribeKey",
    ),
    page="Amazon CloudWatch Logs User Guide: Encrypt log data in CloudWatch Logs using AWS Key Management Service",
)
S3_WRITES_ACCESS_LOGS: Final = Need(
    actions=("s3:PutObject",),
    page="Amazon S3 User Guide: Enabling Amazon S3 server access logging, permissions for log delivery",
)

# ---- CloudTrail
CLOUDTRAIL_LOOKS_AT_BUCKET: Final = Need(
    actions=("s3:GetBucketAcl",),
    page="AWS CloudTrail User Guide: Amazon S3 bucket policy for CloudTrail",
)
CLOUDTRAIL_WRITES: Final = Need(actions=("s3:PutObject",), page=CLOUDTRAIL_LOOKS_AT_BUCKET.page)
CLOUDTRAIL_ENCRYPTS: Final = Need(
    actions=("kms:GenerateDataKey",),
    page="AWS CloudTrail User Guide: Configure AWS KMS key policies for CloudTrail",
)
CLOUDTRAIL_DESCRIBES_KEY: Final = Need(actions=("kms:DescribeKey",), page=CLOUDTRAIL_ENCRYPTS.page)
CLOUDTRAIL_USES_BUCKET_KEY: Final = Need(
    # To create a trail for a bucket with a bucket key.
    actions=("kms:Decrypt",),
    page=CLOUDTRAIL_ENCRYPTS.page,
)

# ---- Glue
GLUE_READS_CODE: Final = Need(
    actions=("s3:GetObject",),
    page="AWS Glue Developer Guide: Step 2: Create an IAM role for AWS Glue",
)
GLUE_WRITES_LOGS: Final = Need(
    actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), page=GLUE_READS_CODE.page
)
GLUE_ENCRYPTS_LOGS: Final = Need(
    actions=("logs:AssociateKmsKey",),
    page="AWS Glue Developer Guide: Encrypting data written by AWS Glue, Setting up AWS Glue to use security "
    "configurations",
)
GLUE_WRITES_METRICS: Final = Need(actions=("cloudwatch:PutMetricData",), page=GLUE_READS_CODE.page)
GLUE_USES_CONNECTION: Final = Need(
    actions=("glue:GetConnection",),
    page="AWS Glue Developer Guide: Identity-based policy (IAM policy) examples, a connection and its catalog",
)
GLUE_READS_SECRET: Final = Need(
    actions=("secretsmanager:GetSecretValue",),
    page="AWS Glue Developer Guide: Storing connection credentials in AWS Secrets Manager",
)
GLUE_MAKES_INTERFACES: Final = Need(
    actions=(
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcAttribute",
        "ec2:DescribeVpcEndpoints",
    ),
    page="AWS managed policy AWSGlueServiceRole; AWS Glue Developer Guide: Troubleshooting Glue common setup errors",
)
GLUE_TAGS_INTERFACES: Final = Need(
    actions=("ec2:CreateTags", "ec2:DeleteTags"), page="AWS managed policy AWSGlueServiceRole"
)
OPTIMIZERS_USE_TABLE: Final = Need(
    actions=("glue:GetTable", "glue:UpdateTable"),
    page="AWS Glue Developer Guide: Table optimization prerequisites",
)
OPTIMIZERS_CHANGE_FILES: Final = Need(
    actions=("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), page=OPTIMIZERS_USE_TABLE.page
)
OPTIMIZERS_LIST_FILES: Final = Need(actions=("s3:ListBucket",), page=OPTIMIZERS_USE_TABLE.page)
OPTIMIZERS_WRITE_LOGS: Final = Need(actions=GLUE_WRITES_LOGS.actions, page=OPTIMIZERS_USE_TABLE.page)
ASK_LAKE_FORMATION: Final = Need(
    actions=("lakeformation:GetDataAccess",),
    page="AWS Lake Formation Developer Guide: Underlying data access control",
)

# ---- EMR Serverless
EMR_READS_CODE: Final = Need(
    actions=("s3:GetObject",), page="Amazon EMR Serverless User Guide: Job runtime roles for Amazon EMR Serverless"
)
EMR_FINDS_LOGS: Final = Need(
    actions=("logs:DescribeLogGroups",),
    page="Amazon EMR Serverless User Guide: Storing logs, Required permissions for logging to CloudWatch",
)
EMR_WRITES_LOGS: Final = Need(
    actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
    page=EMR_FINDS_LOGS.page,
)

SESSION_READS_CATALOG: Final = Need(
    actions=(
        "glue:GetDatabase",
        "glue:GetDatabases",
        "glue:GetTable",
        "glue:GetTables",
        "glue:GetPartition",
        "glue:GetPartitions",
    ),
    page="Amazon EMR Serverless User Guide: Using EMR Serverless with AWS Lake Formation for fine-grained access "
    "control, IAM permissions of the job runtime role, as far as they read",
)
SESSION_FINDS_DEFAULT: Final = Need(actions=("glue:GetDatabase",), page=SESSION_READS_CATALOG.page)

# ---- EMR Studio: whoever opens it, and its service role
EMR_STUDIO_IS_OPENED: Final = Need(
    actions=("elasticmapreduce:CreateStudioPresignedUrl", "elasticmapreduce:DescribeStudio"),
    page="Amazon EMR Management Guide: Assign a user or group to an EMR Studio, IAM authentication mode",
)
EMR_STUDIO_HAS_WORKSPACES: Final = Need(
    # Of the basic policy what makes no clusters, links no repositories and looks at no logs of clusters.
    actions=(
        "elasticmapreduce:AttachEditor",
        "elasticmapreduce:CreateEditor",
        "elasticmapreduce:DeleteEditor",
        "elasticmapreduce:DescribeEditor",
        "elasticmapreduce:DetachEditor",
        "elasticmapreduce:ListEditors",
        "elasticmapreduce:ListStudios",
        "elasticmapreduce:OpenEditorInConsole",
        "elasticmapreduce:StartEditor",
        "elasticmapreduce:StopEditor",
    ),
    page="Amazon EMR Management Guide: Configure EMR Studio user permissions for Amazon EC2 or Amazon EKS, "
    "basic user policy, which has no resource",
)
EMR_SESSION_IS_FOUND: Final = Need(
    actions=("emr-serverless:ListApplications",),
    page="Amazon EMR Serverless User Guide: Run interactive workloads with EMR Serverless through EMR Studio, "
    "required permissions",
)
EMR_SESSION_IS_BEGUN: Final = Need(
    actions=(
        "emr-serverless:AccessInteractiveEndpoints",
        "emr-serverless:AccessLivyEndpoints",
        "emr-serverless:GetApplication",
        "emr-serverless:StartApplication",
    ),
    page=EMR_SESSION_IS_FOUND.page,
)
EMR_ROLE_IS_PASSED: Final = Need(actions=("iam:PassRole",), page=EMR_SESSION_IS_FOUND.page)
_WORKSPACES: Final = "Amazon EMR Management Guide: Create an EMR Studio service role, service role permissions"
WORKSPACE_LOOKS_AT_NETWORK: Final = Need(
    actions=(
        "ec2:DescribeInstances",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeTags",
        "ec2:DescribeVpcs",
    ),
    page=_WORKSPACES,
)
WORKSPACE_MAKES_INTERFACE: Final = Need(actions=("ec2:CreateNetworkInterface",), page=_WORKSPACES)
WORKSPACE_TAGS_INTERFACE: Final = Need(actions=("ec2:CreateTags",), page=_WORKSPACES)
WORKSPACE_USES_INTERFACE: Final = Need(
    actions=(
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission",
    ),
    page=_WORKSPACES,
)
WORKSPACE_CHANGES_INTERFACE: Final = Need(actions=("ec2:ModifyNetworkInterfaceAttribute",), page=_WORKSPACES)
WORKSPACE_OPENS_GROUPS: Final = Need(
    actions=(
        "ec2:AuthorizeSecurityGroupEgress",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:RevokeSecurityGroupEgress",
        "ec2:RevokeSecurityGroupIngress",
    ),
    page=_WORKSPACES,
)
WORKSPACE_KEEPS_FILES: Final = Need(actions=("s3:PutObject", "s3:GetObject", "s3:DeleteObject"), page=_WORKSPACES)
WORKSPACE_FINDS_FILES: Final = Need(actions=("s3:ListBucket",), page=_WORKSPACES)
WORKSPACE_KNOWS_ENCRYPTION: Final = Need(actions=("s3:GetEncryptionConfiguration",), page=_WORKSPACES)
WORKSPACE_USES_KEY: Final = Need(
    actions=("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"),
    page=_WORKSPACES,
)

# ---- Lake Formation
REVOKES_IN_LAKE: Final = Need(
    actions=("lakeformation:ListPermissions", "lakeformation:RevokePermissions"),
    page="AWS Lake Formation Developer Guide: IAM permissions required to grant or revoke Lake Formation permissions",
)
REVOKES_ON_TABLES: Final = Need(
    actions=("glue:GetDatabase", "glue:GetTable", "glue:GetTables"), page=REVOKES_IN_LAKE.page
)
LOCATION_LISTS: Final = Need(
    actions=("s3:ListBucket",),
    page="AWS Lake Formation Developer Guide: Requirements for roles used to register locations",
)
LOCATION_CHANGES: Final = Need(actions=("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), page=LOCATION_LISTS.page)

# ---- Managed Flink
FLINK_READS_CODE: Final = Need(
    actions=("s3:GetObject", "s3:GetObjectVersion"),
    page="Managed Service for Apache Flink Developer Guide: Create a permissions policy",
)
FLINK_FINDS_LOGS: Final = Need(actions=("logs:DescribeLogGroups",), page=FLINK_READS_CODE.page)
FLINK_FINDS_LOG_STREAM: Final = Need(actions=("logs:DescribeLogStreams",), page=FLINK_READS_CODE.page)
FLINK_WRITES_LOGS: Final = Need(actions=("logs:PutLogEvents",), page=FLINK_READS_CODE.page)
FLINK_READS_KINESIS: Final = Need(
    # What Flink's source calls is DescribeStreamSummary; AWS's own examples for the service name DescribeStream, too.
    actions=LAMBDA_READS_KINESIS.actions,
    page=FLINK_READS_CODE.page,
)
FLINK_WRITES_KINESIS: Final = Need(
    actions=("kinesis:PutRecords",),
    page="Apache Flink connector for Amazon Kinesis Data Streams: the sink calls PutRecords and nothing else",
)

# ---- SES
SEND_FROM_TEMPLATE: Final = Need(
    # `SendEmail` of version 2 of the API takes a template, and SES then checks the right to send from templates, too.
    actions=("ses:SendEmail", "ses:SendTemplatedEmail"),
    page="Amazon SES Developer Guide: Controlling access to Amazon SES, actions for sending email; "
    "AWS Knowledge Center: Resolve access denied errors of Amazon SES",
)

# ---- Entity Resolution
MATCHING_READS_CATALOG: Final = Need(
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
MATCHING_READS_OBJECTS: Final = Need(actions=("s3:GetObject",), page=MATCHING_READS_CATALOG.page)
MATCHING_WRITES_OBJECTS: Final = Need(actions=("s3:PutObject",), page=MATCHING_READS_CATALOG.page)
MATCHING_USES_KEY: Final = Need(
    actions=("kms:Decrypt", "kms:GenerateDataKey", "kms:Encrypt"), page=MATCHING_READS_CATALOG.page
)
NAMESPACE_READS_KEY: Final = Need(actions=("kms:Decrypt",), page=MATCHING_READS_CATALOG.page)
MAPPING_READS_NAMESPACE: Final = Need(
    actions=("entityresolution:GetIdNamespace",),
    page="Service Authorization Reference: Actions, resources, and condition keys for AWS Entity Resolution",
)
MATCHING_LISTS_BUCKETS: Final = Need(
    actions=("s3:ListBucket", "s3:GetBucketLocation"), page=MATCHING_READS_CATALOG.page
)

# ---- Redshift Serverless
FIND_NAMESPACE: Final = Need(
    actions=("redshift-serverless:GetNamespace",),
    page="Amazon Redshift Serverless API Reference: GetNamespace",
)
RUN_STATEMENTS: Final = Need(
    actions=("redshift-data:BatchExecuteStatement",),
    page="Amazon Redshift Management Guide: Using the Amazon Redshift Data API, Configuring IAM permissions",
)
RUN_STATEMENT: Final = Need(actions=("redshift-data:ExecuteStatement",), page=RUN_STATEMENTS.page)
# None of the two accepts a resource: the Data API shows a statement only to whoever ran it.
LOOK_AT_STATEMENT: Final = Need(
    actions=("redshift-data:DescribeStatement",),
    page=RUN_STATEMENTS.page
    + "; Service Authorization Reference: Actions, resources, and condition keys for Amazon Redshift Data API",
)
READ_RESULT_OF_STATEMENT: Final = Need(actions=("redshift-data:GetStatementResult",), page=LOOK_AT_STATEMENT.page)
SIGN_IN_BY_SECRET: Final = Need(actions=("secretsmanager:GetSecretValue",), page=RUN_STATEMENTS.page)
SIGN_IN_AS_IDENTITY: Final = Need(actions=("redshift-serverless:GetCredentials",), page=RUN_STATEMENTS.page)
READ_SECRET_OF_REDSHIFT: Final = Need(
    actions=("kms:Decrypt",),
    page="Amazon Redshift Management Guide: Managing Amazon Redshift admin passwords using AWS Secrets Manager",
)
READ_EXTERNAL_SCHEMA: Final = Need(
    actions=("glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"),
    page="Amazon Redshift Database Developer Guide: IAM policies for Amazon Redshift Spectrum, "
    "Policies for using Amazon Redshift Spectrum with AWS Lake Formation",
)
LIMIT_USAGE: Final = Need(
    actions=(
        "redshift-serverless:CreateUsageLimit",
        "redshift-serverless:DeleteUsageLimit",
        "redshift-serverless:ListUsageLimits",
        "redshift-serverless:UpdateUsageLimit",
    ),
    page="Amazon Redshift Serverless API Reference: CreateUsageLimit and the operations beside it",
)

_ML: Final = (
    "Amazon Redshift Database Developer Guide: Cluster and configure setup for Amazon Redshift ML administration"
)
TRAIN_MODEL: Final = Need(
    actions=("sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"), page=_ML
)
COMPILE_MODEL: Final = Need(
    actions=("sagemaker:CreateCompilationJob", "sagemaker:DescribeCompilationJob", "sagemaker:StopCompilationJob"),
    page=_ML,
)
KEEP_TRAINING_DATA: Final = Need(
    actions=("s3:AbortMultipartUpload", "s3:GetObject", "s3:DeleteObject", "s3:PutObject"), page=_ML
)
SEE_TRAINING_BUCKET: Final = Need(actions=("s3:GetBucketLocation", "s3:ListBucket"), page=_ML)
HAND_ROLE_TO_TRAINING: Final = Need(actions=("iam:PassRole",), page=_ML)
ENCRYPT_TRAINING: Final = Need(
    actions=("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"), page=_ML
)
FETCH_TRAINING_TOKEN: Final = Need(actions=("ecr:GetAuthorizationToken",), page=_ML)
FETCH_TRAINING_IMAGE: Final = Need(
    actions=("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), page=_ML
)
LOG_TRAINING: Final = Need(
    actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"), page=_ML
)
MEASURE_TRAINING: Final = Need(actions=("cloudwatch:PutMetricData",), page=_ML)
# Where the warehouse's traffic stays in the network.
REACH_FROM_NETWORK: Final = Need(
    actions=(
        "ec2:CreateNetworkInterface",
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission",
        "ec2:ModifyNetworkInterfaceAttribute",
    ),
    page=_ML,
)
PLACE_IN_NETWORK: Final = Need(actions=("ec2:CreateNetworkInterface",), page=_ML)
LOOK_AROUND_NETWORK: Final = Need(
    actions=(
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeVpcs",
    ),
    page=_ML,
)
_STREAMING: Final = (
    "Amazon Redshift Database Developer Guide: Getting started with streaming ingestion from Amazon Kinesis "
    "Data Streams"
)
READ_STREAM_INTO_VIEW: Final = Need(
    actions=(
        "kinesis:DescribeStreamSummary",
        "kinesis:GetShardIterator",
        "kinesis:GetRecords",
        "kinesis:DescribeStream",
        "kinesis:ListShards",
    ),
    page=_STREAMING,
)
LIST_STREAMS: Final = Need(actions=("kinesis:ListStreams",), page=_STREAMING)

# ---- CodeBuild
BUILD_READS_SOURCE: Final = Need(
    actions=("s3:GetObject", "s3:GetObjectVersion"),
    page="AWS CodeBuild User Guide: Allow CodeBuild to interact with other AWS services",
)
BUILD_WRITES_LOGS: Final = Need(
    # CloudFormation makes the log group.
    actions=("logs:CreateLogStream", "logs:PutLogEvents"),
    page=BUILD_READS_SOURCE.page,
)

SPARK_LOOKS_FOR_FOLDER: Final = Need(
    # A HEAD request for an object of the folder's own name, whose refusal ends the job.
    actions=("s3:GetObject",),
    page="Amazon EMR Release Guide: Migration Guide: EMRFS to S3A Filesystem, which names Glue",
)

# ---- AppFlow, which has no role: bucket and key let the service in
FLOW_LANDS_FILES: Final = Need(
    actions=("s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
    page="Amazon AppFlow User Guide: Amazon S3 bucket policies for Amazon AppFlow",
)
FLOW_SEES_BUCKET: Final = Need(actions=("s3:GetBucketAcl", "s3:ListBucketMultipartUploads"), page=FLOW_LANDS_FILES.page)
FLOW_USES_KEY: Final = Need(
    actions=("kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"),
    page="Amazon AppFlow User Guide: Data protection in Amazon AppFlow, and Salesforce: the key's policy",
)
STEP_FUNCTIONS_ASK_FLOW: Final = Need(
    actions=("appflow:DescribeFlowExecutionRecords",),
    page="Service Authorization Reference: Actions, resources, and condition keys for Amazon AppFlow",
)

# ---- QuickSight, which asks Athena under the role of a data source
DATA_SOURCE_QUERIES: Final = Need(
    actions=(
        "athena:StartQueryExecution",
        "athena:StopQueryExecution",
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:GetQueryResultsStream",
        "athena:GetWorkGroup",
    ),
    page="AWS Managed Policy Reference: AWSQuicksightAthenaAccess, without what browses catalogs",
)
EMBEDS_FOR_USER: Final = Need(
    actions=("quicksight:GenerateEmbedUrlForRegisteredUser",),
    page="Amazon Quick Sight User Guide: Embedding dashboards for registered users, Step 1: Set up permissions",
)
DATA_SOURCE_READS_CATALOG: Final = Need(
    actions=("glue:GetDatabase", "glue:GetTable", "glue:GetTables"), page=DATA_SOURCE_QUERIES.page
)

# ---- models on SageMaker: what starts jobs, and what the jobs do with their role
_ROLES: Final = "Amazon SageMaker AI Developer Guide: How to use SageMaker AI execution roles"
_REFERENCE: Final = "Service Authorization Reference: Actions, resources, and condition keys for Amazon SageMaker"
_PIPELINES: Final = "Amazon SageMaker AI Developer Guide: IAM Access Management, pipeline role permissions"
LIST_PACKAGES: Final = Need(actions=("sagemaker:ListModelPackages",), page=_REFERENCE)
LOOK_AT_PACKAGE: Final = Need(actions=("sagemaker:DescribeModelPackage",), page=_REFERENCE)
START_PIPELINE: Final = Need(actions=("sagemaker:StartPipelineExecution",), page=_REFERENCE)
LOOK_AT_PIPELINE: Final = Need(actions=("sagemaker:DescribePipelineExecution",), page=_REFERENCE)
LOOK_AT_STEPS: Final = Need(actions=("sagemaker:ListPipelineExecutionSteps",), page=_REFERENCE)
START_BATCH: Final = Need(actions=("sagemaker:CreateTransformJob",), page=_REFERENCE)
LOOK_AT_BATCH: Final = Need(actions=("sagemaker:DescribeTransformJob",), page=_REFERENCE)
START_PROCESSING: Final = Need(actions=("sagemaker:CreateProcessingJob",), page=_REFERENCE)
LOOK_AT_PROCESSING: Final = Need(actions=("sagemaker:DescribeProcessingJob",), page=_REFERENCE)
PASS_TO_JOB: Final = Need(actions=("iam:PassRole",), page=f"{_ROLES}, pass an execution role")
ENCRYPT_DISKS: Final = Need(
    actions=("kms:CreateGrant", "kms:DescribeKey"), page=f"{_ROLES}, CreateProcessingJob and CreateTrainingJob"
)
PIPELINE_PROCESSES: Final = Need(
    actions=("sagemaker:CreateProcessingJob", "sagemaker:DescribeProcessingJob", "sagemaker:StopProcessingJob"),
    page=_PIPELINES,
)
PIPELINE_TRAINS: Final = Need(
    actions=("sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"),
    page=_PIPELINES,
)
PIPELINE_TAGS: Final = Need(actions=("sagemaker:AddTags",), page=_PIPELINES)
PIPELINE_REGISTERS: Final = Need(
    actions=("sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage"), page=_PIPELINES
)
PIPELINE_REGISTERS_IN_GROUP: Final = Need(actions=("sagemaker:CreateModelPackage",), page=_REFERENCE)
JOB_READS: Final = Need(actions=("s3:GetObject",), page=f"{_ROLES}, CreateProcessingJob: execution role permissions")
JOB_WRITES: Final = Need(actions=("s3:PutObject",), page=JOB_READS.page)
JOB_LISTS: Final = Need(actions=("s3:ListBucket",), page=JOB_READS.page)
JOB_FETCHES_TOKEN: Final = Need(actions=("ecr:GetAuthorizationToken",), page=JOB_READS.page)
JOB_FETCHES_IMAGE: Final = Need(
    actions=("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"), page=JOB_READS.page
)
JOB_LOGS: Final = Need(
    actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
    page=JOB_READS.page,
)
JOB_MEASURES: Final = Need(actions=("cloudwatch:PutMetricData",), page=JOB_READS.page)
STEP_FUNCTIONS_MEASURE: Final = Need(
    actions=("cloudwatch:PutMetricData",), page="Amazon CloudWatch API Reference: PutMetricData"
)
STEP_FUNCTIONS_READ_OBJECT: Final = Need(
    actions=("s3:GetObject",), page="Amazon S3 API Reference: GetObject, permissions"
)

# ---- DataBrew, which works with the role of a job
DATABREW_FINDS_TABLE: Final = Need(
    actions=("glue:GetDatabase", "glue:GetDatabases", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"),
    page="AWS Managed Policy Reference: AWSGlueDataBrewServiceRole",
)
DATABREW_READS: Final = Need(
    actions=("s3:GetObject",), page="AWS Glue DataBrew Developer Guide: AwsGlueDataBrewDataResourcePolicy"
)
DATABREW_LISTS: Final = Need(actions=("s3:ListBucket",), page=DATABREW_READS.page)
DATABREW_REPLACES: Final = Need(actions=("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), page=DATABREW_READS.page)
DATABREW_LOGS: Final = Need(
    actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"), page=DATABREW_FINDS_TABLE.page
)
STEP_FUNCTIONS_RUN_DATABREW: Final = Need(
    actions=("databrew:StartJobRun", "databrew:ListJobRuns", "databrew:StopJobRun"),
    page="AWS Step Functions Developer Guide: Start AWS Glue DataBrew jobs with Step Functions, run a job (.sync)",
)
PUBLISH_RECIPE: Final = Need(
    actions=("databrew:PublishRecipe", "databrew:ListRecipeVersions", "databrew:BatchDeleteRecipeVersion"),
    page="Service Authorization Reference: Actions, resources, and condition keys for AWS Glue DataBrew",
)
STEP_FUNCTIONS_QUERY: Final = Need(
    actions=("athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution"),
    page="AWS Step Functions Developer Guide: Run Athena queries with Step Functions, StartQueryExecution (.sync)",
)
STEP_FUNCTIONS_FIND_CATALOG: Final = Need(actions=("athena:GetDataCatalog",), page=STEP_FUNCTIONS_QUERY.page)
STEP_FUNCTIONS_LIST_OBJECTS: Final = Need(
    actions=("s3:ListBucket",), page="Amazon S3 API Reference: ListObjectsV2, permissions"
)
STEP_FUNCTIONS_DELETE_OBJECT: Final = Need(
    actions=("s3:DeleteObject",), page="Amazon S3 API Reference: DeleteObject, permissions"
)

# ---- SageMaker Studio: an app acts as the role of its user, and so does the page that starts it
STUDIO_LISTS: Final = Need(
    actions=("sagemaker:ListApps", "sagemaker:ListDomains", "sagemaker:ListSpaces", "sagemaker:ListUserProfiles"),
    page="Amazon SageMaker AI Developer Guide: Give your users access to spaces",
)
STUDIO_SHOWS_DOMAIN: Final = Need(actions=("sagemaker:DescribeDomain",), page=STUDIO_LISTS.page)
STUDIO_SHOWS_PROFILE: Final = Need(
    actions=("sagemaker:DescribeUserProfile", "sagemaker:CreatePresignedDomainUrl"), page=STUDIO_LISTS.page
)
STUDIO_SHOWS_SPACE: Final = Need(actions=("sagemaker:DescribeSpace",), page=STUDIO_LISTS.page)
STUDIO_SHOWS_APP: Final = Need(actions=("sagemaker:DescribeApp",), page=STUDIO_LISTS.page)
STUDIO_MAKES_SPACES: Final = Need(
    actions=("sagemaker:CreateSpace", "sagemaker:UpdateSpace", "sagemaker:DeleteSpace"), page=STUDIO_LISTS.page
)
STUDIO_RUNS_APPS: Final = Need(actions=("sagemaker:CreateApp", "sagemaker:DeleteApp"), page=STUDIO_LISTS.page)
# Studio tags what it makes, and what it may not tag it does not make.
STUDIO_TAGS: Final = Need(
    actions=("sagemaker:AddTags",),
    page="Amazon SageMaker AI Developer Guide: Provide permissions for tagging SageMaker AI resources",
)
STUDIO_NAMES_USERS: Final = Need(
    actions=("sts:AssumeRole", "sts:SetSourceIdentity"),
    page="Amazon SageMaker AI Developer Guide: Monitor user resource access from SageMaker AI Studio with "
    "sourceIdentity, the trust policy of execution roles",
)
STUDIO_ENCRYPTS_DISKS: Final = Need(
    actions=("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"),
    page="Amazon SageMaker AI Developer Guide: Protect Data at Rest Using Encryption, volumes of Studio's spaces",
)
STUDIO_LOGS: Final = Need(
    actions=("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
    page="Amazon SageMaker AI Developer Guide: SageMaker AI roles, CreateApp: execution role permissions",
)
STUDIO_FETCHES_NOTEBOOKS: Final = Need(
    actions=("s3:GetObject",),
    page="Amazon SageMaker AI Developer Guide: Use lifecycle configurations with JupyterLab, which run as the app",
)
CANVAS_LISTS: Final = Need(
    actions=("athena:ListDataCatalogs", "athena:ListWorkGroups"),
    page="AWS Managed Policy Reference: AmazonSageMakerCanvasDataPrepFullAccess, what reads Athena",
)
CANVAS_BROWSES: Final = Need(
    actions=("athena:GetDataCatalog", "athena:GetTableMetadata", "athena:ListDatabases", "athena:ListTableMetadata"),
    page=CANVAS_LISTS.page,
)
CANVAS_KEEPS: Final = Need(
    actions=("s3:GetObject", "s3:PutObject", "s3:DeleteObject"),
    page="Amazon SageMaker AI Developer Guide: Configure your Amazon S3 storage for Canvas",
)
CANVAS_FINDS: Final = Need(actions=("s3:GetBucketLocation", "s3:ListBucket"), page=CANVAS_KEEPS.page)
PROFILE_IS_SET_UP: Final = Need(
    actions=("sagemaker:DescribeUserProfile", "sagemaker:UpdateUserProfile"),
    page="Service Authorization Reference: Actions, resources, and condition keys for Amazon SageMaker",
)
PROFILE_IS_SEARCHED: Final = Need(
    actions=("sagemaker:ListApps", "sagemaker:ListSpaces"),
    page="Amazon SageMaker AI Developer Guide: Delete an Amazon SageMaker AI domain: apps, spaces, profiles, domain",
)
PROFILE_LOSES_APPS: Final = Need(actions=("sagemaker:DeleteApp",), page=PROFILE_IS_SEARCHED.page)
PROFILE_LOSES_SPACES: Final = Need(actions=("sagemaker:DeleteSpace",), page=PROFILE_IS_SEARCHED.page)

# ---- Clean Rooms, which reads a shared table under the role of its association
CLEAN_ROOM_READS_CATALOG: Final = Need(
    # GetSchema and GetSchemaVersion are for tables whose schema is in a registry; ours have none there.
    actions=(
        "glue:GetDatabase",
        "glue:GetDatabases",
        "glue:GetTable",
        "glue:GetTables",
        "glue:GetPartition",
        "glue:GetPartitions",
        "glue:BatchGetPartition",
    ),
    page="AWS Clean Rooms User Guide: Create a service role to read data from Amazon S3",
)
CLEAN_ROOM_FINDS_OBJECTS: Final = Need(
    actions=("s3:GetBucketLocation", "s3:ListBucket"), page=CLEAN_ROOM_READS_CATALOG.page
)
CLEAN_ROOM_READS_OBJECTS: Final = Need(actions=("s3:GetObject",), page=CLEAN_ROOM_READS_CATALOG.page)

# ---- Athena
UNLOAD_WRITES: Final = Need(
    actions=("s3:PutObject", "s3:AbortMultipartUpload"),
    page="Amazon Athena User Guide: Control access to Amazon S3 from Athena, the location that a query writes to",
)
UNLOAD_READS_TABLE: Final = Need(
    actions=("glue:GetDatabase", "glue:GetTable"),
    page="Amazon Athena User Guide: Configure access to databases and tables in the AWS Glue Data Catalog",
)
QUERY_DEFAULT_DATABASE: Final = Need(
    actions=("glue:GetDatabase",),
    page="Amazon Athena User Guide: Configure access to databases and tables in the AWS Glue Data Catalog, "
    "access policy for the default database and catalog per Region",
)
QUERY_FINDS_RESULTS: Final = Need(
    actions=("s3:GetBucketLocation", "s3:ListBucket"),
    page="Amazon Athena User Guide: Control access to Amazon S3 from Athena, "
    "and AWS managed policy: AmazonAthenaFullAccess",
)
QUERY_WRITES_RESULTS: Final = Need(
    # The managed policy also lists the uploads of the whole bucket, which would show one querier the queries of others.
    actions=("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
    page=QUERY_FINDS_RESULTS.page,
)

RUN_QUERIES: Final = Need(
    # A caller that gives up stops its query, which would go on and cost.
    actions=(
        "athena:StartQueryExecution",
        "athena:StopQueryExecution",
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:GetWorkGroup",
    ),
    page="Amazon Athena User Guide: Example workgroup policies, running queries in a workgroup",
)
WORK_IN_WORKGROUP: Final = Need(
    # What the console and the drivers ask for a person, who also saves queries and looks at those before.
    actions=(
        "athena:BatchGetNamedQuery",
        "athena:BatchGetQueryExecution",
        "athena:GetNamedQuery",
        "athena:GetQueryResultsStream",
        "athena:ListNamedQueries",
        "athena:ListQueryExecutions",
    ),
    page="Amazon Athena User Guide: Example workgroup policies, full access to a single workgroup",
)
EXECUTE_PREPARED: Final = Need(
    # Beside StartQueryExecution. Whoever may only execute prepares nothing, and changes nothing that others execute.
    actions=("athena:GetPreparedStatement", "athena:ListPreparedStatements"),
    page="Amazon Athena User Guide: Allow access to prepared statements",
)
BROWSE_TABLES: Final = Need(
    actions=("glue:GetDatabase", "glue:GetTable", "glue:GetTables"),
    page="Amazon Athena User Guide: Configure access to databases and tables in the AWS Glue Data Catalog, "
    "what DDL statements and the console's list of tables need",
)
REPLACES_TABLES: Final = Need(
    # dbt deletes the files of a table before it makes it again, and those of the temporary tables of a merge.
    actions=("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"),
    page="dbt-athena documentation: Get started, the permissions that the adapter's user needs on the data in S3",
)
DROPS_TEMPORARY_TABLES: Final = Need(actions=("s3:DeleteObject",), page=REPLACES_TABLES.page)
FINDS_TABLES: Final = Need(
    # CREATE TABLE AS asks where the bucket is that it writes to.
    actions=("s3:GetBucketLocation", "s3:ListBucket"),
    page=QUERY_FINDS_RESULTS.page,
)
REPLACES_VIEWS: Final = Need(
    actions=("glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable", "glue:GetTableVersions"),
    page="Amazon Athena User Guide: Configure access to databases and tables in the AWS Glue Data Catalog, "
    "fine-grained access for CREATE VIEW and DROP VIEW; dbt-athena reads the versions of what it replaces",
)

# ---- what our own code calls, where a template alone shows that it may
FLINK_FINDS_DATABASE: Final = Need(
    actions=("glue:GetDatabase",),
    page="Apache Iceberg documentation, AWS and Flink: the catalog looks for a database before it loads its tables",
)
FLINK_READS_TABLE: Final = Need(
    actions=("glue:GetTable",),
    page="Apache Iceberg documentation, AWS: the Glue catalog loads a table by its database and its name",
)
FLINK_READS_OBJECTS: Final = Need(
    actions=("s3:GetObject",),
    page="Apache Iceberg documentation, AWS: S3FileIO opens each file by its name",
)
COMMIT_TO_TABLE: Final = Need(
    # A writer uploads a large file in parts, gives up the parts of one that fails, and deletes what no snapshot got.
    actions=("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"),
    page="Apache Iceberg documentation, AWS: S3FileIO, progressive multipart upload; "
    "Reliability: files of a failed commit are deleted",
)
SEE_THAT_AN_OBJECT_IS_MISSING: Final = Need(
    # Without it the answer is a refusal, and a reader cannot tell a missing object from a missing right.
    actions=("s3:ListBucket",),
    page="Amazon S3 API Reference: GetObject, permissions, and HeadObject, permissions",
)
LOCK_WORK: Final = Need(
    # A lock that is held is read, one whose work failed is deleted: neither happens on a good day.
    actions=("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
    page="Powertools for AWS Lambda (Python) documentation: Idempotency, required resources",
)
PUBLISH_DATA_QUALITY: Final = Need(
    actions=("glue:PublishDataQuality",),
    page="AWS Glue Developer Guide: Setting up IAM permissions for AWS Glue Data Quality",
)
MEASURE_DATA_QUALITY: Final = Need(actions=("cloudwatch:PutMetricData",), page=PUBLISH_DATA_QUALITY.page)

# ---- Personalize
PERSONALIZE_USES_KEY: Final = Need(
    actions=("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:ListGrants"),
    page="Amazon Personalize Developer Guide: Giving Amazon Personalize permission to use your AWS KMS key",
)
PERSONALIZE_GRANTS_KEY: Final = Need(
    actions=(*PERSONALIZE_USES_KEY.actions, "kms:CreateGrant"),
    page=PERSONALIZE_USES_KEY.page,
)
PERSONALIZE_LISTS_OBJECTS: Final = Need(
    actions=("s3:ListBucket",),
    page="Amazon Personalize Developer Guide: Giving Amazon Personalize access to Amazon S3 resources",
)
PERSONALIZE_READS_OBJECTS: Final = Need(
    actions=("s3:GetObject",),
    page="Amazon Personalize Developer Guide: Giving Amazon Personalize access to Amazon S3 resources",
)
PERSONALIZE_PUTS_METRICS: Final = Need(
    actions=("cloudwatch:PutMetricData",),
    page="Amazon Personalize Developer Guide: Giving Amazon Personalize permission to send metrics",
)
PASS_TO_PERSONALIZE: Final = Need(
    actions=("iam:PassRole",),
    page="Amazon Personalize Developer Guide: Giving users permission to access Amazon Personalize",
)
LOOK_AT_SOLUTION: Final = Need(
    actions=("personalize:DescribeSolution",),
    page="Service Authorization Reference: Actions, resources, and condition keys for Amazon Personalize",
)
CHANGE_SOLUTION: Final = Need(
    actions=("personalize:UpdateSolution",),
    page=LOOK_AT_SOLUTION.page,
)
