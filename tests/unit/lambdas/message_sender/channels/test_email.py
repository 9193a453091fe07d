"""The e-mail channel: what SES gets, and what its answers mean."""

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import ANY, Stubber

from c360_core.decision import Template
from c360_core.mails import load_mails
from c360_core.message_templates import load_templates
from c360_core.unsubscribe import UnsubscribeToken, sign_token
from lambdas.message_sender.channels.email import SesEmail, UnsubscribeLinks
from lambdas.message_sender.message import SendResult
from lambdas.shared import aws
from tests.factories.profiles import profile
from tests.unit.lambdas.message_sender.conftest import WELCOME
from twin.providers.ses.provider import rendered

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
        environment="dev",
        templates=load_templates(),
        default_language="en",
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
                "TemplateName": "c360-dev-welcome-en",
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


@pytest.mark.parametrize(
    ("spoken", "name"),
    [
        ("de", "c360-dev-welcome-de"),
        ("de-CH", "c360-dev-welcome-de"),
        ("DE_at", "c360-dev-welcome-de"),
        ("fr-FR", "c360-dev-welcome-en"),
        (None, "c360-dev-welcome-en"),
    ],
)
def test_a_person_gets_the_own_language_or_the_default(
    spoken: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail, _ = ses()
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(mail.client, "send_email", lambda **request: asked.append(request))

    mail.send(WELCOME, profile(language=spoken))

    assert asked[0]["Content"]["Template"]["TemplateName"] == name


def test_what_a_customer_calls_themselves_is_no_html_and_no_second_line(monkeypatch: pytest.MonkeyPatch) -> None:
    mail, _ = ses()
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(mail.client, "send_email", lambda **request: asked.append(request))

    mail.send(WELCOME, profile(first_name='<a href="https://evil.example">\n& win</a>'))

    data = asked[0]["Content"]["Template"]["TemplateData"]
    stored = load_mails()[Template.WELCOME]["en"]
    templates = {"c360-dev-welcome-en": {"HtmlPart": stored.html, "TextPart": stored.text, "SubjectPart": "s"}}
    request = {"Content": {"Template": {"TemplateName": "c360-dev-welcome-en", "TemplateData": data}}}
    sent = rendered(request, templates)
    assert "Welcome, &lt;a href=&quot;https://evil.example&quot;&gt; &amp; win&lt;/a&gt;!" in sent["BodyHtml"]
    assert sent["BodyText"].startswith('Welcome, <a href="https://evil.example"> & win</a>!\n')
