"""The inbox: only whose it is reads it, and what a person does with a message counts once."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from c360_core.consent import Channel, Purpose
from c360_core.delivery import SentMessage
from c360_core.identity.keys import identifier_key
from c360_core.inbox import InboxMessage, InboxText, Receipt, sign_inbox_token
from c360_core.interaction import read_interaction
from c360_core.single_view_keys import alias_key, former_key
from c360_core.unsubscribe import UnsubscribeToken, sign_token
from lambdas.inbox import handler
from lambdas.inbox.handler import CLIENT
from tests.factories.profiles import PERSON, profile
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import HASH_SECRET, TABLE, Cloud

SECRET = "i" * 64
NOW = datetime.now(UTC)
OTHER = "p_other"


@pytest.fixture(autouse=True)
def _environment(cloud: Cloud, contact_environment: pytest.MonkeyPatch) -> None:
    arn = cloud.secrets.create_secret(Name="inbox", SecretString=SECRET)["ARN"]
    for name, value in {
        "INBOX_SECRET_ARN": arn,
        "TOKEN_MINUTES": "15",
        "MOST_WAITING": "3",
        "DEVICE_DAYS": "180",
    }.items():
        contact_environment.setenv(name, value)
    cloud.put_profile(profile(), now=NOW)
    cloud.put_profile(profile(OTHER, email="other@mail.org", loyalty_id="L2"), now=NOW)


def put(cloud: Cloud, message_id: str, person: str = PERSON, *, minutes: int = 0, days: int = 14) -> None:
    """Put a message into an inbox, as the sender does."""
    at = NOW + timedelta(minutes=minutes)
    sent = SentMessage(
        message_id=message_id,
        decision_id="d_1",
        person_id=person,
        channel=Channel.IN_APP,
        purpose=Purpose.MARKETING,
        template="welcome",
        address_keys=(),
        sent_at=at,
        expires_at=at + timedelta(days=400),
    )
    words = InboxText(title="<b>Hello</b>", text="Ada", url="https://shop.example.com/")
    waiting = InboxMessage(
        message_id=message_id, template="welcome", words=words, put_at=at, expires_at=at + timedelta(days=days)
    )
    cloud.writer.note_sent(sent)
    cloud.writer.put_in_inbox(person, waiting, most=3)
    cloud.writer.put_message(sent)


def token(person: str = PERSON, *, minutes: int = 15, secret: str = SECRET) -> str:
    return sign_inbox_token(person, secret.encode(), expires_at=NOW + timedelta(minutes=minutes))


def ask(method: str, path: str, authorization: str | None = None, body: str | None = None) -> tuple[int, Any]:
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {} if authorization is None else {"Authorization": authorization},
        "requestContext": {"http": {"method": method, "path": path}, "stage": "$default"},
        "body": body,
        "isBase64Encoded": False,
    }
    answer = handler.handle(event, LambdaContext())
    return answer["statusCode"], json.loads(answer["body"])


def ids(person: str = PERSON) -> list[str]:
    status, body = ask("GET", "/v1/inbox", f"Bearer {token(person)}")
    assert status == 200
    return [message["message_id"] for message in body["messages"]]


def tell(message_id: str, receipt: str, person: str = PERSON) -> tuple[int, Any]:
    return ask("POST", f"/v1/inbox/messages/{message_id}/{receipt}", f"bearer {token(person)}")


def outcome(cloud: Cloud, person: str = PERSON) -> list[str]:
    return [str(message["outcome"]) for message in cloud.reader.messages(person, limit=9)]


def test_a_person_reads_what_waits_as_text_the_newest_first(cloud: Cloud) -> None:
    put(cloud, "m_1")
    put(cloud, "m_2", minutes=1)
    put(cloud, "m_other", OTHER)

    status, body = ask("GET", "/v1/inbox", f"Bearer {token()}")

    assert (status, [message["message_id"] for message in body["messages"]]) == (200, ["m_2", "m_1"])
    assert body["messages"][0].keys() == {"message_id", "title", "text", "url", "put_at", "expires_at"}
    assert body["messages"][0]["title"] == "<b>Hello</b>"
    assert ids(OTHER) == ["m_other"]


def test_so_many_wait_and_the_newest_replace_the_oldest(cloud: Cloud) -> None:
    for number in range(5):
        put(cloud, f"m_{number}", minutes=number)

    assert ids() == ["m_4", "m_3", "m_2"]
    assert {item["SK"] for item in cloud.items() if item["SK"].startswith("INBOX#")} == {
        "INBOX#m_2",
        "INBOX#m_3",
        "INBOX#m_4",
    }


def test_a_message_that_is_too_old_is_not_shown_before_dynamodb_deletes_it(cloud: Cloud) -> None:
    put(cloud, "m_1", minutes=-60 * 24 * 15)

    assert ids() == []
    [item] = [item for item in cloud.items() if item["SK"] == "INBOX#m_1"]
    assert item["expires_at"] < NOW.timestamp()


def test_putting_a_message_there_again_makes_no_second_one(cloud: Cloud) -> None:
    put(cloud, "m_1")
    put(cloud, "m_1", minutes=2)

    assert ids() == ["m_1"]


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "BAD_TOKEN"),
        ("Bearer ", "BAD_TOKEN"),
        (token(), "BAD_TOKEN"),
        (f"Basic {token()}", "BAD_TOKEN"),
        (f"Bearer {token().replace(PERSON, OTHER)}", "BAD_TOKEN"),
        (f"Bearer {token(secret='x' * 64)}", "BAD_TOKEN"),
        (f"Bearer {token()[:-1]}", "BAD_TOKEN"),
        (f"Bearer {token()}\u00e4", "BAD_TOKEN"),
        (f"Bearer {token(minutes=-1)}", "EXPIRED_TOKEN"),
        (
            f"Bearer {sign_token(UnsubscribeToken(message_id=PERSON, expires_at=NOW + timedelta(1)), SECRET.encode())}",
            "BAD_TOKEN",
        ),
    ],
    ids=["none", "empty", "bare", "basic", "somebody else", "secret", "cut", "no ASCII", "old", "of another use"],
)
def test_no_inbox_opens_without_a_token_for_it(cloud: Cloud, authorization: str | None, code: str) -> None:
    put(cloud, "m_1")
    put(cloud, "m_2", OTHER)

    for method, path in (("GET", "/v1/inbox"), ("POST", "/v1/inbox/messages/m_1/dismissed")):
        status, problem = ask(method, path, authorization)
        assert (status, problem["code"]) == (401, code)
    assert (ids(), cloud.events()) == (["m_1"], [])


def test_a_server_gets_a_token_that_opens_one_inbox_for_minutes(cloud: Cloud) -> None:
    put(cloud, "m_1")

    status, body = ask("POST", f"/v1/inbox/tokens/{PERSON}")

    assert (status, body["person_id"]) == (201, PERSON)
    left = datetime.fromisoformat(body["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    _, inbox = ask("GET", "/v1/inbox", f"Bearer {body['token']}")
    assert [message["message_id"] for message in inbox["messages"]] == ["m_1"]


@pytest.mark.parametrize("person", ["p_nobody", "a.b", "%C3%A4"])
def test_nobody_has_no_inbox(cloud: Cloud, person: str) -> None:
    status, problem = ask("POST", f"/v1/inbox/tokens/{person}")
    assert (status, problem["code"]) == (404, "UNKNOWN_CUSTOMER")


def test_after_a_change_of_the_secret_tokens_of_both_work(cloud: Cloud) -> None:
    put(cloud, "m_1")
    cloud.secrets.put_secret_value(SecretId="inbox", SecretString="j" * 64)

    assert ids() == ["m_1"]
    status, _ = ask("GET", "/v1/inbox", f"Bearer {token(secret='j' * 64)}")
    assert status == 200


@pytest.mark.parametrize(
    ("receipt", "event_type", "becomes", "left"),
    [
        ("shown", "message_opened", "opened", ["m_1"]),
        ("clicked", "message_clicked", "clicked", []),
        ("dismissed", "message_dismissed", "dismissed", []),
    ],
)
def test_what_a_person_does_is_an_outcome_and_one_event(
    cloud: Cloud, receipt: str, event_type: str, becomes: str, left: list[str]
) -> None:
    put(cloud, "m_1")

    answers = [tell("m_1", receipt) for _ in range(2)]

    assert [status for status, _ in answers] == [200, 200]
    assert (outcome(cloud), ids()) == ([becomes], left)
    [event] = {event["event_id"]: event for event in cloud.events()}.values()
    assert (event["event_type"], event["source"]) == (event_type, "engagement_events")
    assert event["payload"] == {"message_id": "m_1", "decision_id": "d_1", "channel": "in_app"}
    read = read_interaction(json.dumps(event).encode(), secret=HASH_SECRET.encode(), now=datetime.now(UTC))
    assert read.customer_key == identifier_key(HASH_SECRET.encode(), *_strongest(event["identifiers"]))


def _strongest(identifiers: dict[str, list[str]]) -> tuple[str, str]:
    kind = "loyalty_id" if "loyalty_id" in identifiers else "crm_id" if "crm_id" in identifiers else "email"
    return kind, identifiers[kind][0]


def test_whoever_looks_after_a_click_does_not_take_it_back(cloud: Cloud) -> None:
    put(cloud, "m_1")
    for receipt in ("clicked", "shown", "dismissed"):
        tell("m_1", receipt)

    assert outcome(cloud) == ["clicked"]


def test_nobody_says_anything_about_a_message_of_somebody_else(cloud: Cloud) -> None:
    put(cloud, "m_1", OTHER)

    for message_id in ("m_1", "m_nothing", "a b"):
        status, problem = tell(message_id, "dismissed")
        assert (status, problem["code"]) == (404, "UNKNOWN_MESSAGE")
    assert (ids(OTHER), cloud.events(), outcome(cloud, OTHER)) == (["m_1"], [], ["sent"])


def test_a_mail_is_no_message_in_the_app(cloud: Cloud) -> None:
    from tests.factories.messages import sent_message

    cloud.writer.note_sent(sent_message("m_1", at=NOW))
    assert tell("m_1", "clicked")[0] == 404


@pytest.mark.parametrize("path", ["/v1/inbox/messages/m_1/eaten", "/v1/inbox/messages", "/v1/unknown"])
def test_an_unknown_path_says_what_there_is(cloud: Cloud, path: str) -> None:
    status, problem = ask("POST", path, f"Bearer {token()}")
    assert (status, problem["code"]) == (404, "UNKNOWN_PATH")


def test_after_a_merge_the_survivor_reads_what_both_had(cloud: Cloud) -> None:
    put(cloud, "m_1", OTHER)
    put(cloud, "m_2", minutes=1)
    before = token(OTHER)
    cloud.dynamodb.put_item(TableName=TABLE, Item={**alias_key(OTHER), "person_id": PERSON, "version": 2})
    cloud.dynamodb.put_item(TableName=TABLE, Item={**former_key(PERSON, OTHER), "person_id": OTHER, "version": 2})

    assert ids() == ["m_2", "m_1"]
    status, body = ask("GET", "/v1/inbox", f"Bearer {before}")
    assert (status, len(body["messages"])) == (200, 2)
    assert tell("m_1", "dismissed")[0] == 200
    assert ids() == ["m_2"]


def test_whoever_was_erased_has_no_messages(cloud: Cloud) -> None:
    put(cloud, "m_1")
    [item] = [item for item in cloud.items() if item["SK"] == "PROFILE" and item["PK"].endswith(PERSON)]
    cloud.dynamodb.delete_item(TableName=TABLE, Key={"PK": item["PK"], "SK": item["SK"]})

    assert ids() == []
    assert tell("m_1", "shown")[0] == 404


def test_a_receipt_that_could_not_be_published_may_be_sent_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    put(cloud, "m_1")
    inboxes = handler._inboxes()
    monkeypatch.setattr(type(inboxes.stream), "publish", lambda *_: (0,))
    status, problem = tell("m_1", "dismissed")
    assert (status, problem["code"], ids()) == (503, "STREAM_UNAVAILABLE", ["m_1"])

    monkeypatch.undo()
    assert tell("m_1", Receipt.DISMISSED)[0] == 200
    assert (ids(), [event["event_type"] for event in cloud.events()]) == ([], ["message_dismissed"])


PHONE = "token-of-a-phone:0001"


def register(person: str = PERSON, platform: str = "google", device: str = PHONE) -> tuple[int, Any]:
    body = json.dumps({"platform": platform})
    return ask("PUT", f"/v1/inbox/devices/{device}", f"Bearer {token(person)}", body)


def tokens(cloud: Cloud, person: str = PERSON) -> list[str]:
    return [device.token for device in cloud.reader.devices(person)]


def test_a_device_is_one_persons_at_a_time(cloud: Cloud) -> None:
    assert [register()[0] for _ in range(2)] == [200, 200]
    [device] = cloud.reader.devices(PERSON)
    assert (device.token, device.platform) == (PHONE, "google")
    assert timedelta(days=179) < device.expires_at - NOW < timedelta(days=181)

    assert register(OTHER)[0] == 200
    assert (tokens(cloud), tokens(cloud, OTHER)) == ([], [PHONE])


def test_only_its_person_has_a_device_forgotten(cloud: Cloud) -> None:
    register(OTHER)
    path = f"/v1/inbox/devices/{PHONE}"

    assert ask("DELETE", path, f"Bearer {token()}")[0] == 200
    assert tokens(cloud, OTHER) == [PHONE]
    assert [ask("DELETE", path, f"Bearer {token(OTHER)}")[0] for _ in range(2)] == [200, 200]
    assert tokens(cloud, OTHER) == []
    assert [item for item in cloud.items() if item["PK"].startswith("DEVICE#")] == []


@pytest.mark.parametrize(
    ("platform", "device", "authorization", "problem"),
    [
        ("windows", PHONE, None, (400, "UNKNOWN_PLATFORM")),
        ("google", "short", None, (400, "BAD_DEVICE")),
        ("google", PHONE, "Bearer x", (401, "BAD_TOKEN")),
    ],
)
def test_a_device_that_is_refused(
    cloud: Cloud, platform: str, device: str, authorization: str | None, problem: tuple[int, str]
) -> None:
    body = json.dumps({"platform": platform})
    status, answer = ask("PUT", f"/v1/inbox/devices/{device}", authorization or f"Bearer {token()}", body)
    assert (status, answer["code"], tokens(cloud)) == (*problem, [])
    for broken in (None, "[", "[]", "7"):
        status, answer = ask("PUT", f"/v1/inbox/devices/{PHONE}", f"Bearer {token()}", broken)
        assert (status, answer["code"]) == (400, "UNKNOWN_PLATFORM")


def test_without_push_messages_there_are_no_devices(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEVICE_DAYS")
    assert register()[0] == 404


def test_the_script_is_small_and_never_writes_html() -> None:
    text = CLIENT.read_text(encoding="utf-8")
    assert len(text.encode()) < 4096
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval", "import "):
        assert forbidden not in text


def test_everybody_gets_the_script() -> None:
    event = {
        "version": "2.0",
        "rawPath": "/v1/inbox/client.js",
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"http": {"method": "GET", "path": "/v1/inbox/client.js"}, "stage": "$default"},
        "isBase64Encoded": False,
    }
    answer = handler.handle(event, LambdaContext())
    assert (answer["statusCode"], answer["body"]) == (200, CLIENT.read_text(encoding="utf-8"))
    assert answer["headers"]["Content-Type"].startswith("text/javascript")
