"""Secrets that functions read again and again: kept for some minutes, so that a rotated one is picked up by itself."""

import time
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from botocore.exceptions import ClientError

from c360_aws.secrets import NO_SUCH_VERSION, PREVIOUS, checked_text
from c360_core.identity.keys import secret_bytes

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS: Final = 300


class CachedSecrets:
    """Secrets from Secrets Manager, each read at most once in five minutes."""

    def __init__(self, client: "SecretsManagerClient") -> None:
        self._provider = SecretsProvider(boto3_client=client)
        self._client = client
        self._previous: dict[str, tuple[float, str | None]] = {}  # until when, and what

    def text(self, arn: str) -> str:
        """Return the value of a secret, at most five minutes old; raises as `secrets.read_secret` does."""
        return checked_text(arn, self._provider.get(arn, max_age=CACHE_SECONDS))

    def previous_text(self, arn: str) -> str | None:
        """Return the value before the current one, or None if there is none; at most five minutes old.

        Powertools knows its values by the secret alone, without the version, and does not keep that there is none.
        """
        until, text = self._previous.get(arn, (0.0, None))
        if time.monotonic() >= until:
            text = self._read_previous(arn)
            self._previous[arn] = (time.monotonic() + CACHE_SECONDS, text)
        return text

    def _read_previous(self, arn: str) -> str | None:
        try:
            return self._client.get_secret_value(SecretId=arn, VersionStage=PREVIOUS).get("SecretString")
        except ClientError as error:
            if error.response["Error"]["Code"] != NO_SUCH_VERSION:
                raise
            return None

    def hash_secret(self, arn: str) -> bytes:
        """Return the key under which identifiers are hashed, at most five minutes old."""
        return secret_bytes(self.text(arn))
