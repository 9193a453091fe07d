"""Secrets of Secrets Manager, read at run time: no template, job graph or log holds a value."""

from typing import TYPE_CHECKING, Final, Protocol

from c360_core.identity.keys import secret_bytes

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


# The labels that Secrets Manager gives to versions, and its error where no version has a label or a value.
CURRENT: Final = "AWSCURRENT"
PREVIOUS: Final = "AWSPREVIOUS"
PENDING: Final = "AWSPENDING"
NO_SUCH_VERSION: Final = "ResourceNotFoundException"


class Secrets(Protocol):
    """Where secrets come from."""

    def text(self, arn: str) -> str:
        """Return the current value of a secret."""


class RotatedSecrets(Secrets, Protocol):
    """Where secrets come from that are rotated."""

    def previous_text(self, arn: str) -> str | None:
        """Return the value that a secret had before its current one, or None."""


def read_secret(client: "SecretsManagerClient", arn: str) -> str:
    """Return the current value of a secret.

    Raises:
        ValueError: the value is no text, or empty; the message names the secret.
        ClientError: Secrets Manager refused.
    """
    return checked_text(arn, client.get_secret_value(SecretId=arn).get("SecretString"))


def checked_text(arn: str, value: object) -> str:
    """Return the value of a secret as it must be.

    Raises:
        ValueError: the value is no text, or empty; the message names the secret.
    """
    if not isinstance(value, str) or not value:
        raise ValueError(f"secret {arn}: expected a text that is not empty; store one")
    return value


def read_hash_secret(client: "SecretsManagerClient", arn: str) -> bytes:
    """Return the key under which identifiers are hashed.

    Raises:
        ValueError: the value is no text, or too short for a key.
        ClientError: Secrets Manager refused.
    """
    return secret_bytes(read_secret(client, arn))
