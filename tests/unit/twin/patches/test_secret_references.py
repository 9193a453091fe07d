"""A secret of a template is referred to by its ARN, and changed and deleted by it."""

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from twin.patches.secret_references import TYPE, by_arn


@pytest.fixture
def handlers() -> Iterator[dict[str, Any]]:
    yield by_arn(provisioners._RESOURCE_HANDLERS[TYPE])
    secretsmanager._secrets.clear()


def test_a_reference_to_a_secret_is_the_arn_that_the_service_gives_it(handlers: dict[str, Any]) -> None:
    reference, attributes = handlers["create"]("Key", {"SecretString": "first"}, "stack")

    assert reference == attributes["Id"] == next(iter(secretsmanager._secrets.values()))["ARN"]


def test_a_change_keeps_the_secret_and_a_deletion_takes_it_away(handlers: dict[str, Any]) -> None:
    reference, _ = handlers["create"]("Key", {"SecretString": "first"}, "stack")

    changed, _ = handlers["update"](reference, {"SecretString": "first"}, {"SecretString": "second"}, "stack", "Key")
    held = [one["SecretString"] for one in next(iter(secretsmanager._secrets.values()))["Versions"].values()]
    handlers["delete"](changed, {})

    assert changed == reference
    assert "second" in held
    assert list(secretsmanager._secrets.values()) == []
