"""Sessions of roles that the smoke test asks as."""

from functools import cache
from typing import Final

import boto3

from ops.smoke.deployed import Clients

SESSION_NAME: Final = "smoke-test"


def clients_of_role(role_arn: str) -> Clients:
    """Return what gives clients that act as a role.

    Raises:
        ClientError: the role may not be assumed.
    """
    sts = boto3.client("sts")
    granted = sts.assume_role(RoleArn=role_arn, RoleSessionName=SESSION_NAME)["Credentials"]
    session = boto3.Session(
        aws_access_key_id=granted["AccessKeyId"],
        aws_secret_access_key=granted["SecretAccessKey"],
        aws_session_token=granted["SessionToken"],
    )
    return cache(session.client)
