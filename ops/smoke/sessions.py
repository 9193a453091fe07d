"""Sessions of roles that the smoke test asks as."""

from functools import cache

import boto3

from ops.persona_session import persona_session
from ops.smoke.deployed import Clients


def clients_of_role(role_arn: str) -> Clients:
    """Return what gives clients that act as a persona's role.

    Raises:
        ClientError: the role may be assumed in neither way.
    """
    return cache(persona_session(boto3.Session(), role_arn).client)
