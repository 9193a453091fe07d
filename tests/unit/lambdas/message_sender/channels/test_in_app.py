"""The channel of messages in the app: what waits for a person, and when nothing does."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision import Template
from c360_core.inbox import InboxMessage
from lambdas.message_sender import handler
from lambdas.message_sender.channels.in_app import InAppMessages, InAppText, connect
from lambdas.message_sender.message import SendResult
from lambdas.shared.settings import ConfigurationError
from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryPeople
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import Cloud
from tests.unit.lambdas.message_sender.conftest import WELCOME

MESSAGE = replace(WELCOME, channel=Channel.IN_APP)
NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
TEXTS = {
    "welcome": {
        "title": "Hello {{first_name}}",
        "text": "You have {{#if loyalty_points}}{{loyalty_points}}{{else}}no{{/if}} points.",
    }
}


def channel(people: MemoryPeople) -> InAppMessages:
    return InAppMessages(
        store=people,
        texts={Template.WELCOME: InAppText(**TEXTS["welcome"])},
        url="https://shop.example.com/",
        days=14,
        most=2,
        clock=lambda: NOW,
    )


def test_the_words_are_filled_and_wait_for_days() -> None:
    people = MemoryPeople()

    assert channel(people).send(MESSAGE, profile()) is SendResult.ACCEPTED

    [waiting] = people.inbox(PERSON)
    assert waiting.message_id == MESSAGE.message_id
    assert (waiting.words.title, waiting.words.text) == ("Hello Ada", "You have no points.")
    assert waiting.expires_at == NOW + timedelta(days=14)


def test_a_template_without_words_says_where_to_add_them() -> None:
    with pytest.raises(ValueError, match="no text for `service_recovery`; add one to stacks/activation/in_app"):
        channel(MemoryPeople()).send(replace(MESSAGE, template=Template.SERVICE_RECOVERY), profile())


def test_what_dynamodb_refuses_may_be_tried_again() -> None:
    class Refusing(MemoryPeople):
        def put_in_inbox(self, person_id: str, message: InboxMessage, *, most: int) -> None:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "PutItem")

    with pytest.raises(ClientError):
        channel(Refusing()).send(MESSAGE, profile())


def test_it_is_off_without_words_and_needs_all_of_its_settings() -> None:
    assert connect({"ENVIRONMENT": "dev"}) is None
    with pytest.raises(ConfigurationError, match="IN_APP_DAYS"):
        connect({"ENVIRONMENT": "dev", "IN_APP_TEXTS": json.dumps(TEXTS), "SINGLE_VIEW_TABLE": "t"})


@pytest.mark.usefixtures("_environment")
def test_a_message_goes_into_the_inbox_at_any_hour_to_whom_no_address_is_known(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "IN_APP_TEXTS": json.dumps(TEXTS),
        "IN_APP_DAYS": "14",
        "IN_APP_MOST": "2",
        "QUIET_HOURS_START": "0",
        "QUIET_HOURS_END": "23",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    nowhere = profile(email=None, phone=None)
    cloud.put_profile(nowhere, now=datetime.now(UTC))
    request = {
        "decision_id": "d_1",
        "person_id": PERSON,
        "channel": "in_app",
        "purpose": "marketing",
        "template": "welcome",
    }

    refused = handler.handle(request, LambdaContext())
    agreed = Consent(purpose=Purpose.MARKETING, channel=Channel.IN_APP, granted=True, decided_at=datetime.now(UTC))
    cloud.writer.put_consent(PERSON, agreed)
    answers = [handler.handle(request, LambdaContext()) for _ in range(2)]

    assert (refused["status"], refused["reasons"]) == ("suppressed", ["CONSENT_NEVER_GIVEN"])
    assert [answer["status"] for answer in answers] == ["sent", "duplicate"]
    [waiting] = cloud.reader.inbox(PERSON)
    assert waiting.message_id == answers[0]["message_id"]
    [message] = cloud.reader.messages(PERSON, limit=9)
    assert (message["channel"], message["outcome"]) == ("in_app", "sent")
    event = cloud.events()[0]
    assert (event["event_type"], event["payload"]["channel"]) == ("message_sent", "in_app")
