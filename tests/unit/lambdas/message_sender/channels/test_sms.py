"""The channel of text messages: what the service gets, and what its answers mean."""

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from c360_core.consent import Channel
from c360_core.decision import Template
from c360_core.message_templates import MessageTemplate, MessageTemplates
from lambdas.message_sender.channels.sms import TextMessages, connect
from lambdas.message_sender.message import SendResult
from lambdas.shared import aws
from tests.factories.profiles import profile
from tests.unit.lambdas.message_sender.conftest import WELCOME

MESSAGE = replace(WELCOME, channel=Channel.SMS)
TEXTS = {"en": "Hello {{first_name}}, you have {{loyalty_points}} points.", "de": "Hallo {{first_name}}"}
TEMPLATES = MessageTemplates(
    languages=("en", "de"), templates={Template.WELCOME: MessageTemplate(needs=(), texts=TEXTS)}
)
POOL = "arn:aws:sms-voice:us-east-1:123456789012:pool/pool-0123456789abcdef"


def carrier() -> tuple[TextMessages, Stubber]:
    client = boto3.client("pinpoint-sms-voice-v2", region_name="us-east-1", config=aws.ONE_ATTEMPT)
    sender = TextMessages(
        client=client,
        origination_identity=POOL,
        configuration_set="c360-dev",
        max_price_usd="0.10000",
        templates=TEMPLATES,
        default_language="en",
        days=1,
    )
    return sender, Stubber(client)


def test_the_service_gets_a_filled_text_and_by_what_reports_find_the_message() -> None:
    sender, stub = carrier()
    expected = {
        "DestinationPhoneNumber": "+14155550132",
        "OriginationIdentity": POOL,
        "MessageBody": "Hello Ada, you have 120 points.",
        "MessageType": "PROMOTIONAL",
        "ConfigurationSetName": "c360-dev",
        "MaxPrice": "0.10000",
        "TimeToLive": 86_400,
        "Context": {"message_id": MESSAGE.message_id, "decision_id": "d_1"},
    }
    stub.add_response("send_text_message", {"MessageId": "sms-1"}, expected)

    with stub:
        assert sender.send(MESSAGE, profile(loyalty_points=120)) is SendResult.ACCEPTED

    stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "reason", "status", "result"),
    [
        ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT", 400, SendResult.OPTED_OUT),
        ("ValidationException", "DESTINATION_COUNTRY_BLOCKED", 400, SendResult.REJECTED),
        ("ValidationException", "PRICE_OVER_THRESHOLD", 400, SendResult.REJECTED),
        ("InternalServerException", "", 500, SendResult.IN_DOUBT),
    ],
)
def test_an_answer_that_must_not_be_repeated_is_no_error(
    code: str, reason: str, status: int, result: SendResult
) -> None:
    sender, stub = carrier()
    stub.add_client_error(
        "send_text_message", code, http_status_code=status, modeled_fields={"Reason": reason} if reason else None
    )

    with stub:
        assert sender.send(MESSAGE, profile()) is result


@pytest.mark.parametrize(
    ("code", "reason"),
    [("ThrottlingException", None), ("ConflictException", "NUMBER_CAPABILITIES_MISMATCH")],
)
def test_an_answer_that_may_be_repeated_is_an_error(code: str, reason: str | None) -> None:
    sender, stub = carrier()
    stub.add_client_error(
        "send_text_message", code, http_status_code=400, modeled_fields=None if reason is None else {"Reason": reason}
    )

    with stub, pytest.raises(sender.client.exceptions.ClientError):
        sender.send(MESSAGE, profile())


@pytest.mark.parametrize(
    ("error", "result"),
    [(ReadTimeoutError(endpoint_url="sms"), SendResult.IN_DOUBT), (ConnectTimeoutError(endpoint_url="sms"), None)],
)
def test_only_an_answer_that_got_lost_is_in_doubt(
    error: Exception, result: SendResult | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, _ = carrier()

    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(sender.client, "send_text_message", fail)

    if result is None:
        with pytest.raises(ConnectTimeoutError):
            sender.send(MESSAGE, profile())
    else:
        assert sender.send(MESSAGE, profile()) is result


def test_without_an_identity_the_channel_is_off() -> None:
    assert connect({"ENVIRONMENT": "dev"}) is None


def test_a_text_is_in_the_language_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    sender, _ = carrier()
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(sender.client, "send_text_message", lambda **request: asked.append(request))

    sender.send(MESSAGE, profile(language="de-AT"))

    assert asked[0]["MessageBody"] == "Hallo Ada"
