"""AWS clients, made once per function instance and safe to share between threads."""

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_databrew import GlueDataBrewClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lakeformation import LakeFormationClient
    from mypy_boto3_redshift_serverless import RedshiftServerlessClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

RETRYING: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=2,
    read_timeout=5,
    max_pool_connections=16,
)
# Nobody waits at a screen for what happens during a deployment.
PATIENT: Final = RETRYING.merge(Config(read_timeout=30))
# A service that takes few requests a second is asked at the pace that it allows.
ADAPTING: Final = RETRYING.merge(Config(retries={"mode": "adaptive", "total_max_attempts": 6}, read_timeout=10))
# A message that the service may have taken must not be handed over again: one attempt, with a long timeout.
ONE_ATTEMPT: Final = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=2, read_timeout=20)


@cache
def dynamodb() -> Any:
    """Return a DynamoDB client that takes and returns Python values."""
    return boto3.resource("dynamodb", config=RETRYING).meta.client


@cache
def dynamodb_plain() -> "DynamoDBClient":
    """Return a DynamoDB client that takes and returns DynamoDB's own typed values, as Powertools needs it."""
    return boto3.client("dynamodb", config=RETRYING)


@cache
def kinesis() -> "KinesisClient":
    """Return a Kinesis client."""
    return boto3.client("kinesis", config=RETRYING)


@cache
def msk() -> Any:
    """Return a client of MSK."""
    return boto3.client("kafka", config=PATIENT)


@cache
def secrets_manager() -> "SecretsManagerClient":
    """Return a Secrets Manager client."""
    return boto3.client("secretsmanager", config=RETRYING)


@cache
def event_bridge() -> "EventBridgeClient":
    """Return an EventBridge client."""
    return boto3.client("events", config=RETRYING)


@cache
def quicksight() -> Any:
    """Return a QuickSight client."""
    return boto3.client("quicksight", config=RETRYING)


@cache
def glue() -> "GlueClient":
    """Return a Glue client."""
    return boto3.client("glue", config=PATIENT)


@cache
def sagemaker() -> Any:
    """Return a client of SageMaker."""
    return boto3.client("sagemaker", config=PATIENT)


@cache
def sagemaker_runtime() -> Any:
    """Return a client of the endpoints of SageMaker; somebody waits, and the first answer may take long."""
    return boto3.client("sagemaker-runtime", config=ONE_ATTEMPT)


@cache
def feature_store() -> Any:
    """Return a client of the records of SageMaker's Feature Store."""
    return boto3.client("sagemaker-featurestore-runtime", config=RETRYING)


@cache
def lake_formation() -> "LakeFormationClient":
    """Return a Lake Formation client."""
    return boto3.client("lakeformation", config=PATIENT)


@cache
def databrew() -> "GlueDataBrewClient":
    """Return a client of DataBrew."""
    return boto3.client("databrew", config=PATIENT)


@cache
def comprehend() -> Any:
    """Return a client of Comprehend."""
    return boto3.client("comprehend", config=ADAPTING)


@cache
def redshift_serverless() -> "RedshiftServerlessClient":
    """Return a client of Redshift Serverless."""
    return boto3.client("redshift-serverless", config=PATIENT)


@cache
def s3() -> "S3Client":
    """Return an S3 client."""
    return boto3.client("s3", config=RETRYING)


@cache
def sqs() -> "SQSClient":
    """Return an SQS client."""
    return boto3.client("sqs", config=RETRYING)


@cache
def step_functions() -> "SFNClient":
    """Return a Step Functions client."""
    return boto3.client("stepfunctions", config=RETRYING)


@cache
def sms_voice() -> Any:
    """Return a client of AWS End User Messaging SMS that makes one attempt."""
    return boto3.client("pinpoint-sms-voice-v2", config=ONE_ATTEMPT)


@cache
def push() -> Any:
    """Return a client of AWS End User Messaging Push that makes one attempt."""
    return boto3.client("pinpoint", config=ONE_ATTEMPT)


@cache
def ses() -> "SESV2Client":
    """Return an SES client that makes one attempt."""
    return boto3.client("sesv2", config=ONE_ATTEMPT)


@cache
def personalize_runtime() -> Any:
    """Return a client that asks campaigns of Personalize."""
    return boto3.client("personalize-runtime", config=RETRYING)


@cache
def personalize_events() -> Any:
    """Return a client that tells Personalize of events."""
    return boto3.client("personalize-events", config=RETRYING)
