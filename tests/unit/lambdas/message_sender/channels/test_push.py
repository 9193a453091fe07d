"""The channel of push messages: what the service gets, what its answers mean, and which devices are forgotten."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision import Template
from c360_core.devices import Device, Platform
from c360_core.profile import Profile
from lambdas.message_sender import handler
from lambdas.message_sender.channels.push import BusyServiceError, PushMessages, PushText, connect
from lambdas.message_sender.message import SendResult
from lambdas.shared import aws
from lambdas.shared.settings import ConfigurationError
from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryPeople
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import Cloud
from tests.unit.lambdas.message_sender.conftest import WELCOME
from twin.providers.pinpoint.service import Push

MESSAGE = replace(WELCOME, channel=Channel.PUSH)
NOW = datetime.now(UTC)
TEXTS = {
    "welcome": {
        "title": "Hello {{first_name}}",
        "text": "You have {{#if loyalty_points}}{{loyalty_points}}{{else}}no{{/if}} points.",
    }
}
GONE, GOT, BUSY, ODD = ("PERMANENT_FAILURE", 410), ("SUCCESSFUL", 200), ("THROTTLED", 429), ("UNKNOWN_FAILURE", 500)
WRONG_KEY = ("PERMANENT_FAILURE", 403)


def device(token: str, platform: Platform = Platform.APPLE) -> Device:
    return Device(token=token, platform=platform, registered_at=NOW, expires_at=NOW + timedelta(days=9))


def phones(*tokens: str) -> MemoryPeople:
    people = MemoryPeople()
    for token in tokens:
        people.put_device(PERSON, device(token))
    return people


def owner(people: MemoryPeople) -> Profile:
    return replace(profile(), devices=tuple(people.devices(PERSON)))


def channel(client: Any, people: MemoryPeople) -> PushMessages:
    return PushMessages(
        client=client,
        store=people,
        application_id="app",
        texts={Template.WELCOME: PushText(**TEXTS["welcome"])},
        url="https://shop.example.com/",
        days=1,
    )


def answered(results: Mapping[str, tuple[str, int]]) -> tuple[PushMessages, MemoryPeople]:
    """Return the channel before a service that gives these answers about tokens."""
    client = boto3.client("pinpoint", region_name="us-east-1", config=aws.ONE_ATTEMPT)
    stub, people = Stubber(client), phones(*results)
    found = {token: {"DeliveryStatus": status, "StatusCode": code} for token, (status, code) in results.items()}
    stub.add_response("send_messages", {"MessageResponse": {"ApplicationId": "app", "Result": found}})
    stub.activate()
    return channel(client, people), people


def test_every_device_gets_the_filled_text_by_its_own_service() -> None:
    people = phones("apple-token-0001")
    people.put_device(PERSON, device("google:token-001", Platform.GOOGLE))
    service = Push(services_of={"app": frozenset({"APNS", "GCM"})}.get)

    class Client:
        def send_messages(self, **request: Any) -> dict[str, Any]:
            return service.send_messages(request)

    assert channel(Client(), people).send(MESSAGE, owner(people)) is SendResult.ACCEPTED

    assert {(got["token"], got["service"]) for got in service.outbox} == {
        ("apple-token-0001", "APNS"),
        ("google:token-001", "GCM"),
    }
    for got in service.outbox:
        shown = got["message"]
        assert (shown["Title"], shown["Body"], shown["Action"]) == ("Hello Ada", "You have no points.", "URL")
        assert (shown["Url"], shown["TimeToLive"]) == ("https://shop.example.com/", 86_400)
        assert shown["Data"] == {"message_id": MESSAGE.message_id}


@pytest.mark.parametrize(
    ("results", "becomes", "left"),
    [
        ({"a": GOT, "b": GOT}, SendResult.ACCEPTED, ["a", "b"]),
        ({"a": GONE, "b": GOT}, SendResult.ACCEPTED, ["b"]),
        ({"a": GOT, "b": BUSY}, SendResult.ACCEPTED, ["a", "b"]),
        ({"a": GONE, "b": GONE}, SendResult.REJECTED, []),
        ({"a": WRONG_KEY}, SendResult.REJECTED, ["a"]),
        ({"a": ("OPT_OUT", 200)}, SendResult.REJECTED, ["a"]),
        ({"a": ODD, "b": BUSY}, SendResult.IN_DOUBT, ["a", "b"]),
        ({"a": GONE, "b": ODD}, SendResult.IN_DOUBT, ["b"]),
    ],
)
def test_what_the_service_answers(results: Mapping[str, tuple[str, int]], becomes: SendResult, left: list[str]) -> None:
    sender, people = answered(results)

    assert sender.send(MESSAGE, owner(people)) is becomes
    assert [one.token for one in people.devices(PERSON)] == left


def test_where_no_device_could_be_reached_yet_it_is_an_error_that_may_be_retried() -> None:
    sender, people = answered({"a": BUSY, "b": GONE})

    with pytest.raises(BusyServiceError, match="send it again"):
        sender.send(MESSAGE, owner(people))
    assert [one.token for one in people.devices(PERSON)] == ["a"]


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def send_messages(self, **_: Any) -> None:
        raise self.error


def refused(status: int) -> ClientError:
    return ClientError({"Error": {"Code": "x"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "SendMessages")  # type: ignore[typeddict-item]  # as far as it is read


@pytest.mark.parametrize("error", [refused(500), ReadTimeoutError(endpoint_url="x")])
def test_what_the_service_may_have_is_not_sent_again(error: Exception) -> None:
    people = phones("a")
    assert channel(Failing(error), people).send(MESSAGE, owner(people)) is SendResult.IN_DOUBT


@pytest.mark.parametrize("error", [refused(400), refused(429), ConnectTimeoutError(endpoint_url="x")])
def test_what_the_service_has_not_is_an_error(error: Exception) -> None:
    people = phones("a")
    with pytest.raises(type(error)):
        channel(Failing(error), people).send(MESSAGE, owner(people))


def test_a_template_without_words_says_where_to_add_them() -> None:
    with pytest.raises(ValueError, match="no text for `service_recovery`; add one to stacks/activation/push"):
        channel(None, phones("a")).send(replace(MESSAGE, template=Template.SERVICE_RECOVERY), profile())


def test_it_is_off_without_an_application_and_needs_all_of_its_settings() -> None:
    assert connect({"ENVIRONMENT": "dev"}) is None
    with pytest.raises(ConfigurationError, match="PUSH_TEXTS"):
        connect({"ENVIRONMENT": "dev", "PUSH_APPLICATION_ID": "app", "SINGLE_VIEW_TABLE": "t", "SHOP_URL": "u"})


@pytest.mark.usefixtures("_environment")
def test_the_sender_reaches_the_devices_that_still_count_and_nobody_without_one(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[dict[str, Any]] = []

    class Client:
        def send_messages(self, **request: Any) -> dict[str, Any]:
            sent.append(request["MessageRequest"]["Addresses"])
            found = {token: {"DeliveryStatus": "SUCCESSFUL", "StatusCode": 200} for token in sent[-1]}
            return {"MessageResponse": {"ApplicationId": "app", "Result": found}}

    monkeypatch.setattr(aws, "push", Client)
    for name, value in {"PUSH_APPLICATION_ID": "app", "PUSH_TEXTS": json.dumps(TEXTS), "PUSH_DAYS": "1"}.items():
        monkeypatch.setenv(name, value)
    cloud.put_profile(profile(), now=NOW)
    agreed = Consent(purpose=Purpose.MARKETING, channel=Channel.PUSH, granted=True, decided_at=NOW)
    cloud.writer.put_consent(PERSON, agreed)
    request = {"decision_id": "d_1", "person_id": PERSON, "channel": "push", "purpose": "marketing"}

    nowhere = handler.handle({**request, "template": "welcome"}, LambdaContext())
    cloud.writer.put_device(PERSON, device("a"))
    cloud.writer.put_device(PERSON, replace(device("old"), expires_at=NOW - timedelta(days=1)))
    there = handler.handle({**request, "template": "welcome"}, LambdaContext())

    assert (nowhere["status"], nowhere["reasons"]) == ("suppressed", ["NO_PUSH_TOKEN"])
    assert (there["status"], sent) == ("sent", [{"a": {"ChannelType": "APNS"}}])
    assert cloud.events()[-1]["payload"]["channel"] == "push"
    assert "push_token" not in cloud.events()[-1]["identifiers"]
