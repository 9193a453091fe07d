"""What becomes of messages: the deployed sender, SES's mailbox simulator, its reports, and who gets nothing more."""

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.credentials import Credentials

from c360_aws.single_view_reader import SingleViewReader
from c360_aws.single_view_writer import SingleViewWriter
from c360_core.consent import Channel, Consent, ConsentStatus, Purpose, consent_status
from c360_core.names import Stream, stream_name
from ops.deployed_stacks import api_address
from ops.smoke.signature import Signature
from tests.deployments.small_dev import ENVIRONMENT, SmallDev
from tests.factories.profiles import profile
from tests.fakes.wire import read_stream
from twin.emulator import emulator
from twin.principals import Principal
from twin.providers.ses.mailboxes import SIMULATOR
from twin.providers.sms_voice.service import FAILURE, SUCCESS
from twin.scenario.live import MESSAGES_PATH
from twin.scenario.waiting import until
from twin.settings import ACCOUNT, BUILD, REGION

SECONDS = 120.0
POOL = f"arn:aws:sms-voice:{REGION}:{ACCOUNT}:pool/pool-0123456789abcdef"
NEVER_QUIET = {"quiet_hours_start": 0, "quiet_hours_end": 0, "frequency_cap_messages": 9}


@dataclass(frozen=True)
class Person:
    """Somebody who agreed."""

    person_id: str
    address: str


class World:
    """`dev` with its sender, and people in the single view."""

    def __init__(self, running: emulator.Emulator, folder: Path) -> None:
        self.dev, self.endpoint = SmallDev(running, folder), running.settings.endpoint
        self.dev.deploy(_watching, "activation")
        key = running.settings.credentials(Principal.ADMINISTRATOR)
        self.server = Signature(Credentials(key.access_key, key.secret_key, key.token), REGION)
        self.table = self.dev.output("unification", "SingleViewTableName")
        dynamodb = boto3.resource(
            "dynamodb",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
            aws_session_token=key.token,
        ).meta.client
        self.view = SingleViewReader(client=dynamodb, table=self.table)
        self.store = SingleViewWriter(client=dynamodb, table=self.table)
        self.sender = self.dev.output("activation", "MessageSenderFunctionName")
        self.ses = self.dev.client("sesv2")
        self.ses.create_email_identity(EmailIdentity="example.com")
        self.texts = self.dev.client("pinpoint-sms-voice-v2")
        # The emulator reads the model of a service with its first request, for which the sender would not wait.
        self.texts.describe_opted_out_numbers(OptOutListName="Default")

    def person(self, simulated: str | None = None, *, phone: str = "+14155550132") -> Person:
        """Put somebody into the single view who agreed to messages by mail and by text.

        Args:
            simulated: the mailbox of the simulator, which only one person may have, because what follows a `+` makes
                no mailbox of its own; otherwise a mailbox that gets its mails.
            phone: the number.
        """
        label = uuid.uuid4().hex[:8]
        address = f"{simulated}+{label}@{SIMULATOR}" if simulated else f"person-{label}@customers.example.org"
        found = Person(person_id=f"p_{label}", address=address)
        # No live order: a first purchase is the signal of a play, which would send a message of its own.
        known = profile(found.person_id, email=found.address, phone=phone, loyalty_id=f"L{label}", live_orders=None)
        self.store.put_profile(known, self.view.stored_states([found.person_id])[found.person_id], now=_now())
        for channel in (Channel.EMAIL, Channel.SMS, Channel.IN_APP, Channel.PUSH):
            agreed = Consent(purpose=Purpose.MARKETING, channel=channel, granted=True, decided_at=_now())
            self.store.put_consent(found.person_id, agreed)
        return found

    def send(self, to: Person, channel: Channel = Channel.EMAIL) -> dict[str, Any]:
        """Let the deployed sender send a message of a new decision; return its answer."""
        request = {
            "decision_id": f"d_{uuid.uuid4().hex}",
            "person_id": to.person_id,
            "channel": str(channel),
            "purpose": "marketing",
            "template": "welcome",
        }
        answer = self.dev.client("lambda").invoke(FunctionName=self.sender, Payload=json.dumps(request))
        read: dict[str, Any] = json.loads(answer["Payload"].read())
        return read

    def becomes(self, to: Person, outcome: str) -> None:
        """Wait until the newest message to a person has an outcome."""
        until(
            f"the message to {to.address} is {outcome}",
            partial(self._outcome, to),
            lambda seen: seen == outcome,
            seconds=SECONDS,
        )

    def _outcome(self, to: Person) -> str | None:
        messages = self.view.messages(to.person_id, limit=1)
        return str(messages[0]["outcome"]) if messages else None

    def mail(self, to: Person) -> Mapping[str, Any]:
        """Return the only mail in the outbox to a person."""
        [found] = [mail for mail in self.outbox() if mail["To"] == [to.address]]
        return found

    def outbox(self) -> list[dict[str, Any]]:
        """Return all mails that left."""
        by_account = httpx.get(f"{self.endpoint}{MESSAGES_PATH}", timeout=20).json()["messages"]
        return [mail for mails in by_account.values() for mail in mails]

    def told(self, to: Person) -> list[tuple[str, dict[str, Any]]]:
        """Return the events about a person on the stream of events."""
        records = read_stream(self.dev.client("kinesis"), stream_name(ENVIRONMENT, Stream.EVENTS))
        events = {event["event_id"]: event for event in map(json.loads, records)}
        about = [event for event in events.values() if event["identifiers"].get("email") == [to.address]]
        return [(event["event_type"], event["payload"]) for event in about]

    def link(self, to: Person) -> str:
        """Return the link to unsubscribe in the mail to a person, as it is reached here."""
        [found] = re.findall(r"https://\S+/v1/unsubscribe/\S+", self.mail(to)["BodyText"])
        address, _, token = found.partition("/v1/")
        return f"{api_address(address, endpoint=self.endpoint)}/v1/{token}"

    def inbox(self, path: str = "", *, opened: str | None = None, method: str = "GET", **more: Any) -> httpx.Response:
        """Ask the inbox, as a page or an app does with its token."""
        address = api_address(self.dev.output("activation", "InboxApiUrl"), endpoint=self.endpoint)
        headers = {} if opened is None else {"authorization": f"Bearer {opened}"}
        return httpx.request(method, f"{address}/v1/inbox{path}", headers=headers, timeout=60, **more)

    def open_inbox(self, owner: Person) -> str:
        """Get a token for a customer who is signed in, as the shop's server does."""
        answer = self.inbox(f"/tokens/{owner.person_id}", method="POST", auth=self.server)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    def register(self, owner: Person, device: str) -> None:
        """Say on which device the app of a person is, as the app does with its token."""
        opened = self.open_inbox(owner)
        answer = self.inbox(f"/devices/{device}", opened=opened, method="PUT", json={"platform": "google"})
        assert answer.status_code == 200, answer.text

    def agrees(self, to: Person, channel: Channel = Channel.EMAIL) -> bool:
        """Return whether a person still agrees."""
        answers = self.view.consents(to.person_id)
        return consent_status(answers, Purpose.MARKETING, channel) is ConsentStatus.GRANTED


def _watching(values: dict[str, Any]) -> None:
    activation = values.setdefault("activation", {})
    activation |= NEVER_QUIET
    activation.setdefault("email", {})["track_engagement"] = True
    activation["sms"] = {"origination_identity": POOL}
    activation["push"] = {"apple_secret": "c360/apple-push", "google_secret": "c360/google-push"}
    activation["in_app"] = {"deployed": True, "allowed_origins": ["https://shop.example.com"]}


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with emulator.running(BUILD / "twin" / "messages") as started:
        yield World(started, tmp_path_factory.mktemp("messages"))


def test_a_message_is_delivered_opened_and_clicked(world: World) -> None:
    ada = world.person("success")
    assert world.send(ada)["status"] == "sent"
    world.becomes(ada, "delivered")

    body = world.mail(ada)["BodyHtml"]
    [picture] = re.findall(r'src="([^"]+)"', body)
    assert httpx.get(picture, timeout=20).headers["content-type"] == "image/gif"
    world.becomes(ada, "opened")
    followed, unsubscribe = re.findall(r'href="([^"]+)"', body)
    assert httpx.get(followed, timeout=20).headers["location"] == "https://example.com/"
    world.becomes(ada, "clicked")

    assert "/v1/unsubscribe/" in unsubscribe
    assert unsubscribe.startswith("https://"), "SES must not count who unsubscribes"
    told = dict(world.told(ada))
    assert set(told) == {"message_sent", "message_delivered", "message_opened", "message_clicked"}
    assert told["message_clicked"]["url"] == "https://example.com/"


def test_a_bounce_suppresses_the_address_and_leaves_the_consent(world: World) -> None:
    bob = world.person("bounce")
    assert world.send(bob)["status"] == "sent"
    world.becomes(bob, "bounced")

    again = world.send(bob)
    assert (again["status"], again["reasons"]) == ("suppressed", ["ADDRESS_SUPPRESSED"])
    assert world.agrees(bob)
    assert dict(world.told(bob))["message_bounced"]["bounce_type"] == "permanent"


def test_a_complaint_ends_the_consent(world: World) -> None:
    cy = world.person("complaint")
    world.send(cy)
    world.becomes(cy, "complained")

    until("the complaint counts", partial(world.agrees, cy), lambda agrees: not agrees, seconds=SECONDS)
    assert set(world.send(cy)["reasons"]) == {"CONSENT_WITHDRAWN", "ADDRESS_SUPPRESSED"}
    assert {"message_delivered", "message_complained", "consent_changed"} <= set(dict(world.told(cy)))


def test_an_address_on_the_list_of_ses_gets_nothing_and_bounces(world: World) -> None:
    dora = world.person()
    world.ses.put_suppressed_destination(EmailAddress=dora.address, Reason="COMPLAINT")
    listed = world.ses.list_suppressed_destinations(Reasons=["COMPLAINT"])["SuppressedDestinationSummaries"]
    assert [entry["EmailAddress"] for entry in listed] == [dora.address]

    world.send(dora)
    world.becomes(dora, "bounced")
    assert dict(world.told(dora))["message_bounced"]["bounce_subtype"] == "OnAccountSuppressionList"
    assert not [mail for mail in world.outbox() if mail["To"] == [dora.address]]

    world.ses.delete_suppressed_destination(EmailAddress=dora.address)
    with pytest.raises(world.ses.exceptions.NotFoundException):
        world.ses.get_suppressed_destination(EmailAddress=dora.address)


def test_one_click_stops_the_next_message_and_a_look_does_not(world: World) -> None:
    eve = world.person()
    world.send(eve)
    link = world.link(eve)

    assert "Stop these messages" in httpx.get(link, timeout=20).text
    assert world.agrees(eve)
    assert httpx.post(f"{link}0", data={"List-Unsubscribe": "One-Click"}, timeout=20).status_code == 400
    assert world.agrees(eve)
    done = httpx.post(link, data={"List-Unsubscribe": "One-Click"}, timeout=20)
    assert (done.status_code, "You are unsubscribed" in done.text) == (200, True)

    assert set(world.send(eve)["reasons"]) == {"CONSENT_WITHDRAWN", "ADDRESS_SUPPRESSED"}
    assert dict(world.told(eve))["consent_changed"] == {"purpose": "marketing", "channel": "email", "granted": False}
    assert "unsubscribed already" in httpx.post(link, timeout=20).text


@pytest.mark.parametrize(("phone", "outcome"), [(SUCCESS, "delivered"), (FAILURE, "bounced")])
def test_a_text_message_becomes_what_its_carrier_reports(world: World, phone: str, outcome: str) -> None:
    fay = world.person(phone=phone)
    assert world.send(fay, Channel.SMS)["status"] == "sent"
    world.becomes(fay, outcome)

    told = dict(world.told(fay))
    assert told[f"message_{outcome}"]["channel"] == "sms"
    assert world.agrees(fay, Channel.SMS)


def test_who_answered_stop_gets_no_more_texts_and_still_gets_mails(world: World) -> None:
    gus = world.person(phone="+33612345678")
    world.texts.put_opted_out_number(OptOutListName="Default", OptedOutNumber="+33612345678")

    assert world.send(gus, Channel.SMS)["reasons"] == ["ADDRESS_SUPPRESSED"]
    assert not world.agrees(gus, Channel.SMS)
    assert dict(world.told(gus))["consent_changed"] == {"purpose": "marketing", "channel": "sms", "granted": False}
    assert world.send(gus)["status"] == "sent"


def test_a_message_waits_in_the_app_until_its_person_closes_it(world: World) -> None:
    hal, ivy = world.person(), world.person()
    assert world.send(hal, Channel.IN_APP)["status"] == "sent"
    opened, other = world.open_inbox(hal), world.open_inbox(ivy)

    [waiting] = world.inbox(opened=opened).json()["messages"]
    assert (waiting["title"], waiting["url"]) == ("Thank you for your first order", "https://example.com/")
    assert world.inbox(opened=other).json()["messages"] == []
    receipt = f"/messages/{waiting['message_id']}"
    refused = (
        world.inbox(f"{receipt}/dismissed", opened=other, method="POST"),
        world.inbox(f"{receipt}/dismissed", opened=f"{opened}0", method="POST"),
        world.inbox(),
        world.inbox(f"/tokens/{hal.person_id}", method="POST"),
    )
    assert [answer.status_code for answer in refused] == [404, 401, 401, 403]
    assert world.inbox(f"{receipt}/shown", opened=opened, method="POST").status_code == 200
    world.becomes(hal, "opened")
    assert world.inbox(f"{receipt}/dismissed", opened=opened, method="POST").status_code == 200

    world.becomes(hal, "dismissed")
    assert world.inbox(opened=opened).json()["messages"] == []
    assert set(dict(world.told(hal))) == {"message_sent", "message_opened", "message_dismissed"}
    assert "c360Inbox" in world.inbox("/client.js").text


def test_a_push_message_reaches_the_devices_that_have_the_app_and_forgets_the_others(world: World) -> None:
    jo = world.person()
    assert world.send(jo, Channel.PUSH)["reasons"] == ["NO_PUSH_TOKEN"]
    for device in (f"phone-of-{jo.person_id}", f"gone-from-{jo.person_id}"):
        world.register(jo, device)

    assert world.send(jo, Channel.PUSH)["status"] == "sent"
    assert [device.token for device in world.view.devices(jo.person_id)] == [f"phone-of-{jo.person_id}"]
    assert dict(world.told(jo))["message_sent"]["channel"] == "push"

    kim = world.person()
    world.register(kim, f"gone-from-{kim.person_id}")
    assert world.send(kim, Channel.PUSH)["reasons"] == ["ADDRESS_REJECTED"]
    assert world.send(kim, Channel.PUSH)["reasons"] == ["NO_PUSH_TOKEN"]
