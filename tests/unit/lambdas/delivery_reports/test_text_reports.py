"""What carriers report of text messages, in our words."""

from typing import Any

import pytest

from c360_core.delivery import Outcome
from lambdas.delivery_reports.report import UnreadableReportError
from lambdas.delivery_reports.text import read_text_report
from twin.emulator.wire import ServiceError, Wire
from twin.providers.sms_voice.service import FAILURE, SUCCESS, SmsVoice


def detail(status: str, *, final: bool = True) -> dict[str, Any]:
    """Return an event in the form of AWS's example."""
    return {
        "eventType": f"TEXT_{status}",
        "eventVersion": "1.0",
        "eventTimestamp": 1686975103470,
        "isFinal": final,
        "originationPhoneNumber": "+12065550152",
        "destinationPhoneNumber": "+14255550156",
        "isInternationalSend": False,
        "mcc": "310",
        "mnc": "800",
        "messageId": "862a8790-60c0-4430-9b2b-658bdexample",
        "messageRequestTimestamp": 1686975103170,
        "messageEncoding": "GSM",
        "messageType": "PROMOTIONAL",
        "messageStatus": status,
        "messageStatusDescription": "Message has been accepted by phone carrier",
        "context": {"message_id": "m_1", "decision_id": "d_1"},
        "totalMessageParts": 1,
        "totalMessagePrice": 0.09582,
        "totalCarrierFee": 0.0,
    }


@pytest.mark.parametrize(
    ("status", "outcome", "payload", "permanent"),
    [
        ("DELIVERED", Outcome.DELIVERED, {}, False),
        ("SUCCESSFUL", Outcome.DELIVERED, {}, False),
        ("INVALID", Outcome.BOUNCED, {"bounce_type": "permanent", "bounce_subtype": "INVALID"}, True),
        ("UNREACHABLE", Outcome.BOUNCED, {"bounce_type": "transient", "bounce_subtype": "UNREACHABLE"}, False),
        ("TTL_EXPIRED", Outcome.BOUNCED, {"bounce_type": "transient", "bounce_subtype": "TTL_EXPIRED"}, False),
        ("CARRIER_BLOCKED", Outcome.REJECTED, {"reason": "CARRIER_BLOCKED"}, False),
    ],
)
def test_a_last_word_is_an_outcome(status: str, outcome: Outcome, payload: dict[str, str], *, permanent: bool) -> None:
    report = read_text_report(detail(status))

    assert report is not None
    assert (report.outcome, report.payload, report.permanent) == (outcome, payload, permanent)
    assert (report.message_id, report.at.isoformat()) == ("m_1", "2023-06-17T04:11:43.470000+00:00")


@pytest.mark.parametrize(("status", "final"), [("SENT", False), ("QUEUED", False), ("SUCCESSFUL", False)])
def test_what_is_on_its_way_says_nothing_yet(status: str, *, final: bool) -> None:
    assert read_text_report(detail(status, final=final)) is None


def test_a_report_without_a_field_names_it_and_no_number() -> None:
    broken = {**detail("DELIVERED"), "context": {}}

    with pytest.raises(UnreadableReportError, match=r"context\.message_id") as raised:
        read_text_report(broken)
    assert "4255550156" not in str(raised.value)


def test_the_stand_in_reports_in_this_form_and_refuses_who_said_stop() -> None:
    told: list[Any] = []
    service = SmsVoice(has_configuration_set=lambda name: name == "c360-dev", tell=told.append)
    wire = Wire("pinpoint-sms-voice-v2", service)
    request = {"MessageBody": "Hello", "ConfigurationSetName": "c360-dev", "Context": {"message_id": "m_1"}}

    for number in (SUCCESS, FAILURE):
        wire.invoke("SendTextMessage", {**request, "DestinationPhoneNumber": number})
    reports = [report for event in told if (report := read_text_report(event)) is not None]
    assert [report.outcome for report in reports] == [Outcome.DELIVERED, Outcome.BOUNCED]
    assert set(told[0]) <= set(detail("SENT"))

    wire.invoke("PutOptedOutNumber", {"OptOutListName": "Default", "OptedOutNumber": SUCCESS})
    with pytest.raises(ServiceError) as raised:
        wire.invoke("SendTextMessage", {**request, "DestinationPhoneNumber": SUCCESS})
    assert raised.value.fields == {"Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"}
    listed = wire.invoke("DescribeOptedOutNumbers", {"OptOutListName": "Default"})["OptedOutNumbers"]
    assert [one["OptedOutNumber"] for one in listed] == [SUCCESS]
    wire.invoke("DeleteOptedOutNumber", {"OptOutListName": "Default", "OptedOutNumber": SUCCESS})
    wire.invoke("SendTextMessage", {**request, "DestinationPhoneNumber": SUCCESS})
    assert len(service.outbox) == 3
