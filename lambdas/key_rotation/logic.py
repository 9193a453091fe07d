"""The four steps in which Secrets Manager rotates a secret; each may be repeated.

A source's key changes in two stages, so that its events never stop. After a rotation the new key is the current one,
and the key before it stays the previous one until the next rotation; the collector accepts both. So a source has the
whole time between two rotations to take the new key.
"""

import json
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from c360_aws.secrets import CURRENT, NO_SUCH_VERSION, PENDING, checked_text
from c360_core.secret_text import parts

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

KEY_LENGTH: Final = 40
_CHARACTERS: Final = string.ascii_letters + string.digits
_ROTATED_PARTS: Final = ("key", "signing_secret")


class Step(StrEnum):
    """The steps, in the order in which Secrets Manager asks for them."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


def new_text() -> str:
    """Return a random text that needs no escaping in a header, an address or a page."""
    return "".join(secrets.choice(_CHARACTERS) for _ in range(KEY_LENGTH))


def renewed(secret_string: str, make: Callable[[], str] = new_text) -> str:
    """Return a secret with another key, and another signing secret if it has one; all else of it stays.

    Raises:
        ValueError: the secret has no key.
    """
    document = _with_key(secret_string)
    fresh = {part: make() for part in _ROTATED_PARTS if document.get(part)}
    return json.dumps({**document, **fresh}) if _is_document(secret_string) else fresh["key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One rotation of one secret.

    Attributes:
        client: of Secrets Manager.
        arn: of the secret.
        version: id of the version that is to become the current one.
    """

    client: "SecretsManagerClient"
    arn: str
    version: str

    def run(self, step: Step) -> bool:
        """Do a step; return whether it made the version the current one.

        Raises:
            ValueError: the secret is not being rotated to this version, or has no key.
            ClientError: Secrets Manager refused.
        """
        stages = self._stages()
        if CURRENT in stages.get(self.version, ()):
            return False  # this step repeats one of a rotation that has ended
        if PENDING not in stages.get(self.version, ()):
            raise ValueError(f"secret {self.arn}: version {self.version} is not pending; start another rotation")
        match step:
            case Step.CREATE:
                self._create()
            case Step.SET:
                pass  # the collector reads the secret itself: there is no other place to write the key to
            case Step.TEST:
                # Secrets Manager asks for this step alone, without a new value, when it begins to follow a schedule.
                _with_key(self._text(self.version) or self._current())
            case Step.FINISH:
                return self._finish(stages)
        return False

    def _stages(self) -> Mapping[str, list[str]]:
        return self.client.describe_secret(SecretId=self.arn).get("VersionIdsToStages", {})

    def _create(self) -> None:
        """Store the new value, unless an earlier attempt did: a second one would be refused."""
        if self._text(self.version) is None:
            self.client.put_secret_value(
                SecretId=self.arn,
                ClientRequestToken=self.version,
                SecretString=renewed(self._current()),
                VersionStages=[PENDING],
            )

    def _finish(self, stages: Mapping[str, list[str]]) -> bool:
        """Make the version the current one; Secrets Manager makes the one before it the previous one."""
        _with_key(checked_text(self.arn, self._text(self.version)))
        before = next(version for version, held in stages.items() if CURRENT in held)
        self.client.update_secret_version_stage(
            SecretId=self.arn, VersionStage=CURRENT, MoveToVersionId=self.version, RemoveFromVersionId=before
        )
        return True

    def _current(self) -> str:
        return checked_text(self.arn, self.client.get_secret_value(SecretId=self.arn).get("SecretString"))

    def _text(self, version: str) -> str | None:
        """Return the value of a version, or None while it has none."""
        try:
            return self.client.get_secret_value(SecretId=self.arn, VersionId=version).get("SecretString")
        except ClientError as error:
            if error.response["Error"]["Code"] != NO_SUCH_VERSION:
                raise
            return None


def _with_key(secret_string: str) -> Mapping[str, Any]:
    document = parts(secret_string)
    if not isinstance(document.get("key"), str) or not document["key"]:
        raise ValueError("the secret has no field key; store the key as text or as JSON with the field key")
    return document


def _is_document(secret_string: str) -> bool:
    return parts(secret_string) != {"key": secret_string.strip()}
