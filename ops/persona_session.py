"""Sessions of personas, for whoever their trust policies name and for whoever may deploy."""

from typing import Final

import boto3
from botocore.exceptions import ClientError

SESSION_NAME: Final = "c360"
_DEPLOYER: Final = "cdk-hnb659fds-deploy-role"  # of the default bootstrap; every persona trusts it
DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException"})  # the codes with which AWS refuses a call
_PARTITION, _ACCOUNT = 1, 4  # the parts of an ARN


def persona_session(session: boto3.Session, persona_arn: str, *, endpoint: str | None = None) -> boto3.Session:
    """Return a session of a persona, through the role that starts deployments if the caller itself is not trusted.

    Args:
        session: the caller's, with a Region.
        persona_arn: the persona's role.
        endpoint: of the emulator that stands for AWS.

    Raises:
        ClientError: neither the caller nor that role may assume the persona.
    """
    try:
        return _assumed(session, persona_arn, endpoint)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in DENIED:
            raise
        parts = persona_arn.split(":")
        name = f"{_DEPLOYER}-{parts[_ACCOUNT]}-{session.region_name}"
        deployer = f"arn:{parts[_PARTITION]}:iam::{parts[_ACCOUNT]}:role/{name}"
        try:
            return _assumed(_assumed(session, deployer, endpoint), persona_arn, endpoint)
        except ClientError:
            raise refusal from None  # what the caller lacks is a trust policy that names it


def _assumed(session: boto3.Session, role_arn: str, endpoint: str | None) -> boto3.Session:
    sts = session.client("sts", endpoint_url=endpoint)
    granted = sts.assume_role(RoleArn=role_arn, RoleSessionName=SESSION_NAME)["Credentials"]
    return boto3.Session(
        aws_access_key_id=granted["AccessKeyId"],
        aws_secret_access_key=granted["SecretAccessKey"],
        aws_session_token=granted["SessionToken"],
        region_name=session.region_name,
    )
