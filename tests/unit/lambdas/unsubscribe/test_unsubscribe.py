"""The link in a message: a button that works at once and as long as the link does, and that nobody else can press."""

import base64
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_core.address import address_keys
from c360_core.consent import Channel, Consent, ConsentStatus, Purpose, consent_status
from c360_core.unsubscribe import UnsubscribeToken, sign_token
from lambdas.unsubscribe import handler
from lambdas.unsubscribe.handler import PATH
from tests.factories.messages import sent_message
from tests.factories.profiles import PERSON, profile
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import HASH_SECRET, Cloud

SECRET = "s" * 64
NOW = datetime.now(UTC)
MAILBOX = address_keys(profile(), Channel.EMAIL, HASH_SECRET.encode())
ONE_CLICK = base64.b64encode(b"List-Unsubscribe=One-Click").decode()


@pytest.fixture(autouse=True)
def _environment(cloud: Cloud, contact_environment: pytest.MonkeyPatch) -> None:
    arn = cloud.secrets.create_secret(Name="links", SecretString=SECRET)["ARN"]
    contact_environment.setenv("UNSUBSCRIBE_SECRET_ARN", arn)
    cloud.put_profile(profile(), now=NOW)
    agreed = Consent(purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=True, decided_at=NOW - timedelta(days=9))
    cloud.writer.put_consent(PERSON, agreed)
    cloud.writer.note_sent(sent_message(at=NOW, address_keys=MAILBOX))


def token(message_id: str = "m_1", *, days: int = 180, secret: str = SECRET) -> str:
    return sign_token(UnsubscribeToken(message_id=message_id, expires_at=NOW + timedelta(days=days)), secret.encode())


def visit(method: str, text: str) -> dict[str, Any]:
    path = PATH.replace("<token>", text)
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/x-www-form-urlencoded"},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": ONE_CLICK if method == "POST" else None,
        "isBase64Encoded": method == "POST",
    }
    answer: dict[str, Any] = handler.handle(event, LambdaContext())
    return answer


def status(cloud: Cloud) -> tuple[ConsentStatus, ConsentStatus]:
    person, (key,) = cloud.reader.consents(PERSON), MAILBOX
    return (
        consent_status(person, Purpose.MARKETING, Channel.EMAIL),
        consent_status(cloud.reader.address_consents(key), Purpose.MARKETING, Channel.EMAIL),
    )


AGREED = (ConsentStatus.GRANTED, ConsentStatus.NEVER_ASKED)
REFUSED = (ConsentStatus.WITHDRAWN, ConsentStatus.WITHDRAWN)


def test_looking_at_a_link_shows_a_button_and_changes_nothing(cloud: Cloud) -> None:
    answer = visit("GET", token())

    assert answer["statusCode"] == 200
    assert '<form method="post">' in answer["body"]
    assert status(cloud) == AGREED
    assert cloud.events() == []


def test_one_click_ends_the_consent_at_once_and_publishes_it(cloud: Cloud, log: io.StringIO) -> None:
    answer = visit("POST", token())

    assert (answer["statusCode"], "You are unsubscribed" in answer["body"]) == (200, True)
    assert status(cloud) == REFUSED
    (event,) = cloud.events()
    assert (event["event_type"], event["payload"]) == (
        "consent_changed",
        {"purpose": "marketing", "channel": "email", "granted": False},
    )
    assert event["identifiers"]["email"] == ["ada.lovelace@mail.org"]
    assert "ada.lovelace" not in log.getvalue() + answer["body"]


def test_a_second_click_is_told_that_it_is_done(cloud: Cloud) -> None:
    visit("POST", token())

    for method in ("POST", "GET"):
        answer = visit(method, token())
        assert (answer["statusCode"], "unsubscribed already" in answer["body"]) == (200, True)
    assert status(cloud) == REFUSED


@pytest.mark.parametrize(
    "text",
    [
        token().replace("m_1", "m_2"),
        token()[:-1],
        token(secret="x" * 64),
        "m_1",
        "..",
        "m_1.zz.0",
        token().replace(".", ".1", 1),
        "%C3%A4.1.%C3%A4",
    ],
    ids=[
        "another message",
        "cut off",
        "another secret",
        "no signature",
        "dots",
        "no number",
        "longer life",
        "no ASCII",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_was_tampered_with_is_refused(cloud: Cloud, method: str, text: str) -> None:
    answer = visit(method, text)

    assert (answer["statusCode"], "not complete" in answer["body"]) == (400, True)
    assert status(cloud) == AGREED


@pytest.mark.parametrize("text", [token(days=-1), token("m_forgotten")], ids=["too old", "message forgotten"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_whose_time_is_over_says_so(cloud: Cloud, method: str, text: str) -> None:
    answer = visit(method, text)

    assert (answer["statusCode"], "too old" in answer["body"]) == (410, True)
    assert status(cloud) == AGREED


def test_a_link_has_no_personal_data() -> None:
    sent = sent_message(at=NOW, address_keys=MAILBOX)
    text = token(sent.message_id)

    assert text.partition(".")[0] == sent.message_id
    for secret in (PERSON, "ada", "mail.org", *(key.partition(":")[2] for key in MAILBOX)):
        assert secret not in text


def test_pages_are_kept_by_nobody_and_load_nothing() -> None:
    headers = visit("GET", token())["headers"]

    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_stream_that_refuses_asks_for_another_click_and_the_refusal_counts_already(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("c360_aws.event_stream.EventStreamWriter.publish", lambda _self, _records: (0,))

    answer = visit("POST", token())

    assert (answer["statusCode"], "Please try again" in answer["body"]) == (503, True)
    assert status(cloud) == REFUSED
