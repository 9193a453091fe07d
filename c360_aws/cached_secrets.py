"""Secrets that functions read again and again: kept for some minutes, so that a rotated one is picked up by itself."""

from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.utilities.parameters import SecretsProvider

from c360_aws.secrets import checked_text
from c360_core.identity.keys import secret_bytes

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS: Final = 300


class CachedSecrets:
    """Secrets from Secrets Manager, each read at most once in five minutes."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._provider = SecretsProvider(boto3_client=client)

    def text(self, arn: str) -> str:
        """Return the value of a secret, at most five minutes old; raises as `secrets.read_secret` does."""
        return checked_text(arn, self._provider.get(arn, max_age=CACHE_SECONDS))

    def hash_secret(self, arn: str) -> bytes:
        """Return the key under which identifiers are hashed, at most five minutes old."""
        return secret_bytes(self.text(arn))
