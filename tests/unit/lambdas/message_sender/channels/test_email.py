"""The e-mail channel: what SES gets, and what its answers mean."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import ANY, Stubber

from c360_core.decision import Template
from c360_core.unsubscribe import UnsubscribeToken, sign_token
from lambdas.message_sender.channels.email import SesEmail, UnsubscribeLinks
from lambdas.message_sender.message import SendResult
from lambdas.shared import aws
from tests.factories.profiles import profile
from tests.unit.lambdas.message_sender.conftest import WELCOME

LINKS = "https://links.example.com/v1/unsubscribe"
SECRET = b"s" * 64
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HALF_A_YEAR_LATER = NOON + timedelta(days=180)


def ses() -> tuple[SesEmail, Stubber]:
    client = boto3.client("sesv2", region_name="us-east-1", config=aws.ONE_ATTEMPT)
    mail = SesEmail(
        client=client,
        sender_address="hello@shop.example.com",
        configuration_set="set",
        templates={Template.WELCOME: "c360-dev-welcome"},
        shop_url="https://shop.example.com/",
        links=UnsubscribeLinks(url=LINKS, secret=lambda: SECRET, days=180, clock=lambda: NOON),
    )
    return mail, Stubber(client)


def test_ses_gets_the_template_with_all_names_it_may_use() -> None:
    mail, stub = ses()
    link = (
        f"{LINKS}/{sign_token(UnsubscribeToken(message_id=WELCOME.message_id, expires_at=HALF_A_YEAR_LATER), SECRET)}"
    )
    expected = {
        "FromEmailAddress": "hello@shop.example.com",
        "Destination": {"ToAddresses": ["ada.lovelace@mail.org"]},
        "Content": {
            "Template": {
                "TemplateName": "c360-dev-welcome",
                "TemplateData": ANY,
                "Headers": [
                    {"Name": "List-Unsubscribe", "Value": f"<{link}>"},
                    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                ],
            }
        },
        "ConfigurationSetName": "set",
        "EmailTags": ANY,
    }
    stub.add_response("send_email", {"MessageId": "ses-1"}, expected)

    with stub:
        assert mail.send(WELCOME, profile()) is SendResult.ACCEPTED

    stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "status", "delivery"),
    [("MessageRejected", 400, SendResult.REJECTED), ("InternalServiceErrorException", 500, SendResult.IN_DOUBT)],
)
def test_an_answer_of_ses_that_must_not_be_repeated_is_no_error(code: str, status: int, delivery: SendResult) -> None:
    mail, stub = ses()
    stub.add_client_error("send_email", code, http_status_code=status)

    with stub:
        assert mail.send(WELCOME, profile()) is delivery


@pytest.mark.parametrize("code", ["TooManyRequestsException", "NotFoundException", "AccountSuspendedException"])
def test_an_answer_of_ses_that_may_be_repeated_is_an_error(code: str) -> None:
    mail, stub = ses()
    stub.add_client_error("send_email", code, http_status_code=400)

    with stub, pytest.raises(mail.client.exceptions.ClientError):
        mail.send(WELCOME, profile())


@pytest.mark.parametrize(
    ("error", "delivery"),
    [(ReadTimeoutError(endpoint_url="ses"), SendResult.IN_DOUBT), (ConnectTimeoutError(endpoint_url="ses"), None)],
)
def test_only_an_answer_that_got_lost_is_in_doubt(
    error: Exception, delivery: SendResult | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail, _ = ses()

    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(mail.client, "send_email", fail)

    if delivery is None:
        with pytest.raises(ConnectTimeoutError):
            mail.send(WELCOME, profile())
    else:
        assert mail.send(WELCOME, profile()) is delivery


def test_a_template_that_the_settings_do_not_name_is_an_error_with_the_fix() -> None:
    mail, _ = ses()
    follow_up = replace(WELCOME, template=Template.WELCOME_FOLLOW_UP)

    with pytest.raises(ValueError, match="TEMPLATES: no SES template is named for `welcome_follow_up`"):
        mail.send(follow_up, profile())
