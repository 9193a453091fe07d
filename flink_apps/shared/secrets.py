"""The hashing secret, fetched where it is used.

A job carries a reference to the secret. Its value is read when a function opens on a worker, so that it is neither
in the job graph nor in a checkpoint nor in a log.
"""

from dataclasses import dataclass
from typing import Protocol

from c360_core.identity.keys import secret_bytes


class SecretReader(Protocol):
    """Something that can read one secret."""

    def read(self) -> bytes:
        """Return the secret's value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSecret:
    """A secret of AWS Secrets Manager, by its ARN."""

    arn: str
    region: str

    def read(self) -> bytes:
        """Fetch the current value of the secret from AWS."""
        import boto3  # only the worker that opens the function needs it

        client = boto3.client("secretsmanager", region_name=self.region)
        value: str = client.get_secret_value(SecretId=self.arn)["SecretString"]
        return secret_bytes(value)
