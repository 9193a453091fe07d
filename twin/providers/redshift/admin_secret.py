"""The secret of a namespace's administrator, in the emulator's Secrets Manager.

A template is deployed in the emulator's only thread for requests, so that a request to itself would wait for ever: the
secret is made in the process.
"""

import json
from typing import Any

_ABSENT = "ResourceNotFoundException"


def create(name: str, text: str, key: str | None) -> None:
    """Keep a secret, under a key if there is one."""
    from ministack.services import secretsmanager

    _answer(secretsmanager._create_secret({"Name": name, "SecretString": text, **({"KmsKeyId": key} if key else {})}))


def arn(name: str) -> str:
    """Return the ARN of a secret; empty if there is none."""
    from ministack.services import secretsmanager

    return str(_answer(secretsmanager._describe_secret({"SecretId": name})).get("ARN", ""))


def delete(name: str) -> None:
    """Delete a secret at once; one that is gone is not missed."""
    from ministack.services import secretsmanager

    _answer(secretsmanager._delete_secret({"SecretId": name, "ForceDeleteWithoutRecovery": True}))


def _answer(response: tuple[int, Any, bytes]) -> dict[str, Any]:
    """Return an answer; nothing if there is no such secret."""
    status, _, body = response
    document: dict[str, Any] = json.loads(body)
    if status < 400:  # noqa: PLR2004  # HTTP's errors begin there
        return document
    if str(document.get("__type", "")).endswith(_ABSENT):
        return {}
    raise RuntimeError(f"Secrets Manager of the emulator: {document}")
