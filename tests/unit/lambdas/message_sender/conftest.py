"""A message, and the environment of the message sender."""

import json

import pytest

from c360_core.consent import Channel, Purpose
from c360_core.decision import Template
from lambdas.message_sender.message import Message
from tests.factories.profiles import PERSON

WELCOME = Message(
    decision_id="d_1",
    person_id=PERSON,
    channel=Channel.EMAIL,
    purpose=Purpose.MARKETING,
    template=Template.WELCOME,
)


@pytest.fixture
def _environment(contact_environment: pytest.MonkeyPatch) -> None:
    variables = {
        "CONFIGURATION_SET": "set",
        "SENDER_ADDRESS": "hello@shop.example.com",
        "TEMPLATES": json.dumps({"welcome": "c360-dev-welcome"}),
        "MESSAGE_TTL_DAYS": "400",
    }
    for name, value in variables.items():
        contact_environment.setenv(name, value)
