"""The message sender: at most one mail per message, and none that the person does not want."""

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.stub import Stubber
from pydantic import ValidationError

from c360_aws.event_stream import StreamUnavailableError
from c360_core.consent import Channel, Consent, Purpose
from c360_core.controls import Control, State
from c360_core.decision import Template
from c360_core.decision_rules import ContactRules, TriggerEvent, decide
from c360_core.identity.keys import identifier_key
from c360_core.interaction import read_interaction
from c360_core.message_templates import MessageTemplate, MessageTemplates, load_templates
from c360_core.moments import moment_text
from c360_core.names import IdentifierType
from c360_core.play import Unhappy, load_playbook
from lambdas.message_sender import handler
from lambdas.message_sender.logic import Sender, Status
from lambdas.message_sender.message import Message, SendResult
from lambdas.shared import aws
from lambdas.shared.refusals import Refusals
from tests.factories.messages import sent_message
from tests.factories.profiles import PERSON, profile
from tests.fakes.ports import MemoryChannel, MemoryIdempotency, MemoryPeople, MemoryStream
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import HASH_SECRET, Cloud
from tests.unit.lambdas.message_sender.conftest import WELCOME

NOON = datetime(2026, 3, 2, 17, tzinfo=UTC)  # in New York, where the factory's person lives
RULES = ContactRules(quiet_from=21, quiet_until=8, default_time_zone="UTC", cap_messages=2, cap_days=7)
MAILBOX = identifier_key(HASH_SECRET.encode(), IdentifierType.EMAIL, "ada.lovelace@mail.org")


def answer(*, granted: bool, hours: int = 0) -> Consent:
    return Consent(
        purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=granted, decided_at=NOON - timedelta(hours=9 - hours)
    )


class Office:
    """A sender with everything around it in memory."""

    def __init__(self) -> None:
        self.people = MemoryPeople(profiles={PERSON: profile()}, answers={PERSON: [answer(granted=True)]})
        self.mail, self.stream, self.idempotency = MemoryChannel(), MemoryStream(), MemoryIdempotency()
        self.now, self.rules, self.templates = NOON, RULES, load_templates()

    def send(self, message: Message = WELCOME) -> Any:
        sender = Sender(
            view=self.people,
            store=self.people,
            channels={Channel.EMAIL: self.mail},
            stream=self.stream,
            idempotency=self.idempotency,
            refusals=Refusals(view=self.people, store=self.people, stream=self.stream, hash_secret=HASH_SECRET.encode),
            hash_secret=HASH_SECRET.encode,
            rules=self.rules,
            templates=self.templates,
            keep_days=30,
            clock=lambda: self.now,
        )
        return sender.send(message)


@pytest.fixture
def office() -> Office:
    return Office()


(FIRST_PURCHASE,) = (play for play in load_playbook().plays if play.name == "first_purchase")


def test_why_a_message_is_held_back_is_stored_with_its_decision(cloud: Cloud) -> None:
    person = profile(email=None)
    decision = decide(
        TriggerEvent(trigger="first_purchase", subject="p@t", at=NOON),
        profile(),
        play=FIRST_PURCHASE,
        consents=[answer(granted=True)],
        contacts=(),
        rules=RULES,
        now=NOON,
    )
    cloud.put_profile(person, now=NOON)
    cloud.writer.put_decision(decision, keep_days=3650)
    stream = MemoryStream()
    sender = Sender(
        view=cloud.reader,
        store=cloud.writer,
        channels={Channel.EMAIL: MemoryChannel()},
        stream=stream,
        refusals=Refusals(view=cloud.reader, store=cloud.writer, stream=stream, hash_secret=HASH_SECRET.encode),
        idempotency=MemoryIdempotency(),
        hash_secret=HASH_SECRET.encode,
        rules=RULES,
        templates=load_templates(),
        keep_days=30,
        clock=lambda: NOON,
    )

    for _ in range(2):
        assert sender.send(replace(WELCOME, decision_id=decision.decision_id)).status is Status.SUPPRESSED

    (item,) = cloud.reader.decisions(PERSON, limit=10).items
    assert item["action"] == "send"
    assert item["not_sent"] == [
        {"template": "welcome", "reasons": ["CONSENT_NEVER_GIVEN", "NO_EMAIL"], "at": "2026-03-02T17:00:00.000Z"}
    ]


def test_a_message_whose_value_is_missing_is_refused_before_anything_is_sent_and_says_which(office: Office) -> None:
    needing = MessageTemplate(needs=("loyalty_points", "first_name"), texts={})
    office.templates = MessageTemplates(languages=("en",), templates={Template.WELCOME: needing})

    said = office.send()
    assert (said.status, said.reasons) == (Status.SUPPRESSED, ("VALUE_MISSING:loyalty_points",))
    assert office.mail.handed_over == []
    assert not office.people.sent

    office.people.profiles[PERSON] = profile(loyalty_points=120)
    assert office.send().status is Status.SENT


def test_a_message_that_may_have_gone_out_counts_for_caps_once(office: Office) -> None:
    office.rules = replace(RULES, cap_messages=2)
    office.mail.answer = SendResult.IN_DOUBT
    for _ in range(2):
        assert office.send().reasons == ("SEND_IN_DOUBT",)
    office.mail.answer = SendResult.ACCEPTED

    assert office.send(replace(WELCOME, decision_id="d_2")).status is Status.SENT
    assert office.send(replace(WELCOME, decision_id="d_3")).reasons == ("FREQUENCY_CAP",)


def test_what_somebody_got_before_a_merge_counts_for_the_survivor(office: Office) -> None:
    office.people.aliases = {"p_2": PERSON}
    for number in range(2):
        office.people.put_message(sent_message(f"m_{number}", at=NOON - timedelta(days=1), person_id="p_2"))

    assert office.send(replace(WELCOME, person_id="p_2")).reasons == ("FREQUENCY_CAP",)
    assert office.mail.handed_over == []


def test_an_allowed_message_is_sent_recorded_and_published(office: Office) -> None:
    assert office.send().document() == {
        "status": "sent",
        "message_id": WELCOME.message_id,
        "reasons": [],
        "not_before": None,
    }
    assert len(office.mail.handed_over) == 1
    assert [message["message_id"] for message in office.people.sent[PERSON]] == [WELCOME.message_id]
    (event,) = office.stream.events()
    assert event["event_type"] == "message_sent"
    assert event["payload"]["decision_id"] == "d_1"
    read_interaction(office.stream.records[0].data, secret=b"0123456789abcdef", now=NOON)


def test_a_message_is_sent_once_for_any_number_of_requests(office: Office) -> None:
    statuses = [office.send().status for _ in range(3)]

    assert statuses == [Status.SENT, Status.DUPLICATE, Status.DUPLICATE]
    assert len(office.mail.handed_over) == 1


def test_the_next_template_of_the_same_decision_is_another_message(office: Office) -> None:
    office.send()
    follow_up = Message(
        decision_id="d_1",
        person_id=PERSON,
        channel=Channel.EMAIL,
        purpose=Purpose.MARKETING,
        template=Template.WELCOME_FOLLOW_UP,
    )

    assert office.send(follow_up).status is Status.SENT
    assert len(office.mail.handed_over) == 2


def test_an_address_that_withdrew_after_the_decision_gets_nothing_for_any_owner(office: Office) -> None:
    office.people.address_answers[MAILBOX] = [answer(granted=False, hours=1)]

    sent = office.send()

    assert (sent.status, sent.reasons) == (Status.SUPPRESSED, ("ADDRESS_SUPPRESSED",))
    assert office.mail.handed_over == []


def test_a_consent_withdrawn_after_the_decision_stops_the_message(office: Office) -> None:
    office.people.answers[PERSON].append(answer(granted=False, hours=1))

    sent = office.send()

    assert (sent.status, sent.reasons) == (Status.SUPPRESSED, ("CONSENT_WITHDRAWN",))
    assert office.mail.handed_over == []
    assert office.stream.records == []


def test_whoever_has_become_unhappy_since_the_decision_gets_no_marketing(office: Office) -> None:
    office.rules = replace(RULES, unhappy=Unhappy(at_most=Decimal("-0.6")))
    office.people.profiles[PERSON] = profile(scores={"sentiment": Decimal("-0.61")})
    answered = office.send()
    assert (answered.status, answered.reasons) == (Status.SUPPRESSED, ("UNHAPPY",))
    assert office.mail.handed_over == []


def test_a_person_who_was_merged_gets_it_under_the_surviving_id(office: Office) -> None:
    office.people.profiles = {"p_survivor": profile("p_survivor", email="new@mail.org")}
    office.people.answers = {"p_survivor": [answer(granted=True)]}
    office.people.aliases = {PERSON: "p_survivor"}

    assert office.send().status is Status.SENT
    assert office.mail.handed_over[0][1].text("attributes", "email") == "new@mail.org"
    assert list(office.people.sent) == ["p_survivor"]


def test_a_removed_person_gets_nothing(office: Office) -> None:
    office.people.profiles = {}

    assert office.send().reasons == ("PERSON_GONE",)


def test_in_quiet_hours_the_journey_gets_the_time_to_continue(office: Office) -> None:
    office.now = datetime(2026, 3, 3, 3, tzinfo=UTC)  # 22:00 in New York

    deferred = office.send()

    assert (deferred.status, deferred.not_before) == (Status.DEFERRED, datetime(2026, 3, 3, 13, tzinfo=UTC))
    office.now = deferred.not_before
    assert office.send().status is Status.SENT


def test_too_many_messages_within_the_window_suppress_the_next(office: Office) -> None:
    for number in (1, 2):
        office.people.put_message(sent_message(f"m_{number}", at=NOON))

    assert office.send().reasons == ("FREQUENCY_CAP",)


def test_an_address_that_is_refused_for_good_is_not_recorded_as_sent(office: Office) -> None:
    office.mail.answer = SendResult.REJECTED

    assert office.send().reasons == ("ADDRESS_REJECTED",)
    assert office.stream.records == []


def test_a_send_in_doubt_is_not_repeated(office: Office) -> None:
    office.mail.answer = SendResult.IN_DOUBT

    assert [office.send().reasons for _ in range(2)] == [("SEND_IN_DOUBT",), ("SEND_IN_DOUBT",)]
    assert len(office.mail.handed_over) == 1


def test_whoever_told_the_service_to_stop_is_taken_at_their_word(office: Office) -> None:
    office.mail.answer = SendResult.OPTED_OUT

    first, second = (office.send() for _ in range(2))

    assert first.reasons == ("ADDRESS_SUPPRESSED",)
    assert second.reasons == ("CONSENT_WITHDRAWN", "ADDRESS_SUPPRESSED")
    assert len(office.mail.handed_over) == 1
    assert not any(one.granted for one in office.people.address_answers[MAILBOX])
    assert office.people.answers[PERSON][-1].granted is False
    assert {event["event_type"] for event in office.stream.events()} == {"consent_changed"}
    assert len({event["event_id"] for event in office.stream.events()}) == 1


def test_a_message_that_could_not_be_recorded_is_recorded_on_the_next_try_and_not_sent_again(office: Office) -> None:
    office.stream.refuse = {0}
    with pytest.raises(StreamUnavailableError):
        office.send()
    office.stream.refuse = set()

    assert office.send().status is Status.DUPLICATE
    assert [event["event_type"] for event in office.stream.events()] == ["message_sent"]
    assert len(office.mail.handed_over) == 1


DETAIL = {
    "decision_id": "d_1",
    "person_id": PERSON,
    "trigger": "first_purchase",
    "action": "send",
    "channel": "email",
    "template": "welcome",
    "purpose": "marketing",
    "decided_at": "2026-03-02T17:00:00.000Z",
    "not_before": "2026-03-02T17:00:00.000Z",
    "reasons": ["FIRST_PURCHASE"],
    "trace_id": None,
}


@pytest.mark.usefixtures("_environment")
def test_the_journeys_input_becomes_one_mail_and_one_event(cloud: Cloud, log: io.StringIO) -> None:
    cloud.put_profile(profile(), now=datetime.now(UTC))
    cloud.writer.put_consent(PERSON, answer(granted=True))

    with Stubber(aws.ses()) as stub:
        stub.add_response("send_email", {"MessageId": "ses-1"})
        first, second = (handler.handle(DETAIL, LambdaContext()) for _ in range(2))

    assert (first["status"], second["status"]) == ("sent", "duplicate")
    assert [event["payload"]["message_id"] for event in cloud.events()][:1] == [first["message_id"]]
    assert len({event["event_id"] for event in cloud.events()}) == 1
    assert len(cloud.reader.messages(PERSON, limit=10)) == 1
    assert "ada.lovelace" not in log.getvalue()


@pytest.mark.usefixtures("_environment")
def test_an_input_that_is_no_decision_is_an_error(cloud: Cloud) -> None:
    with pytest.raises(ValidationError, match="template"):
        handler.handle({**DETAIL, "template": "chain_letter"}, LambdaContext())


def test_a_high_cap_counts_more_messages_than_are_usually_read(office: Office) -> None:
    office.people.sent[PERSON] = [
        {"message_id": f"m_{number}", "sent_at": moment_text(NOON - timedelta(minutes=number))} for number in range(80)
    ]
    office.rules = replace(RULES, cap_messages=80)

    assert office.send().reasons == ("FREQUENCY_CAP",)


OF_JOURNEY = replace(WELCOME, journey="welcome", trigger="first_purchase")


@pytest.mark.parametrize("name", ["welcome", "first_purchase"])
def test_who_stops_a_journey_or_what_began_it_stops_its_messages(office: Office, name: str) -> None:
    office.people.said[name] = Control(name=name, state=State.STOPPED, at=NOON)
    said = office.send(OF_JOURNEY)
    assert (said.status, said.reasons) == (Status.SUPPRESSED, ("STOPPED",))
    assert office.mail.handed_over == []

    office.people.said[name] = Control(name=name, state=State.RUNNING, at=NOON)
    assert office.send(OF_JOURNEY).status is Status.SENT


def test_a_message_of_something_paused_waits_and_a_pause_that_was_forgotten_is_an_end(office: Office) -> None:
    office.people.said["welcome"] = Control(name="welcome", state=State.PAUSED, at=NOON)
    said = office.send(OF_JOURNEY)
    assert (said.status, said.not_before) == (Status.DEFERRED, NOON + timedelta(hours=1))
    office.now = NOON + timedelta(days=31)
    assert office.send(OF_JOURNEY).reasons == ("STOPPED",)
    assert office.mail.handed_over == []


def test_controls_are_read_as_they_were_written(cloud: Cloud) -> None:
    control = Control(name="welcome", state=State.PAUSED, at=NOON)
    cloud.writer.put_control(control)
    assert cloud.reader.controls(["welcome", "other", "welcome"]) == (control,)
    assert cloud.reader.controls([]) == ()
