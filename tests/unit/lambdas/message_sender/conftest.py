"""The environment of the message sender."""

import json

import pytest

from tests.unit.lambdas.conftest import EVENTS, LOCKS, TABLE, Cloud

HASH_SECRET = "0123456789abcdef"


@pytest.fixture
def _environment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "ENVIRONMENT": "dev",
        "HASH_SECRET_ARN": cloud.secrets.create_secret(Name="hash", SecretString=HASH_SECRET)["ARN"],
        "SINGLE_VIEW_TABLE": TABLE,
        "IDEMPOTENCY_TABLE": LOCKS,
        "EVENTS_STREAM_NAME": EVENTS,
        "CONFIGURATION_SET": "set",
        "SENDER_ADDRESS": "hello@shop.example.com",
        "TEMPLATES": json.dumps({"welcome": "c360-dev-welcome"}),
        "QUIET_HOURS_START": "0",
        "QUIET_HOURS_END": "0",
        "DEFAULT_TIME_ZONE": "UTC",
        "FREQUENCY_CAP_MESSAGES": "3",
        "FREQUENCY_CAP_DAYS": "7",
        "MESSAGE_TTL_DAYS": "400",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
