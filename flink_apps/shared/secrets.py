"""The hashing secret, fetched on the worker that uses it.

A job holds only a reference to the secret. A worker reads the value when it opens the function, so the value is never
in a job graph, a checkpoint or a log.
"""

from dataclasses import dataclass
from typing import Protocol

from c360_aws.secrets import read_hash_secret


class SecretReader(Protocol):
    """Reads one secret."""

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
        return read_hash_secret(client, self.arn)
