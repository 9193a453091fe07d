"""What becomes of a message: an event, the outcome in the single view, and who gets nothing more."""

import io
import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from c360_core.consent import Channel, Consent, ConsentStatus, Purpose, consent_status
from c360_core.contracts import load
from c360_core.delivery import EVENT_TYPES, Outcome
from c360_core.identity.keys import identifier_key
from c360_core.interaction import read_interaction
from c360_core.names import IdentifierType
from lambdas.delivery_reports import handler
from lambdas.delivery_reports.logic import QueueMessage, Reports, Taken, take_batch
from lambdas.delivery_reports.mail import read_mail_report
from lambdas.delivery_reports.report import UnreadableReportError
from lambdas.shared.refusals import Refusals
from tests.factories.messages import SENT_AT, sent_message
from tests.factories.profiles import PERSON, profile
from tests.factories.ses_reports import ADDRESS, DETAIL_TYPES, ses_report
from tests.fakes.ports import MemoryPeople, MemoryStream
from tests.fakes.wire import LambdaContext
from tests.unit.lambdas.conftest import HASH_SECRET, Cloud

MAILBOX = identifier_key(HASH_SECRET.encode(), IdentifierType.EMAIL, ADDRESS)
SENT = sent_message(address_keys=(MAILBOX,))
YES = Consent(
    purpose=Purpose.MARKETING, channel=Channel.EMAIL, granted=True, decided_at=datetime(2026, 1, 1, tzinfo=UTC)
)


class Desk:
    """The reader of reports with everything around it in memory."""

    def __init__(self) -> None:
        self.people = MemoryPeople(profiles={PERSON: profile()}, answers={PERSON: [YES]}, noted={"m_1": SENT})
        self.people.put_message(SENT)
        self.stream = MemoryStream()

    def take(self, *reports: dict[str, Any]) -> Taken:
        refusals = Refusals(view=self.people, store=self.people, stream=self.stream, hash_secret=HASH_SECRET.encode)
        reader = Reports(view=self.people, store=self.people, stream=self.stream, refusals=refusals)
        messages = [QueueMessage(message_id=f"q{n}", body=json.dumps(report)) for n, report in enumerate(reports)]
        return take_batch(messages, reader)

    @property
    def outcome(self) -> Outcome:
        (message,) = self.people.sent[PERSON]
        return Outcome(message["outcome"])

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        return [(event["event_type"], event["payload"]) for event in self.stream.events()]

    def person(self) -> ConsentStatus:
        return consent_status(self.people.answers[PERSON], Purpose.MARKETING, Channel.EMAIL)

    def address(self, purpose: Purpose = Purpose.MARKETING) -> ConsentStatus:
        return consent_status(self.people.address_consents(MAILBOX), purpose, Channel.EMAIL)


@pytest.fixture
def desk() -> Desk:
    return Desk()


ABOUT = {"message_id": "m_1", "decision_id": "d_1", "channel": "email"}


@pytest.mark.parametrize(
    ("report", "event", "more"),
    [
        (ses_report("Delivery"), "message_delivered", {}),
        (ses_report("Open"), "message_opened", {}),
        (ses_report("Click"), "message_clicked", {"url": "https://shop.example.com/offers"}),
        (ses_report("Bounce"), "message_bounced", {"bounce_type": "permanent", "bounce_subtype": "General"}),
        (
            ses_report("Bounce", bounceType="Transient", bounceSubType="MailboxFull"),
            "message_bounced",
            {"bounce_type": "transient", "bounce_subtype": "MailboxFull"},
        ),
        (
            ses_report("Bounce", bounceType="Undetermined", bounceSubType="Undetermined"),
            "message_bounced",
            {"bounce_type": "transient", "bounce_subtype": "Undetermined"},
        ),
        (ses_report("Complaint"), "message_complained", {"feedback_type": "abuse"}),
        (ses_report("Reject"), "message_rejected", {"reason": "Bad content"}),
        (ses_report("Rendering Failure"), "message_rejected", {"reason": "rendering failure"}),
    ],
    ids=lambda value: value["detail"]["eventType"] if isinstance(value, dict) and "detail" in value else None,
)
def test_a_report_becomes_an_event_that_its_contract_takes_and_that_names_no_address(
    desk: Desk, report: dict[str, Any], event: str, more: dict[str, str]
) -> None:
    taken = desk.take(report)

    assert not taken.failures
    assert (event, {**ABOUT, **more}) in desk.events()
    assert event == EVENT_TYPES[desk.outcome]
    for record in desk.stream.records:
        read_interaction(record.data, secret=HASH_SECRET.encode(), now=datetime(2026, 3, 3, tzinfo=UTC))
    for _, payload in desk.events():
        assert ADDRESS not in json.dumps(payload)


def test_every_outcome_has_an_event_type_that_the_contract_of_engagement_allows() -> None:
    assert set(EVENT_TYPES.values()) <= set(load().source("engagement_events").event_types)


def test_reports_in_any_order_end_with_the_same_outcome() -> None:
    kinds = ("Delivery", "Open", "Click")
    for order in itertools.permutations(kinds):
        desk = Desk()
        desk.take(*(ses_report(kind) for kind in order))
        assert desk.outcome is Outcome.CLICKED


@pytest.mark.parametrize("kind", ["Bounce", "Complaint"])
def test_a_bounce_and_a_complaint_are_final(desk: Desk, kind: str) -> None:
    desk.take(ses_report(kind), ses_report("Delivery"), ses_report("Click"))

    assert desk.outcome in {Outcome.BOUNCED, Outcome.COMPLAINED}


def test_a_report_that_comes_again_is_the_same_event(desk: Desk) -> None:
    desk.take(ses_report("Click"), ses_report("Click"))
    again, later = ses_report("Click"), ses_report("Click", timestamp="2026-03-02T18:00:00.000Z")
    desk.take(again, later)

    ids = [event["event_id"] for event in desk.stream.events()]
    assert len(ids) == 4
    assert len(set(ids)) == 2


def test_a_permanent_bounce_refuses_the_address_for_everything_and_not_the_person(desk: Desk) -> None:
    desk.take(ses_report("Bounce"))

    assert {desk.address(purpose) for purpose in Purpose} == {ConsentStatus.WITHDRAWN}
    assert desk.person() is ConsentStatus.GRANTED
    assert [event for event, _ in desk.events()] == ["message_bounced"]


def test_a_transient_bounce_refuses_nothing(desk: Desk) -> None:
    desk.take(ses_report("Bounce", bounceType="Transient", bounceSubType="MailboxFull"))

    assert (desk.address(), desk.person()) == (ConsentStatus.NEVER_ASKED, ConsentStatus.GRANTED)


def test_a_complaint_ends_the_consent_of_the_person_and_of_the_address(desk: Desk) -> None:
    desk.take(ses_report("Complaint"))

    assert (desk.address(), desk.person()) == (ConsentStatus.WITHDRAWN, ConsentStatus.WITHDRAWN)
    assert ("consent_changed", {"purpose": "marketing", "channel": "email", "granted": False}) in desk.events()
    assert desk.address(Purpose.ANALYTICS) is ConsentStatus.NEVER_ASKED


def test_a_refusal_does_not_reach_an_address_that_the_message_did_not_go_to(desk: Desk) -> None:
    desk.people.profiles = {PERSON: profile(email="new@mail.org")}

    desk.take(ses_report("Complaint"))

    (refusal,) = [event for event in desk.stream.events() if event["event_type"] == "consent_changed"]
    assert "email" not in refusal["identifiers"]
    assert refusal["identifiers"]
    assert desk.address() is ConsentStatus.WITHDRAWN


def test_a_person_who_was_merged_is_found_by_the_surviving_id(desk: Desk) -> None:
    desk.people.profiles, desk.people.aliases = {"p_survivor": profile("p_survivor")}, {PERSON: "p_survivor"}

    desk.take(ses_report("Complaint"))

    assert [answer.granted for answer in desk.people.answers["p_survivor"]] == [False]
    assert len(desk.events()) == 2


def test_a_report_about_a_person_who_is_gone_still_refuses_the_address(desk: Desk) -> None:
    desk.people.profiles = {}

    assert not desk.take(ses_report("Complaint"), ses_report("Delivery")).failures
    assert desk.address() is ConsentStatus.WITHDRAWN
    assert desk.events() == []


def test_what_cannot_be_taken_comes_again_and_keeps_nothing_waiting(desk: Desk) -> None:
    broken = ses_report()
    del broken["detail"]["mail"]["tags"]["message_id"]
    taken = desk.take(ses_report(message_id="m_none"), broken, ses_report("Delivery"), {"detail": "no object"})

    assert set(taken.failures) == {"q0", "q1", "q3"}
    assert "message m_none: the single view does not know it" in taken.failures["q0"]
    assert "mail.tags.message_id" in taken.failures["q1"]
    assert taken.outcomes == {Outcome.DELIVERED: 1}


def test_a_stream_that_refuses_makes_the_report_come_again_and_changes_nothing_twice(desk: Desk) -> None:
    desk.stream.refuse = {0}
    assert set(desk.take(ses_report("Delivery")).failures) == {"q0"}
    desk.stream.refuse = set()

    assert not desk.take(ses_report("Delivery")).failures
    assert [event for event, _ in desk.events()] == ["message_delivered"]


def test_a_delay_says_nothing_yet() -> None:
    assert read_mail_report(ses_report("DeliveryDelay")["detail"]) is None
    assert set(DETAIL_TYPES) > {"DeliveryDelay"}


@pytest.mark.parametrize("field", ["eventType", "mail"])
def test_a_report_without_a_field_names_it(field: str) -> None:
    detail = ses_report()["detail"]
    del detail[field]

    with pytest.raises(UnreadableReportError, match=field) as raised:
        read_mail_report(detail)
    assert ADDRESS not in str(raised.value)


@pytest.mark.usefixtures("contact_environment")
def test_reports_from_the_queue_change_the_single_view_and_the_stream(cloud: Cloud, log: io.StringIO) -> None:
    now = datetime.now(UTC)
    cloud.put_profile(profile(), now=now)
    sent = replace(SENT, sent_at=SENT_AT)
    cloud.writer.note_sent(sent)
    queued = {
        "Records": [
            {"messageId": f"q{n}", "body": json.dumps(report), "eventSource": "aws:sqs"}
            for n, report in enumerate((ses_report("Click"), ses_report("Delivery"), ses_report(message_id="m_none")))
        ]
    }

    answer = handler.handle(queued, LambdaContext())
    cloud.writer.put_message(sent)  # the sender was slower than the mailbox

    assert answer == {"batchItemFailures": [{"itemIdentifier": "q2"}]}
    (message,) = cloud.reader.messages(PERSON, limit=10)
    assert (message["outcome"], message["template"]) == ("clicked", "welcome")
    assert sorted(event["event_type"] for event in cloud.events()) == ["message_clicked", "message_delivered"]
    assert ADDRESS not in log.getvalue()
    assert "m_none" in log.getvalue()
