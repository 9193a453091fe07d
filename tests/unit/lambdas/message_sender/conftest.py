"""A message, and the environment of the message sender."""

import pytest

from c360_core.consent import Channel, Purpose
from c360_core.decision import Template
from lambdas.message_sender.message import Message
from tests.factories.profiles import PERSON
from tests.unit.lambdas.conftest import Cloud

WELCOME = Message(
    decision_id="d_1",
    person_id=PERSON,
    channel=Channel.EMAIL,
    purpose=Purpose.MARKETING,
    template=Template.WELCOME,
)


@pytest.fixture
def _environment(cloud: Cloud, contact_environment: pytest.MonkeyPatch) -> None:
    variables = {
        "CONFIGURATION_SET": "set",
        "SENDER_ADDRESS": "hello@shop.example.com",
        "DEFAULT_LANGUAGE": "en",
        "SHOP_URL": "https://shop.example.com/",
        "UNSUBSCRIBE_URL": "https://links.example.com/v1/unsubscribe",
        "UNSUBSCRIBE_SECRET_ARN": cloud.secrets.create_secret(Name="links", SecretString="s" * 64)["ARN"],
        "UNSUBSCRIBE_DAYS": "180",
        "MESSAGE_TTL_DAYS": "400",
    }
    for name, value in variables.items():
        contact_environment.setenv(name, value)
