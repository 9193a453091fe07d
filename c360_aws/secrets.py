"""Secrets, fetched at run time and kept for some minutes, so that a rotated one is taken up by itself."""

from typing import TYPE_CHECKING, Final, Protocol

from aws_lambda_powertools.utilities.parameters import SecretsProvider

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEEP_SECONDS: Final = 300


class Secrets(Protocol):
    """Where secrets come from."""

    def text(self, arn: str) -> str:
        """Return the current value of a secret."""


class CachedSecrets:
    """Secrets from Secrets Manager, each asked for at most once in five minutes."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._provider = SecretsProvider(boto3_client=client)

    def text(self, arn: str) -> str:
        """Return the current value of a secret."""
        value = self._provider.get(arn, max_age=KEEP_SECONDS)
        if not isinstance(value, str) or not value:
            raise ValueError(f"secret {arn}: expected a text that is not empty")
        return value
