"""Secrets: read at run time, cached for some minutes, and never empty."""

from typing import Any

import pytest

from c360_aws.cached_secrets import CachedSecrets
from c360_aws.secrets import read_hash_secret, read_secret

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hash"


class Manager:
    """Secrets Manager with one secret; counts how often it is read."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.reads = 0

    def get_secret_value(self, *, SecretId: str, **_: Any) -> dict[str, Any]:  # noqa: N803  # the service's name
        assert SecretId == ARN
        self.reads += 1
        return self.answer


def test_a_secret_is_read_once_for_many_questions() -> None:
    manager: Any = Manager(SecretString="first")
    secrets = CachedSecrets(manager)

    assert [secrets.text(ARN), secrets.text(ARN), manager.reads] == ["first", "first", 1]


@pytest.mark.parametrize("answer", [{"SecretString": ""}, {"SecretBinary": b"secret"}])
def test_a_secret_without_a_text_is_named(answer: dict[str, Any]) -> None:
    manager: Any = Manager(**answer)

    with pytest.raises(ValueError, match=f"secret {ARN}: expected a text"):
        read_secret(manager, ARN)
    with pytest.raises(ValueError, match=f"secret {ARN}: expected a text"):
        CachedSecrets(manager).text(ARN)


@pytest.mark.parametrize("held", ["0123456789abcdef", '{"key": "0123456789abcdef"}'])
def test_the_hash_secret_is_the_key_as_bytes(held: str) -> None:
    manager: Any = Manager(SecretString=held)

    assert read_hash_secret(manager, ARN) == CachedSecrets(manager).hash_secret(ARN) == b"0123456789abcdef"
