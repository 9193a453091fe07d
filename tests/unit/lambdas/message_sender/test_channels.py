"""Channels: a module in the folder is a channel, from the decision to the message."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from c360_core.consent import Channel, Consent, Purpose
from c360_core.decision_rules import ContactRules
from c360_core.play import Play, load_playbook
from lambdas.decision.logic import Decider
from lambdas.message_sender import channels, handler
from lambdas.message_sender.channels import ChannelError, find_channels
from lambdas.message_sender.logic import UnknownChannelError
from lambdas.shared.decision_publisher import DecisionPublisher
from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryIdempotency, MemoryPeople, MemoryStream
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import HASH_SECRET, Cloud

ANY_TIME = ContactRules(quiet_from=0, quiet_until=0, default_time_zone="UTC", cap_messages=3, cap_days=7)
WELCOME = next(play for play in load_playbook().plays if play.name == "first_purchase")
BY_TEXT_MESSAGE = replace(WELCOME, channels=(Channel.SMS,))
TEXT_MESSAGES = '''
"""Text messages, through a service that keeps them in a file."""

import json
from pathlib import Path

from c360_core.address import address_of
from c360_core.consent import Channel
from c360_core.message_values import profile_values
from lambdas.message_sender.message import SendResult

CHANNEL = Channel.SMS


class Carrier:
    def __init__(self, outbox):
        self.outbox = outbox

    def send(self, message, profile):
        sent = {"to": address_of(profile, CHANNEL), "template": message.template, **profile_values(profile)}
        with self.outbox.open("a") as lines:
            lines.write(json.dumps(sent) + "\\n")
        return SendResult.ACCEPTED


def connect(environ):
    return Carrier(Path(environ["SMS_OUTBOX"]))
'''

Add = Callable[[str, str], None]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Add]:
    """Add modules to the folder of channels."""
    # The package looks for modules in the folders of its path: another folder leaves the source tree untouched. It has
    # the channel of e-mails alone, so that there is something to add.
    shutil.copy(Path(channels.__file__).parent / "email.py", tmp_path)
    monkeypatch.setattr(channels, "__path__", [str(tmp_path)])
    added = []

    def module(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        added.append(f"{channels.__name__}.{name}")

    yield module
    for name in added:
        sys.modules.pop(name, None)


class MemoryBus:
    """An event bus that keeps the details of its entries."""

    def __init__(self) -> None:
        self.details: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # the service's name
        self.details += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0}


def decided(people: MemoryPeople, play: Play) -> list[dict[str, Any]]:
    """Decide on a first purchase; return what the journeys get."""
    bus = MemoryBus()
    decider = Decider(
        view=people,
        store=people,
        publisher=DecisionPublisher(
            stream=MemoryStream(),
            bus=bus,  # type: ignore[arg-type]
            bus_name="bus",
            idempotency=MemoryIdempotency(),
        ),
        rules=ANY_TIME,
        keep_days=30,
        hash_secret=HASH_SECRET.encode,
        playbook=replace(load_playbook(), plays=(play,)),
    )
    decider.on_change(None, profile(), now=datetime.now(UTC))
    return bus.details


def test_the_channels_are_those_of_the_folder() -> None:
    modules = {path.stem for path in Path(channels.__file__).parent.glob("*.py")} - {"__init__"}

    assert {str(channel) for channel in find_channels()} == modules == {"email", "in_app", "push", "sms"}


@pytest.mark.usefixtures("_environment")
def test_a_module_in_the_folder_is_a_channel_from_the_decision_to_the_message(
    cloud: Cloud, add: Add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("texts", TEXT_MESSAGES)
    outbox = tmp_path / "outbox"
    monkeypatch.setenv("SMS_OUTBOX", str(outbox))
    agreed = Consent(purpose=Purpose.MARKETING, channel=Channel.SMS, granted=True, decided_at=datetime.now(UTC))
    cloud.put_profile(profile(), now=datetime.now(UTC))
    cloud.writer.put_consent(PERSON, agreed)

    (detail,) = decided(MemoryPeople(answers={PERSON: [agreed]}), BY_TEXT_MESSAGE)
    answers = [handler.handle(detail, LambdaContext()) for _ in range(2)]

    assert (detail["action"], detail["channel"]) == ("send", "sms")
    assert [answer["status"] for answer in answers] == ["sent", "duplicate"]
    (sent,) = map(json.loads, outbox.read_text().splitlines())
    assert sent == {
        "to": profile().text("attributes", "phone"),
        "template": "welcome",
        "first_name": "Ada",
        "loyalty_tier": "",
        "loyalty_points": "",
    }
    (event,) = {event["event_id"]: event for event in cloud.events()}.values()
    assert (event["event_type"], event["payload"]["channel"]) == ("message_sent", "sms")


def test_a_person_without_an_address_of_the_channel_gets_nothing() -> None:
    agreed = Consent(purpose=Purpose.MARKETING, channel=Channel.SMS, granted=True, decided_at=datetime.now(UTC))
    people = MemoryPeople(profiles={PERSON: profile(phone=None)}, answers={PERSON: [agreed]})

    assert decided(people, BY_TEXT_MESSAGE) == []
    assert people.decided[PERSON][0]["reasons"] == ["NO_PHONE"]


@pytest.mark.usefixtures("_environment")
def test_a_message_whose_channel_has_no_module_is_an_error_that_says_where_to_add_one(cloud: Cloud) -> None:
    message = {"decision_id": "d_1", "person_id": PERSON, "purpose": "marketing", "template": "welcome"}

    with pytest.raises(UnknownChannelError, match=r"`sms`, only through email; switch it on in the settings, or add"):
        handler.handle({**message, "channel": "sms"}, LambdaContext())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "carrier: define CHANNEL"),
        ('CHANNEL = "sms"\n\ndef connect(environ): ...', "carrier: define CHANNEL"),
        ("from c360_core.consent import Channel\nCHANNEL = Channel.SMS", r"carrier: .* and connect\(environ\)"),
        ("from c360_core.consent import Channel\nCHANNEL = Channel.ANY\ndef connect(environ): ...", "other than `any`"),
        ("from lambdas.message_sender.channels.email import CHANNEL, connect", "carrier|email"),
    ],
    ids=["empty", "a text", "no connect", "any", "twice"],
)
def test_a_module_that_is_no_channel_is_named(add: Add, text: str, fault: str) -> None:
    add("carrier", text)

    with pytest.raises(ChannelError, match=fault):
        find_channels()
